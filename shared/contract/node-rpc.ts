/**
 * What a Gate asks a node over `dispatch.ask(node, kind, body)`: Gate has no store of its own. The node registers one
 * `dispatch.answer(kind, ...)` for each kind; `askNode` and `askNodes` are the typed way to ask.
 *
 * A node answers a request as a whole with a 503 (GP_DRAINING, GP_STORE_UNAVAILABLE, ...) only where it did nothing of it, and with
 * GP_OUTCOME_UNKNOWN where it may have; Gate then goes on to the next node with the same ids, as it does when no answer came.
 *
 * Gate may send a request to a node again before that one has replied. The node does it once: `append-messages` is named by its
 * first id, the other writes by `question`, which Gate makes for each of its requests (those of the version before send none).
 */
import type { ErrorCode } from './errors.js'
import type { Scope } from './claims.js'
import type { RevocationChange } from './revocations.js'
import type { MessageId, NodeId } from './names.js'
import type { MessageDraft, Target } from './message.js'

/** `id` is fixed by Gate before the first hand-over and stays the same over all tries: the node makes it exactly-once. */
export interface HandedMessage {
  readonly id: MessageId
  /** As `parseMessage` gave it; a volatile one is only handed to dispatch. */
  readonly message: MessageDraft
  /** 1 to 256 characters; scope of the claim: the sender. */
  readonly idempotencyKey?: string
}

/** With an idempotency key used before, `id` is the first one's and `duplicate` is true. Volatile: 202. */
export interface AppendedMessage {
  readonly status: 201 | 200 | 202
  readonly id: MessageId
  /** ISO 8601, from the id's time. */
  readonly createdAt: string
  readonly duplicate: boolean
}

export interface RefusedMessage {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
}

export type MessageResult = AppendedMessage | RefusedMessage

/** Refused by a node that does not know whether it is stored. */
export const mayBeStored = (result: MessageResult): boolean => !isAppended(result) && (result.code === 'GP_OUTCOME_UNKNOWN' || isDoubtOfOld(result))

/** The version before this one had no code for it, only words. */
const isDoubtOfOld = ({ code, message }: RefusedMessage): boolean => code === 'GP_STORE_UNAVAILABLE' && message.startsWith('the store did not say')

export const isAppended = (result: MessageResult): result is AppendedMessage => 'id' in result

/** What a Gate tells of itself every few seconds. */
export interface GateAnnouncement {
  /** Of this run. */
  readonly id: string
  readonly url: string
  readonly version: string
  /** Ms since 1970. */
  readonly startedAt: number
  /** As a node's heartbeat names it. */
  readonly process: string
  readonly requestsPerSecond: number
  readonly refusalsPerSecond: number
  readonly eventLoopLagMs: number
  readonly rssBytes: number
}

/** A Gate, and how long ago it told of itself, in ms. */
export interface SeenGate extends GateAnnouncement { readonly agoMs: number }

/** One open socket of a user. */
export interface SocketDetails {
  readonly openedAgoMs: number
  readonly state: 'opening' | 'live' | 'behind' | 'closed'
  /** Not sent yet, because the client reads slowly. */
  readonly waitingBytes: number
  /** Whether the entry that was asked for has been passed on to it; missing where none was, or nobody can tell. */
  readonly wasPassedOn?: boolean
}

/** A message as an operator sees it: what it is and what became of it, not what it says. Times in ms since 1970. */
export interface MessageDetails {
  readonly id: string
  readonly stream: string
  readonly seq: number
  readonly from: string
  readonly category: string
  readonly createdAt: number
  readonly boxes: ReadonlyArray<'inbox' | 'sent'>
  readonly read: boolean
  readonly archived: boolean
  readonly recalled: boolean
  readonly acted: string | null
}

export interface UserDetails {
  /** The first of them by name, and how many there are. */
  readonly groups: readonly string[]
  readonly groupCount: number
  readonly unread: number
  readonly byCategory: Readonly<Record<string, number>>
  /** The last ones of all boxes, newest first; those that the user deleted are not among them. */
  readonly messages: readonly MessageDetails[]
}

/** What a user did to a message, and when (null: not, or nothing stored says when). */
export interface ReaderTrace {
  /** False: the user is no receiver of it, or joined its group later. */
  readonly sees: boolean
  readonly read: boolean
  readonly archived: boolean
  readonly deleted: boolean
  readonly acted: string | null
  readonly readAt: number | null
  readonly archivedAt: number | null
  readonly deletedAt: number | null
  readonly actedAt: number | null
}

/** One message in one stream. Times in ms since 1970. */
export interface MessageTrace {
  readonly stream: string
  readonly seq: number
  readonly from: string
  readonly category: string
  readonly createdAt: number
  /** By the clock of the node that appended it; a stream that was ahead of that clock shows a later time. */
  readonly storedAt: number
  readonly expiresAt: number
  readonly recalledAt: number | null
  /** Null where no user was named. */
  readonly reader: ReaderTrace | null
}

/** When an entry of late left a node. Times in ms since 1970, by that node's clock. */
export interface RecentTimesOfEntry {
  /** From when on the node knows all of it; what was before may be overwritten. */
  readonly since: number
  /** Where it stored the entry: when it gave it to dispatch, and what became of that (`BroadcastFate`). */
  readonly broadcast: { readonly at: number, readonly fate: string } | null
  /** When it wrote the entry to sockets. */
  readonly written: { readonly firstAt: number, readonly lastAt: number, readonly sockets: number } | null
}

/** One line for each kind: what is asked, what is answered. `sender` is `p:NAME`, a producer. */
export interface NodeRequests {
  /** Stores the messages, those to one target in their order; results in the order asked. */
  'append-messages': [{ sender: string, messages: readonly HandedMessage[] }, { results: readonly MessageResult[] }]
  /** Takes a producer's own message back; GP_NOT_FOUND, GP_NOT_SENDER. `to` as it was sent. */
  recall: [{ sender: string, id: string, to: Target, question?: string }, { id: string }]
  /** This node's own open sockets of a user. */
  presence: [{ user: string }, { sockets: number }]
  /** The same with more of each; `seq`, an entry of `stream`: whether it was passed on. Unknown in version 0.1, as are the three below. */
  'user-sockets': [{ user: string, stream?: string, seq?: number }, { sockets: readonly SocketDetails[] }]
  /** From the store. */
  'user-details': [{ user: string, messages: number }, UserDetails]
  /** From the store: in the stream of `user`, of `group`, of all. GP_NOT_FOUND. */
  'trace-message': [{ id: string, user?: string, group?: string }, MessageTrace]
  /** From memory; of what was written, with `user` only what went to that user's sockets. Unknown before this version. */
  'recent-times': [{ stream: string, seq: number, user?: string }, RecentTimesOfEntry]
  /** Takes so many messages of a producer's minute, or says how long until they are there. Counted here for all Gates; unknown before this version. */
  'count-producer': [{ producer: string, messages: number, perMinute: number }, { waitSeconds: number }]
  /** Takes note of a Gate; every Gate that this node has heard of lately. */
  'announce-gate': [GateAnnouncement, { gates: readonly SeenGate[] }]
  /** Closes them; how many there were. */
  disconnect: [{ user: string }, { sockets: number }]
  /** Durable when answered; idempotent. */
  'join-group': [{ group: string, user: string, question?: string }, Record<string, never>]
  'leave-group': [{ group: string, user: string, question?: string }, Record<string, never>]
  /** `next` is the `after` of the following page, null where there is none. */
  'list-members': [{ group: string, limit: number, after?: string }, { members: readonly string[], next: string | null }]
  /** Durable when answered. `before`: ms since 1970; null lifts it. */
  revoke: [{ kind: Scope, name: string, before: number | null }, Record<string, never>]
  /** Uses a link that signs an admin in, which ends at `until` (ms since 1970), in the name of one try, `by`. False: another try has used it. Unknown in version 0.1. */
  'use-link': [{ id: string, by: string, until: number }, { isFirst: boolean }]
  /** What has changed after a seq of the log of revocations; `more`: ask again. `isShorter`: the stored log ends before that seq; ask from 0. */
  'revocations-after': [{ seq: number, limit: number }, { changes: readonly RevocationChange[], more: boolean, isShorter?: true }]
  /** Answered once begun. */
  drain: [Record<string, never>, Record<string, never>]
  /** Back on the ring, also in the middle of a drain. */
  undrain: [Record<string, never>, Record<string, never>]
}

export type NodeRequestKind = keyof NodeRequests
/** What changes nothing: its outcome is never unknown. */
export const readKinds: ReadonlySet<NodeRequestKind> = new Set<NodeRequestKind>(['presence', 'user-sockets', 'user-details', 'trace-message', 'recent-times', 'announce-gate', 'list-members', 'revocations-after'])
export type NodeRequest<K extends NodeRequestKind> = NodeRequests[K][0]
export type NodeAnswer<K extends NodeRequestKind> = NodeRequests[K][1]

/** What is needed of dispatch here. */
interface CanAsk { ask: (node: NodeId, kind: string, body: unknown, timeoutMs?: number) => Promise<unknown> }
interface CanAskAll { askAll: (kind: string, body: unknown, timeoutMs?: number) => Promise<Map<NodeId, unknown>> }
interface CanAnswer { answer: (kind: string, handler: (body: unknown, from: string, isOld: boolean) => Promise<unknown>) => void }

/** Rejects as `dispatch.ask` does. Both ends are this package, of one cluster: the answer's shape is believed. */
export async function askNode<K extends NodeRequestKind> (
  dispatch: CanAsk, node: NodeId, kind: K, body: NodeRequest<K>, timeoutMs?: number
): Promise<NodeAnswer<K>> {
  return await dispatch.ask(node, kind, body, timeoutMs) as NodeAnswer<K>
}

export async function askNodes<K extends NodeRequestKind> (
  dispatch: CanAskAll, kind: K, body: NodeRequest<K>, timeoutMs?: number
): Promise<Map<NodeId, NodeAnswer<K>>> {
  return await dispatch.askAll(kind, body, timeoutMs) as Map<NodeId, NodeAnswer<K>>
}

/** The node's side: one handler for each kind, all of them there. `isOld`: a process of version 0.1 asks. */
export type NodeRequestHandlers = {
  readonly [K in NodeRequestKind]: (body: NodeRequest<K>, from: string, isOld: boolean) => Promise<NodeAnswer<K>>
}

export function answerNodeRequests (dispatch: CanAnswer, handlers: NodeRequestHandlers): void {
  for (const kind of Object.keys(handlers) as NodeRequestKind[]) {
    dispatch.answer(kind, handlers[kind] as (body: unknown, from: string, isOld: boolean) => Promise<unknown>)
  }
}
