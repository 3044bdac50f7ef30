/** What may have been missed, by what heartbeats say and what has come. */
import t from 'tap'
import { lifeToken } from '../../../shared/contract/subjects.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId } from '../../../shared/contract/names.js'
import { createGapWatch, type GapWatch } from '../../../services/dispatch/broadcast/gap-watch.js'
import { createReceiveCounters } from '../../../services/dispatch/broadcast/receive-counters.js'
import type { SuspectedGap } from '../../../services/dispatch/dispatch.js'
import type { Heartbeat } from '../../../services/dispatch/heartbeat.js'
import { idleLoad } from '../../helpers/dispatch-nodes.js'
import { until } from '../../helpers/until.js'

const a = 'a' as NodeId
const ann = userStream('ann')
const createdAtMs = 1000

const heartbeat = (changes: Partial<Heartbeat>): Heartbeat => ({ id: a, url: 'http://a', weight: 1, version: '1', startedAt: createdAtMs + 1, state: 'up', load: idleLoad, sent: 0, time: 0, ...changes })

interface World { watch: GapWatch, gaps: SuspectedGap[], asked: unknown[], receive: (count: number, startedAt?: number) => void }

function setup (t: { teardown: (end: () => void) => void }, receivedMs: number | undefined, answer: () => Promise<unknown> = async () => ({ upTo: 7, streams: [ann], hasMore: false })): World {
  const receiveCounters = createReceiveCounters()
  const gaps: SuspectedGap[] = []
  const asked: unknown[] = []
  const watch = createGapWatch({
    receiver: { receivedMs },
    receiveCounters,
    ask: async (_node, body) => { asked.push(body); return await answer() },
    emit: gap => { gaps.push(gap) },
    createdAtMs,
    intervals: { settleMs: 100, jitterMs: 0 },
    log: createSilentLog()
  })
  t.teardown(() => { watch.close() })
  return { watch, gaps, asked, receive: (count, startedAt = createdAtMs + 1) => { receiveCounters.publisher(lifeToken(a, startedAt))!.counted += count } }
}

void t.test('gap watch - a heartbeat that counts more than has come: the node names the streams', async t => {
  const { watch, gaps, asked, receive } = setup(t, 0)
  receive(5)
  watch.heardHeartbeat(heartbeat({ sent: 7 }))
  t.equal(watch.isClear, false)
  await until('the gap is emitted', () => watch.isClear)
  t.same(gaps, [{ kind: 'streams', streams: [ann] }])
  t.equal(asked.length, 1)
  watch.heardHeartbeat(heartbeat({ sent: 7 }))
  t.ok(watch.isClear, 'the count is believed from then on')
})

void t.test('gap watch - a node that was there before counts from its first heartbeat while all is new, and from 0 later', async t => {
  const early = setup(t, 0)
  early.watch.heardHeartbeat(heartbeat({ startedAt: createdAtMs - 1, sent: 1000 }))
  t.ok(early.watch.isClear)
  const late = setup(t, 100)
  late.watch.heardHeartbeat(heartbeat({ startedAt: createdAtMs - 1, sent: 1000 }))
  t.notOk(late.watch.isClear)
})

void t.test('gap watch - a bye that counts more than has come leaves nobody to ask: everything is suspected', async t => {
  const { watch, gaps, asked, receive } = setup(t, 0)
  receive(5)
  watch.heardBye(heartbeat({ sent: 5 }))
  t.ok(watch.isClear)
  receive(1)
  watch.heardBye(heartbeat({ sent: 7 }))
  await until('the gap is emitted', () => watch.isClear)
  t.same(gaps, [{ kind: 'everything' }])
  t.same(asked, [])
})

void t.test('gap watch - a life that ended without a bye: its last broadcasts, at once; everything where some were missing', async t => {
  const { watch, gaps, receive } = setup(t, 0, async () => { throw new Error('nobody is there') })
  watch.lifeEnded(a, createdAtMs + 1)
  t.same(gaps, [{ kind: 'node', node: a }])
  t.ok(watch.isClear)
  receive(1, createdAtMs + 2)
  watch.heardHeartbeat(heartbeat({ startedAt: createdAtMs + 2, sent: 3 }))
  watch.lifeEnded(a, createdAtMs + 2)
  await until('the gap is emitted', () => watch.isClear)
  t.same(gaps.slice(1), [{ kind: 'node', node: a }, { kind: 'everything' }])
})

void t.test('gap watch - a process that receives no broadcasts misses none', async t => {
  const { watch, gaps } = setup(t, undefined)
  watch.heardHeartbeat(heartbeat({ sent: 7 }))
  watch.heardBye(heartbeat({ sent: 8 }))
  watch.lifeEnded(a, createdAtMs + 1)
  t.ok(watch.isClear)
  t.same(gaps, [])
})
