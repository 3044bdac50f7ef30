import t from 'tap'
import { createSocketLeases } from '../../../services/notifications/node/socket-leases.js'

function started () {
  const at = { ms: 0 }
  const away = new Set<string>()
  const lives = new Map<string, number>()
  return { at, away, lives, leases: createSocketLeases({ maxSockets: 10, elapsed: () => at.ms, memberOf: node => ({ state: away.has(node) ? 'down' : 'up', startedAt: lives.get(node) ?? 1 }) }) }
}

t.test('leases - each node hears what the others hold, and what this one does', async t => {
  const { leases } = started()
  t.equal(leases.take('ann', 'two', 3, 1), 1)
  t.equal(leases.take('ann', 'three', 2, 1), 4)
  t.equal(leases.take('ann', 'two', 4, 1), 3)
  t.equal(leases.of('ann'), 6)
  t.equal(leases.of('bob'), 0)
})

t.test('leases - what is too many is not kept, and what was kept before stays', async t => {
  const { leases } = started()
  t.equal(leases.take('ann', 'two', 8, 0), 0)
  t.equal(leases.take('ann', 'three', 5, 0), 8)
  t.equal(leases.of('ann'), 10, 'two of the five')
  t.equal(leases.take('ann', 'two', 8, 5), 7)
  t.equal(leases.of('ann'), 10, 'sockets here take nothing from a node that had them before')
})

t.test('leases - end by themselves, with their node, or when the node says so', async t => {
  const { at, away, leases } = started()
  leases.take('ann', 'two', 3, 0)
  leases.take('ann', 'three', 4, 0)
  away.add('two')
  t.equal(leases.of('ann'), 4)
  away.clear()
  leases.take('ann', 'three', 0, 0)
  t.equal(leases.of('ann'), 3)
  at.ms = 29_999
  t.equal(leases.of('ann'), 3)
  at.ms = 30_000
  t.equal(leases.of('ann'), 0)
  leases.sweep()
  t.equal(leases.of('ann'), 0)
})

t.test('leases - end with the life of their node: one that was started again holds what it says anew', async t => {
  const { away, lives, leases } = started()
  leases.take('ann', 'two', 8, 0)
  away.add('two')
  t.equal(leases.of('ann'), 0)
  away.clear()
  lives.set('two', 2)
  t.equal(leases.of('ann'), 0)
  t.equal(leases.take('ann', 'three', 10, 0), 0)
  t.equal(leases.of('ann'), 10)
  t.equal(leases.take('ann', 'two', 8, 0), 10)
  t.equal(leases.of('ann'), 10, 'what its former life held gives it no room')
})
