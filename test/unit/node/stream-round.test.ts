/** Every local stream is visited once a round: with streams that have nothing but a state. */
import t from 'tap'
import type { LocalStream } from '../../../services/notifications/realtime/hub.js'
import { StreamRound } from '../../../services/notifications/node/stream-round.js'
import { until } from '../../helpers/until.js'

t.test('stream round - each stream is visited in every round, one that is new too, one that has closed no more', async t => {
  const streams: Array<{ state: LocalStream['state'] }> = Array.from({ length: 300 }, () => ({ state: 'live' }))
  const visits = new Map<object, number>()
  let underWay = 0
  let most = 0
  const round = new StreamRound({
    streams: () => streams as unknown as LocalStream[],
    roundMs: 240,
    visit: async slice => {
      most = Math.max(most, ++underWay)
      for (const stream of slice) visits.set(stream, (visits.get(stream) ?? 0) + 1)
      await new Promise(resolve => setImmediate(resolve))
      underWay--
    }
  })
  t.teardown(() => { round.close() })
  await until('twice each', () => streams.every(stream => visits.get(stream)! >= 2))
  const counts = [...visits.values()]
  t.ok(Math.max(...counts) - Math.min(...counts) <= 2, 'as often as the others')
  t.equal(most, 1, 'one slice after the other')
  const late = { state: 'live' as const }
  const [closed] = streams
  closed!.state = 'closed'
  streams.push(late)
  const before = visits.get(closed!)
  await until('the new one', () => visits.get(late)! >= 2)
  t.equal(visits.get(closed!), before)
})
