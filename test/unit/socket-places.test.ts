import t, { type Test } from 'tap'
import { GatepostError } from '../../shared/contract/errors.js'
import type { NodeId, UserId } from '../../shared/contract/names.js'
import type { Member } from '../../services/dispatch/dispatch.js'
import type { Connection } from '../../services/notifications/realtime/connection.js'
import { createSocketPlaces, type Holdings, type SocketPlaces } from '../../services/notifications/node/socket-places.js'
import { until } from '../helpers/until.js'

const ann = 'ann' as UserId
const most = 10

/** Nodes `a` (that of every user), `b` and `c`; what is asked goes straight to the one that is asked, while it answers. */
function startNodes (t: Test) {
  const startedAt: Record<string, number> = { a: 1, b: 1, c: 1 }
  const clocksOff = new Set<string>()
  const states: Record<string, Member['state'] | 'silent' | 'old'> = { a: 'up', b: 'up', c: 'up' }
  let owner = 'a'
  let nowMs = 1_000_000
  const opened: Record<string, Connection[]> = { a: [], b: [], c: [] }
  const places: Record<string, SocketPlaces> = {}
  const members = (): Member[] => Object.entries(states).map(([id, state]) => ({ id, state, startedAt: startedAt[id]!, isClockOff: clocksOff.has(id) })) as Member[]
  for (const id of ['a', 'b', 'c']) {
    const ask = async (node: NodeId, _kind: string, body: unknown): Promise<unknown> => {
      if (['silent', 'old', 'down'].includes(states[node]!)) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no answer')
      await new Promise(resolve => setImmediate(resolve))
      return places[node]!.serve(body as Holdings, id)
    }
    const users = { connectionsOf: (user: UserId) => opened[id]!.filter(connection => connection.user === user), connections: () => opened[id]!.values() }
    places[id] = createSocketPlaces({ nodeId: id as NodeId, maxSockets: most, users, dispatch: { ask, isResponsive: true, members }, ownerOf: () => owner as NodeId, elapsed: () => nowMs })
    t.teardown(() => { places[id]!.close() })
  }
  /** As a handshake does. */
  const open = async (node: string, user = ann): Promise<boolean> => {
    const connection = { user } as Connection
    try {
      places[node]!.require(user)
      opened[node]!.push(connection)
      await places[node]!.confirm(user)
      return true
    } catch (error) {
      if ((error as GatepostError).code !== 'GP_RATE_LIMIT') throw error
      opened[node] = opened[node]!.filter(one => one !== connection)
      places[node]!.released(user)
      return false
    }
  }
  return {
    open,
    openMany: async (node: string, count: number, user = ann) => (await Promise.all(Array.from({ length: count }, async () => await open(node, user)))).filter(isOpen => isOpen).length,
    close: (node: string, count: number) => { for (let i = 0; i < count; i++) { opened[node]!.pop(); places[node]!.released(ann) } },
    restart: (node: string) => { startedAt[node]!++; opened[node] = [] },
    end: (node: string) => { places[node]!.close() },
    clockOff: (node: string) => { states[node] = 'draining'; clocksOff.add(node) },
    set: (node: string, state: Member['state'] | 'silent') => { states[node] = state },
    move: (node: string) => { owner = node },
    pass: (ms: number) => { nowMs += ms }
  }
}

t.test('socket places - so many over all nodes, however many come at once', async t => {
  const { openMany } = startNodes(t)
  t.equal(await openMany('b', 7), 7)
  t.equal(await openMany('a', 7), 3)
  t.equal(await openMany('c', 5), 0)
  t.equal(await openMany('c', 5, 'bob' as UserId), 5, 'another user is another one')
  const { openMany: openAll } = startNodes(t)
  const opened = await Promise.all(['b', 'c', 'b', 'c', 'a'].map(async node => await openAll(node, 8)))
  const sum = opened.reduce((a, b) => a + b)
  t.ok(sum <= most && sum >= most / 2, 'at once on all of them: never more', { opened })
})

t.test('socket places - what is refused takes no place, and what is closed makes room soon', async t => {
  const { openMany, open, close } = startNodes(t)
  t.equal(await openMany('b', 10), 10)
  t.equal(await openMany('c', 10), 0)
  t.notOk(await open('a'))
  close('b', 4)
  await until('there is room', async () => await open('a'))
  t.equal(await openMany('c', 10), 3)
})

t.test('socket places - a node that is down, drains or says nothing holds no place of another', async t => {
  for (const state of ['down', 'draining'] as const) {
    const { openMany, set } = startNodes(t)
    t.equal(await openMany('b', 10), 10)
    set('b', state)
    t.equal(await openMany('a', 10), 10, state)
  }
  const { openMany, pass } = startNodes(t)
  t.equal(await openMany('b', 10), 10)
  pass(31_000)
  t.equal(await openMany('a', 10), 10, 'a lease ends where it is not renewed')
})

t.test('socket places - while the counting node is silent, or does not count, each counts its own', async t => {
  const { openMany, close, set, pass } = startNodes(t)
  set('a', 'silent')
  t.equal(await openMany('b', 12), 10)
  t.equal(await openMany('c', 12), 10)
  set('a', 'up')
  pass(6_000)
  close('b', 1)
  t.equal(await openMany('b', 2), 1)
  t.equal(await openMany('a', 12), 0, 'it knows what there is at b now')
})

t.test('socket places - another node counts after the ring has changed', async t => {
  const { openMany, move } = startNodes(t)
  t.equal(await openMany('a', 6), 6)
  move('c')
  t.equal(await openMany('a', 1), 1)
  t.equal(await openMany('c', 10), 3)
})

t.test('socket places - a node that was started again holds nothing of its former life', async t => {
  const { openMany, restart } = startNodes(t)
  t.equal(await openMany('b', 10), 10)
  restart('b')
  t.equal(await openMany('a', 10), 10)
})

t.test('socket places - a node whose clock is off still serves, and its sockets count', async t => {
  const { openMany, clockOff } = startNodes(t)
  t.equal(await openMany('b', 7), 7)
  clockOff('b')
  t.equal(await openMany('a', 10), 3)
})

t.test('socket places - what went just before the end is sent', async t => {
  const { openMany, close, end } = startNodes(t)
  t.equal(await openMany('b', 10), 10)
  close('b', 10)
  end('b')
  await new Promise(resolve => setImmediate(() => { setImmediate(resolve) }))
  t.equal(await openMany('a', 10), 10)
})
