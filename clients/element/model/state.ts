/** All that the component knows, and nothing of how it is shown. */
import type { ConnectionState } from '../../connection.js'
import type { GatepostErrorCode } from '../../errors.js'
import type { Cursors, Message, UnreadCount } from '../../protocol.js'
import type { Change } from './change.js'
import type { Tab } from './tab.js'

/**
 *   none ──load──> loading ──page──> ready ──load──> ready (the old list stays while it is read again)
 *                     └──────fail──> failed ──load──> loading
 */
export type ListStatus = 'none' | 'loading' | 'ready' | 'failed'

export interface List {
  readonly status: ListStatus
  /** Newest first, as the node and the entries say; wishes are not in it. */
  readonly messages: readonly Message[]
  /** Where the next page begins. */
  readonly next: string | undefined
  readonly isLoadingOlder: boolean
  /** Live messages since the list was read from the start. */
  readonly live: number
}

/** What was asked for and is not answered yet: shown as if it were so, whatever a page says. */
export interface Wish { readonly change: Change }
/** Of a message, in the order in which they were wished. */
export type Wishes = ReadonlyMap<string, readonly Wish[]>

/** Both directions of one's mail with a user, oldest first. */
export interface Thread {
  readonly user: string
  readonly status: ListStatus
  readonly messages: readonly Message[]
  /** What is being sent. */
  readonly sending: readonly string[]
}

export type Toast =
  | { readonly kind: 'archived' | 'unarchived' | 'deleted', readonly count: number }
  | { readonly kind: 'failed', readonly what: 'archive' | 'unarchive' | 'remove' | 'markRead' | 'markUnread' | 'recall' | 'act' | 'send' }
  | { readonly kind: 'recalled' | 'recallLate' | 'sent' }

export interface State {
  readonly connection: ConnectionState | 'idle'
  /** Why the connection has ended. */
  readonly endedBy: GatepostErrorCode | undefined
  readonly user: string | undefined
  readonly unread: UnreadCount
  readonly isOpen: boolean
  readonly tab: Tab
  readonly list: List
  readonly wishes: Wishes
  /** What waits for the connection. */
  readonly waiting: number
  /** The reader has scrolled away from the newest. */
  readonly isAway: boolean
  /** Messages that came above what the reader sees. */
  readonly above: number
  /** Up to where messages were shown: what "mark all as read" may mark. */
  readonly shown: Cursors
  readonly selected: Message | undefined
  readonly thread: Thread | undefined
  /** Undefined = nothing is being selected. */
  readonly picked: ReadonlySet<string> | undefined
  readonly toast: Toast | undefined
  readonly nowMs: number
}

export const emptyList: List = { status: 'none', messages: [], next: undefined, isLoadingOlder: false, live: 0 }

export const initialState: State = {
  connection: 'idle',
  endedBy: undefined,
  user: undefined,
  unread: { unread: 0, byCategory: {} },
  isOpen: false,
  tab: 'all',
  list: emptyList,
  wishes: new Map(),
  waiting: 0,
  isAway: false,
  above: 0,
  shown: {},
  selected: undefined,
  thread: undefined,
  picked: undefined,
  toast: undefined,
  nowMs: 0
}
