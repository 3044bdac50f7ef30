/** Dispatch participants for tests: nodes that note what arrives and what is in doubt. */
import type { Test } from 'tap'
import { createClock, type Clock } from '../../shared/contract/clock.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { NodeId, StreamId } from '../../shared/contract/names.js'
import type { Bus } from '../../services/dispatch/buses/bus.js'
import type { Unsigned } from '../../services/dispatch/bus-trust.js'
import { createDispatch } from '../../services/dispatch/create-dispatch.js'
import type { Dispatch, SuspectedGap, NodeLoad } from '../../services/dispatch/dispatch.js'
import type { DispatchIntervals } from '../../services/dispatch/intervals.js'
import { streamToken } from '../../shared/contract/subjects.js'

export const testSecret = 'the-secret-that-every-test-process-has'

/** A tenth of the real ones. */
export const quickIntervals: Partial<DispatchIntervals> = { heartbeatMs: 100, suspectAfterMs: 250, downAfterMs: 400, frozenMs: 500, settleMs: 110, jitterMs: 20, answerMs: 500 }

export const idleLoad: NodeLoad = { sockets: 0, users: 0, messagesPerSecond: 0, eventLoopLagMs: 0, rssBytes: 0, store: 'lmdb', dispatch: 'in-process' }

export interface TestNode {
  readonly id: NodeId
  readonly dispatch: Dispatch
  /** `from stream payload` of what came for a stream that this node wants. */
  readonly arrivals: string[]
  readonly doubts: SuspectedGap[]
  /** The streams that this node has readers for. */
  readonly wanted: Set<StreamId>
  announced: 'up' | 'draining'
  isClockOff: boolean
  load: Partial<NodeLoad>
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
}

export function startTestNode (t: Test, { id, bus, startedAt = Date.now(), intervals = quickIntervals, clock = createClock(), prefix = 'test', weight = 1, revocations, secret = testSecret, unsigned }: TestNodeOptions): TestNode {
  const node: Omit<TestNode, 'dispatch'> = { id: id as NodeId, arrivals: [], doubts: [], wanted: new Set(), announced: 'up', isClockOff: false, load: {} }
  const dispatch = createDispatch({
    bus,
    prefix,
    secret,
    unsigned,
    self: { id: node.id, startedAt },
    clock,
    log: createSilentLog(),
    intervals
  })
  t.teardown(async () => { await dispatch.close() })
  dispatch.join({ url: `http://${encodeURIComponent(id)}.test`, weight, version: '1.0.0', state: () => node.announced, isClockOff: () => node.isClockOff, load: () => ({ ...idleLoad, ...node.load }), ...revocations !== undefined && { revocations } })
  dispatch.onArrival(
    token => [...node.wanted].some(stream => streamToken(stream) === token),
    ({ from, token, payload }) => {
      const stream = [...node.wanted].find(wanted => streamToken(wanted) === token)
      node.arrivals.push(`${from} ${stream} ${Buffer.from(payload).toString()}`)
    })
  dispatch.onDoubt(doubt => { node.doubts.push(doubt) })
  return Object.assign(node, { dispatch })
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
