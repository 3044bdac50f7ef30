/**
 * What the tabs of a site say to each other over one BroadcastChannel. Names and fields stay as they are under one form: a tab that was opened
 * before the site put a new version out goes on beside those opened after it.
 */
import type { Cursors, Entry, Ready, UnreadCount, VolatileMessage } from '../protocol.js'

export const tabsForm = 1

/**
 * `term`: grows with each leader; what a former one says is passed over. `n` counts what was relayed in the term, so that a tab that
 * was stopped at a breakpoint, and lost messages for good, sees that it did. `to` = for this tab only.
 */
export type LeaderMessage = { readonly term: number, readonly to?: string } & (
  | { readonly type: 'lead' }
  | { readonly type: 'state', readonly state: 'connecting' | 'offline' }
  /** What comes after `position` will be relayed; `ready.heads` is where a reader begins that has no cursors. */
  | { readonly type: 'ready', readonly n: number, readonly ready: Ready, readonly position: Cursors, readonly isMove: boolean }
  | { readonly type: 'entries', readonly n: number, readonly entries: ReadonlyArray<Entry | VolatileMessage> }
  | { readonly type: 'unread', readonly n: number, readonly count: UnreadCount }
  | { readonly type: 'behind', readonly n: number }
  | { readonly type: 'answer', readonly id: number, readonly answer?: unknown, readonly error?: RelayedError }
  | { readonly type: 'alive', readonly n: number }
  | { readonly type: 'roll' }
)

export type FollowerMessage = { readonly tab: string } & (
  /** Answered with `ready` or `state`. */
  | { readonly type: 'attach' }
  | { readonly type: 'request', readonly id: number, readonly event: string, readonly payload: unknown }
  /** Answered with `alive`, by what a frozen tab does not run. */
  | { readonly type: 'probe' }
  | { readonly type: 'here' }
  | { readonly type: 'bye' }
)

export interface RelayedError {
  readonly code: string
  readonly message: string
  readonly retryAfterMs: number | undefined
}

export type TabMessage = LeaderMessage | FollowerMessage

export const isFromLeader = (message: TabMessage): message is LeaderMessage => 'term' in message
