/**
 * Dispatch's public door: what a Gate or a node sees of the others. Made by create-dispatch.ts over any Bus.
 */
import type { NodeId, StreamId } from '../../shared/contract/names.js'

export type MemberState = 'up' | 'suspect' | 'draining' | 'down'

/** What a node tells of itself with every heartbeat. */
export interface NodeLoad {
  readonly sockets: number
  readonly users: number
  readonly messagesPerSecond: number
  readonly eventLoopLagMs: number
  readonly rssBytes: number
  /** `lmdb`, `mongodb`; with ` (unreachable)` behind it where it is, ` (full)` where it takes no writes. */
  readonly store: string
  /** `nats`, `in-process`; with ` by interest` behind it where GATEPOST_DISPATCH says so, and ` (no link)` where there is none. */
  readonly dispatch: string
  /** The same of all nodes and Gates of one process, which share its memory and its event loop; absent in version 0.1. */
  readonly process?: string
  /** What was answered with an error; absent in version 0.1. */
  readonly refusalsPerSecond?: number
}

export interface Member {
  readonly id: NodeId
  readonly url: string
  readonly weight: number
  readonly version: string
  /** Ms since 1970; another start under the same id is another life. */
  readonly startedAt: number
  readonly state: MemberState
  /** It is `draining` since its clock is off, and still serves: for users where there is no other. */
  readonly isClockOff?: boolean | undefined
  /** Ms since 1970, by this process's clock. */
  readonly lastSeen: number
  readonly load: NodeLoad
  /** The seq up to which it has read the log of revocations; null until it has; absent in version 0.1. */
  readonly revocations?: number | null | undefined
  /** It hears what is pushed over arcs, and tells what it pushes: GATEPOST_DISPATCH=interest. */
  readonly isByInterest?: boolean | undefined
}

/** By its last heartbeat it cannot reach the store; others may. */
export const isStoreAway = ({ load }: Pick<Member, 'load'>): boolean => load.store.endsWith(' (unreachable)')

/**
 * `appeared`: unknown or down before; `lifeEnded`: silent for too long, said bye, or was replaced by another life; `forgotten`: that life.
 */
export type MemberEvent =
  | { readonly kind: 'appeared', readonly node: NodeId, readonly startedAt: number }
  | { readonly kind: 'changed', readonly node: NodeId, readonly from: MemberState, readonly to: MemberState }
  | { readonly kind: 'lifeEnded', readonly node: NodeId, readonly startedAt: number, readonly reason: 'silence' | 'bye' | 'replaced' }
  | { readonly kind: 'forgotten', readonly node: NodeId, readonly startedAt: number }

/** A stored or volatile entry on its way; `payload` is opaque to dispatch. */
export interface Arrival {
  readonly from: NodeId
  /** The stream's token (`streamToken`). */
  readonly token: string
  readonly payload: Uint8Array
}

/** Reading one stream by interest. */
export interface Listening {
  /** Resolves when all that is pushed from then on comes; undefined where it does already. Never rejects. */
  readonly comes: Promise<void> | undefined
  /** Once. */
  readonly stop: () => void
}

export interface TopicArrival {
  readonly from: NodeId
  readonly topic: string
  readonly match: 'exact' | 'prefix'
  readonly payload: Uint8Array
}

/**
 * What may have been missed: `streams` (the publisher named them), `node` (its last broadcasts: every stream that
 * the ring gave to it), `everything` (nobody can tell).
 */
export type SuspectedGap =
  | { readonly kind: 'streams', readonly streams: readonly StreamId[] }
  | { readonly kind: 'node', readonly node: NodeId }
  | { readonly kind: 'everything' }

/** One run of a node. A Gate has none: it sees the members and is none. */
export interface NodeLife {
  readonly id: NodeId
  /** Ms since 1970. */
  readonly startedAt: number
}

/** What a member announces of itself beside its life; the functions are asked at every heartbeat. */
export interface NodeAnnouncement {
  /** For clients. */
  readonly url: string
  readonly weight: number
  readonly version: string
  readonly state: () => 'up' | 'draining'
  readonly isClockOff?: () => boolean
  readonly load: () => NodeLoad
  readonly revocations?: () => number | null
}

/**
 * What became of an entry that was to be broadcast: `sent`, handed to the bus; `alone`, no other node was there; `disconnected`, the bus was away;
 * `too-large`, the bus takes less; `closed`, the node was ending. All but `sent` and `alone` are noticed by the others, who read the store.
 */
export type BroadcastFate = 'sent' | 'alone' | 'disconnected' | 'too-large' | 'closed'

export interface Dispatch {
  readonly isConnected: boolean
  /** Connected, and what is at the other end has answered lately: one that hangs keeps its connections for seconds. */
  readonly isResponsive: boolean
  /** All that others have broadcast until a moment ago has come, as far as can be known: answered for a whole round of heartbeats, and nothing in doubt. */
  readonly isWhole: boolean
  readonly maxPayloadBytes: number
  /** The member list can be believed: after one whole round of heartbeats; within one process, once everybody has answered. */
  readonly hasConverged: boolean
  /** Every member known, the down ones for 10 minutes; sorted by id. */
  members: () => readonly Member[]
  /** Called when the set of members, their states, weights or urls change (not at every heartbeat). Returns what ends it. */
  onMembers: (handler: (members: readonly Member[]) => void) => () => void
  /** Called with each single thing that becomes of another node, in order, before `onMembers` tells of it. Returns what ends it. */
  onMemberEvent: (handler: (event: MemberEvent) => void) => () => void
  /** Called with what each heartbeat of another node tells, in its turn. Returns what ends it. */
  onHeartbeat: (handler: (member: Member) => void) => () => void
  onConnected: (handler: (isConnected: boolean) => void) => () => void

  /**
   * To every other node that may read the stream, numbered, with the entry's `seq`: what is lost is noticed. While cut off or alone, the stream is remembered and nothing encoded; the same
   * becomes of what is larger than the bus takes. Never throws for what is stored already.
   */
  broadcast: (stream: StreamId, payload: Uint8Array | (() => Uint8Array), seq: number) => BroadcastFate
  /** To the same nodes, numbered by nobody: for volatile entries of a stream. */
  broadcastVolatile: (stream: StreamId, payload: Uint8Array) => void
  broadcastTopic: (topic: string, match: 'exact' | 'prefix', payload: Uint8Array) => void
  /** `wants` is asked first, by the token alone: what it drops costs nothing more. */
  onArrival: (wants: (token: string) => boolean, handler: (arrival: Arrival) => void) => () => void
  /**
   * By interest: this node reads a stream from now on, and only what is listened to comes. `hears` is told the seq up to which another node has
   * pushed the stream; where it returns false, the stream is in doubt. Undefined by broadcast: everything comes.
   */
  readonly listen: ((stream: StreamId, hears: (seq: number) => boolean) => Listening) | undefined
  onTopic: (handler: (arrival: TopicArrival) => void) => () => void
  /** A `node` doubt comes before `onMembers` tells that the node is gone: a ring built there still has it. */
  onDoubt: (handler: (doubt: SuspectedGap) => void) => () => void

  /**
   * One request to one node. Rejects with the GatepostError that the answering node threw, GP_DISPATCH_UNAVAILABLE where it
   * surely was not asked, or GP_OUTCOME_UNKNOWN where it may have been and no answer came.
   */
  ask: (node: NodeId, kind: string, body: unknown, timeoutMs?: number) => Promise<unknown>
  /** The same request to every member that is not down: answers by node; who does not answer in time is left out. */
  askAll: (kind: string, body: unknown, timeoutMs?: number) => Promise<Map<NodeId, unknown>>
  /** Serves `ask` for one kind; throws if it is served already, or where there is no `self` that could be asked. `from`: the asking node's id, or `gate`. */
  answer: (kind: string, handler: (body: unknown, from: string, isOld: boolean) => Promise<unknown>) => void

  /** Makes this node a member, at once and with every heartbeat; GP_VALIDATION for what no other would believe. Until then it hears the others, and answers. */
  join: (node: NodeAnnouncement) => void
  /** Announces state or load now rather than at the next heartbeat. */
  announceNow: () => void
  /** Says `bye` and ends; idempotent. Does not close the bus. */
  close: () => Promise<void>
}
