/** How a drain asks sockets to move: with connections that only note it. */
import t from 'tap'
import type { Connection } from '../../../services/notifications/realtime/connection.js'
import { startDrain } from '../../../services/notifications/node/drain.js'
import { until } from '../../helpers/until.js'

/** So many sockets and a clock that a test sets. */
function start (t: { teardown: (work: () => void) => void }, count: number) {
  let nowMs = 0
  const asked: number[] = []
  const closed: number[] = []
  const open = new Set<Connection>()
  const connections = Array.from({ length: count }, (_, i) => ({
    reassign: (reason: string) => { if (reason === 'draining') asked.push(i) },
    end: () => { closed.push(i) }
  }) as unknown as Connection)
  for (const connection of connections) open.add(connection)
  const drain = startDrain({ users: { connections: () => open.values() }, elapsed: () => nowMs, drainMs: 1_000 })
  t.teardown(drain.stop)
  return { drain, asked, closed, open, pass: (ms: number) => { nowMs = ms } }
}

t.test('drain - a few in each round, each once, all within four fifths of the time; who stays is closed at its end', async t => {
  const { drain, asked, closed, open, pass } = start(t, 80)
  await until('the first', () => asked.length > 0)
  t.ok(asked.length <= 20, `not all at once: ${asked.length}`)
  pass(800)
  await until('everybody', () => asked.length === 80)
  t.equal(new Set(asked).size, 80)
  t.same(closed, [])
  pass(1_000)
  await drain.ended
  t.equal(closed.length, open.size)
})

t.test('drain - it ends when nobody is left, or it is stopped', async t => {
  const empty = start(t, 3)
  empty.open.clear()
  await empty.drain.ended
  t.same(empty.closed, [])
  const stopped = start(t, 3)
  stopped.drain.stop()
  await stopped.drain.ended
  t.same(stopped.closed, [])
})
