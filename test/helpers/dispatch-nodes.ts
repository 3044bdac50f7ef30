/** Dispatch participants for tests: nodes that note what arrives and what is in doubt. */
import type { Test } from 'tap'
import { createClock, type Clock } from '../../shared/contract/clock.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { NodeId, StreamId } from '../../shared/contract/names.js'
import type { Bus } from '../../services/dispatch/buses/bus.js'
import type { Unsigned } from '../../services/dispatch/bus-trust.js'
import { createDispatch, type DispatchMode } from '../../services/dispatch/create-dispatch.js'
import type { BroadcastFate, Dispatch, SuspectedGap, NodeLoad } from '../../services/dispatch/dispatch.js'
import type { DispatchIntervals } from '../../services/dispatch/intervals.js'
import { streamToken } from '../../shared/contract/subjects.js'

export const testSecret = 'the-secret-that-every-test-process-has'

/** A tenth of the real ones. */
export const quickIntervals: Partial<DispatchIntervals> = { heartbeatMs: 100, suspectAfterMs: 250, downAfterMs: 400, frozenMs: 500, settleMs: 110, jitterMs: 20, answerMs: 500 }

export const idleLoad: NodeLoad = { sockets: 0, users: 0, messagesPerSecond: 0, eventLoopLagMs: 0, rssBytes: 0, store: 'lmdb', dispatch: 'in-process' }

export interface TestNode {
  readonly id: NodeId
  /** It numbers what it broadcasts by itself. */
  readonly dispatch: Omit<Dispatch, 'broadcast'> & { readonly broadcast: (stream: StreamId, payload: Uint8Array | (() => Uint8Array)) => BroadcastFate }
  /** `from stream payload` of what came for a stream that this node wants. */
  readonly arrivals: string[]
  readonly doubts: SuspectedGap[]
  /** The streams that this node has readers for; it listens to them. */
  readonly wanted: Wanted
  announced: 'up' | 'draining'
  isClockOff: boolean
  load: Partial<NodeLoad>
}

/** The seqs of all test nodes: a seq lies before what is broadcast. */
let lastSeq = 0

class Wanted extends Map<StreamId, { seq: number }> {
  listen: Dispatch['listen']

  /** As a hub opens a stream: from its head on. */
  add (...streams: StreamId[]): void {
    for (const stream of streams) {
      const reached = { seq: lastSeq }
      this.set(stream, reached)
      this.listen?.(stream, seq => seq <= reached.seq)
    }
  }

  byToken (token: string): StreamId | undefined { return [...this.keys()].find(stream => streamToken(stream) === token) }
}

export interface TestNodeOptions {
  id: string
  bus: Bus
  startedAt?: number
  intervals?: Partial<DispatchIntervals>
  clock?: Clock
  prefix?: string
  weight?: number
  revocations?: () => number | null
  secret?: string
  unsigned?: Unsigned
  mode?: DispatchMode | undefined
}

export function startTestNode (t: Test, { id, bus, startedAt = Date.now(), intervals = quickIntervals, clock = createClock(), prefix = 'test', weight = 1, revocations, secret = testSecret, unsigned, mode }: TestNodeOptions): TestNode {
  const node: Omit<TestNode, 'dispatch'> = { id: id as NodeId, arrivals: [], doubts: [], wanted: new Wanted(), announced: 'up', isClockOff: false, load: {} }
  const dispatch = createDispatch({
    bus,
    prefix,
    secret,
    unsigned,
    mode,
    self: { id: node.id, startedAt },
    clock,
    log: createSilentLog(),
    intervals
  })
  t.teardown(async () => { await dispatch.close() })
  dispatch.join({ url: `http://${encodeURIComponent(id)}.test`, weight, version: '1.0.0', state: () => node.announced, isClockOff: () => node.isClockOff, load: () => ({ ...idleLoad, ...node.load }), ...revocations !== undefined && { revocations } })
  node.wanted.listen = dispatch.listen
  dispatch.onArrival(
    token => node.wanted.byToken(token) !== undefined,
    ({ from, token, payload }) => {
      const stream = node.wanted.byToken(token)!
      const [, seq, text] = /^(\d+ )?(.*)$/su.exec(Buffer.from(payload).toString())!
      if (seq !== undefined) node.wanted.get(stream)!.seq = Number(seq)
      node.arrivals.push(`${from} ${stream} ${text}`)
    })
  dispatch.onDoubt(doubt => { node.doubts.push(doubt) })
  const broadcast: TestNode['dispatch']['broadcast'] = (stream, payload) =>
    dispatch.broadcast(stream, Buffer.concat([Buffer.from(`${++lastSeq} `), typeof payload === 'function' ? payload() : payload]), lastSeq)
  return Object.assign(node, { dispatch: Object.create(dispatch, { broadcast: { value: broadcast } }) as TestNode['dispatch'] })
}

/** A process that watches the members and is none, as a Gate does. */
export function startTestWatcher (t: Test, { bus, intervals = quickIntervals, prefix = 'test', secret = testSecret }: { bus: Bus, intervals?: Partial<DispatchIntervals>, prefix?: string, secret?: string }): Dispatch {
  const dispatch = createDispatch({ bus, prefix, secret, clock: createClock(), log: createSilentLog(), intervals })
  t.teardown(async () => { await dispatch.close() })
  return dispatch
}

/** `id:state` of every member. */
export const statesOf = (dispatch: Dispatch): string => dispatch.members().map(({ id, state }) => `${id}:${state}`).join(' ')

/** Whether this stream is in doubt at a node: by name, or with everything. */
export function isInDoubt (node: Pick<TestNode, 'doubts'>, stream: StreamId): boolean {
  return node.doubts.some(doubt => doubt.kind === 'everything' || (doubt.kind === 'streams' && doubt.streams.includes(stream)))
}
