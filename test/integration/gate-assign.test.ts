import { createHash } from 'node:crypto'
import t from 'tap'
import { assignNode, nodesInTurn } from '../../services/gate/assignment.js'
import { createMemberRings } from '../../services/gate/member-rings.js'
import { createInProcessBus } from '../../services/dispatch/buses/in-process-bus.js'
import type { Dispatch } from '../../services/dispatch/dispatch.js'
import { quickIntervals, startTestNode, startTestWatcher, statesOf } from '../helpers/dispatch-nodes.js'
import { createMounts } from '../../shared/platform/http/mounts.js'
import { createTicketVerifier } from '../../shared/platform/identity/ticket.js'
import { call, createMemorySite } from '../helpers/memory-nodes.js'
import { until } from '../helpers/until.js'

const usersOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `user ${i} 🦉`)

t.test('assignment - a node, an address, a ticket that this node takes', async t => {
  const site = createMemorySite(t)
  site.addNode('one')
  site.addNode('two.>')
  const gate = await site.addGate('gate')
  const exp = Math.floor(Date.now() / 1000) + 3600
  const answer = await call(gate, 'GET', '/gate/assign', { token: site.token('user', 'ann', { exp, groups: ['staff'], iat: exp - 4000 }) })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const { user, node, ticket, expiresAt } = answer.body
  t.equal(user, 'ann')
  t.equal(node.url, `http://${encodeURIComponent(node.id)}.test`)
  const read = createTicketVerifier({ secret: site.secret, nodeId: node.id }).verify(ticket)
  t.match(read, { user: 'ann', node: node.id, groups: ['staff'], userTokenExpiresAt: exp * 1000, userTokenIssuedAt: (exp - 4000) * 1000 })
  t.equal(expiresAt, new Date(read.expiresAt).toISOString())
})

t.test('assignment - two Gates, started before and after the nodes, give the same', async t => {
  const site = createMemorySite(t)
  const early = await site.addGate('early')
  for (const id of ['c', 'a', 'b']) site.addNode(id)
  const late = await site.addGate('late')
  await until('early knows all', async () => (await call(early, 'GET', '/gate/nodes', { token: site.token('admin') })).body.nodes.length === 3)
  const nodes = new Set<string>()
  for (const user of usersOf(60)) {
    const token = site.token('user', user)
    const [one, other] = await Promise.all([early, late].map(async gate => (await call(gate, 'GET', '/gate/assign', { token })).body.node.id))
    t.equal(one, other, user)
    nodes.add(one)
  }
  t.equal(nodes.size, 3)
})

t.test('assignment - a Gate is not ready and assigns nobody before all nodes of its own process have started', async t => {
  let areThere = false
  const site = createMemorySite(t)
  site.addNode('first')
  const gate = await site.addGate('gate', {}, { mounts: createMounts(), isByRequest: false, areThere: () => areThere })
  const token = site.token('user', 'ann')
  const early = await call(gate, 'GET', '/gate/assign', { token })
  t.match(early, { status: 503, body: { code: 'GP_NO_NODE' } })
  t.match(await call(gate, 'GET', '/readyz'), { status: 503, body: { checks: { members: 'its nodes have not all started yet' } } })
  areThere = true
  t.equal((await call(gate, 'GET', '/gate/assign', { token })).status, 200)
  t.equal((await call(gate, 'GET', '/readyz')).status, 200)
})

t.test('assignment - a node whose clock is off is assigned where there is no other; one that drains is not', async t => {
  const hub = createInProcessBus()
  const [right, off, gone] = ['right', 'off', 'gone'].map(id => startTestNode(t, { id, bus: hub.connect(id), intervals: quickIntervals }))
  const gate = startTestWatcher(t, { bus: hub.connect('gate'), intervals: quickIntervals })
  const rings = createMemberRings(gate)
  const given = (avoid: string[] = []): Set<string | undefined> => new Set(usersOf(50).map(user => assignNode(rings(), user, new Set(avoid))))
  Object.assign(off!, { announced: 'draining', isClockOff: true })
  gone!.announced = 'draining'
  await until('heard', () => statesOf(gate) === 'gone:draining off:draining right:up')
  t.same(given(), new Set(['right']))
  t.same(given(['right']), new Set(['off']))
  Object.assign(right!, { announced: 'draining', isClockOff: true })
  await until('both are off', () => statesOf(gate) === 'gone:draining off:draining right:draining')
  t.same(given(), new Set(['off', 'right']), 'all clocks are off, perhaps the store\'s')
  Object.assign(off!, { announced: 'up', isClockOff: false })
  await until('one is right again', () => statesOf(gate) === 'gone:draining off:up right:draining')
  t.same(given(), new Set(['off']))
})

t.test('requests of Gate - a node that has lost the store is asked last, and keeps its users', async t => {
  const hub = createInProcessBus()
  const nodes = ['a', 'b', 'c', 'd'].map(id => startTestNode(t, { id, bus: hub.connect(id), intervals: quickIntervals }))
  const gate = startTestWatcher(t, { bus: hub.connect('gate'), intervals: quickIntervals })
  const rings = createMemberRings(gate)
  const stateOfStores = (): string => gate.members().map(({ load }) => load.store).join()
  await until('heard', () => statesOf(gate) === 'a:up b:up c:up d:up')
  const orders = (): string[][] => usersOf(50).map(user => nodesInTurn(rings(), user, 3))
  const before = orders()
  nodes[1]!.load = { store: 'mongodb (unreachable)' }
  await until('heard of its store', () => stateOfStores().includes('unreachable'))
  t.same(orders().filter(order => order.includes('b')), [], 'not among those that are asked where there are enough others')
  for (const [i, order] of orders().entries()) t.same(order.slice(0, 2), before[i]!.filter(node => node !== 'b').slice(0, 2), 'the others in their order')
  t.same(usersOf(50).map(user => assignNode(rings(), user, new Set())), before.map(([first]) => first))
  for (const node of nodes) node.load = { store: 'mongodb (unreachable)' }
  await until('all have lost it', () => stateOfStores().split('unreachable').length === 5)
  t.same(orders(), before, 'as if nothing were known: perhaps it is back before the next heartbeat')
})

t.test('assignment - 100,000 users alike, whatever the order in which Gates and nodes come, go and come back', async t => {
  const hub = createInProcessBus()
  const gates = new Map<string, Dispatch>()
  const startGate = (name: string): void => { gates.set(name, startTestWatcher(t, { bus: hub.connect(name), intervals: quickIntervals })) }
  const startNode = (id: string, bus = id, weight = 1): ReturnType<typeof startTestNode> => startTestNode(t, { id, bus: hub.connect(bus), weight, startedAt: Date.now() + Number(bus !== id) })
  const agree = async (states: string): Promise<void> => { await until(states, () => [...gates.values()].every(gate => gate.hasConverged && statesOf(gate) === states)) }
  const assigned = (gate: Dispatch): { digest: string, by: Map<string, number> } => {
    const rings = createMemberRings(gate)()
    const hash = createHash('sha256')
    const by = new Map<string, number>()
    for (let i = 0; i < 100_000; i++) {
      const node = assignNode(rings, `user ${i}`, new Set()) ?? ''
      hash.update(node + '\n')
      by.set(node, (by.get(node) ?? 0) + 1)
    }
    return { digest: hash.digest('hex'), by }
  }
  const alike = (what: string): Map<string, number> => {
    const [first, ...others] = [...gates.values()].map(assigned)
    for (const other of others) t.equal(other.digest, first?.digest, what)
    return first?.by ?? new Map<string, number>()
  }

  startGate('early')
  const nodes = new Map(['d', 'b'].map(id => [id, startNode(id)]))
  startGate('middle')
  nodes.set('a', startNode('a', 'a', 2))
  nodes.set('c', startNode('c'))
  startGate('late')
  await agree('a:up b:up c:up d:up')
  const shares = alike('as they came')
  t.ok((shares.get('a') ?? 0) > 30_000 && [...shares.values()].every(count => count > 12_000), 'by weight', { shares: [...shares] })

  await nodes.get('b')?.dispatch.close()
  hub.disconnect('c')
  startNode('e')
  await agree('a:up b:down c:down d:up e:up')
  t.same([...alike('one left, one fell silent, one joined').keys()].sort(), ['a', 'd', 'e'])

  hub.reconnect('c')
  startNode('b', 'b again')
  await gates.get('early')?.close()
  startGate('early again')
  gates.delete('early')
  await agree('a:up b:up c:up d:up e:up')
  alike('all back, and a Gate that has seen none of it')
})

t.test('assignment - avoid gives the next; where all are avoided, the own again', async t => {
  const site = createMemorySite(t)
  for (const id of ['a', 'b', 'c']) site.addNode(id)
  const gate = await site.addGate('gate')
  const token = site.token('user', 'ann')
  const nodeWithout = async (...avoid: string[]): Promise<string> => (await call(gate, 'GET', `/gate/assign?${avoid.map(id => `avoid=${id}`).join('&')}`, { token })).body.node.id
  const first = await nodeWithout()
  const second = await nodeWithout(first)
  const third = await nodeWithout(first, second)
  t.same([first, second, third].sort(), ['a', 'b', 'c'])
  t.equal(await nodeWithout(second), first)
  t.equal(await nodeWithout(first, second, third), first)
  t.equal((await call(gate, 'GET', '/gate/assign?avoided=a', { token })).status, 400)
})

t.test('assignment - no node: 503 with Retry-After, and again when there is one', async t => {
  const site = createMemorySite(t)
  const gate = await site.addGate('gate')
  const token = site.token('user', 'ann')
  const none = await call(gate, 'GET', '/gate/assign', { token })
  t.match(none, { status: 503, body: { statusCode: 503, code: 'GP_NO_NODE' } })
  t.ok(Number(none.headers.get('retry-after')) >= 1)
  site.addNode('a')
  await until('a node', async () => (await call(gate, 'GET', '/gate/assign', { token })).status === 200)
})

t.test('assignment - a suspect node only where there is no other, a down one never', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  site.addNode('b')
  const gate = await site.addGate('gate')
  const token = site.token('user', usersOf(1)[0])
  const admin = site.token('admin')
  const stateOf = async (id: string): Promise<string> => (await call(gate, 'GET', `/gate/nodes/${id}`, { token: admin })).body.state
  const assigned = async (): Promise<string> => (await call(gate, 'GET', '/gate/assign', { token })).body.node?.id
  const home = await assigned()
  const other = home === 'a' ? 'b' : 'a'
  site.hub.disconnect(home)
  await until('suspect', async () => await stateOf(home) === 'suspect', 5_000, 5)
  t.equal(await assigned(), other)
  await until('down', async () => await stateOf(home) === 'down')
  t.equal(await assigned(), other)
  site.hub.disconnect(other)
  await until('the other one suspect', async () => await stateOf(other) === 'suspect', 5_000, 5)
  const last = await assigned()
  t.ok(last === other || await stateOf(other) === 'down', 'the suspect one, while it is no more than that')
  await until('nobody', async () => await assigned() === undefined)
  site.hub.reconnect(home)
  await until('back', async () => await assigned() === home)
})

t.test('access - who may, and how it is refused', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  const routes: Array<[string, string, string[]]> = [
    ['GET', '/gate/assign', ['user']],
    ['POST', '/gate/messages', ['producer']],
    ['POST', '/gate/messages/x/recall', ['producer']],
    ['GET', '/gate/nodes', ['admin']],
    ['GET', '/gate/nodes/a', ['admin']],
    ['POST', '/gate/nodes/a/drain', ['admin']],
    ['DELETE', '/gate/nodes/a/drain', ['admin']],
    ['GET', '/gate/users/ann/presence', ['producer', 'admin']],
    ['POST', '/gate/users/ann/disconnect', ['producer', 'admin']],
    ['PUT', '/gate/groups/g/members/ann', ['producer', 'admin']],
    ['DELETE', '/gate/groups/g/members/ann', ['producer', 'admin']],
    ['GET', '/gate/groups/g/members', ['producer', 'admin']]
  ]
  for (const [method, path, scopes] of routes) {
    const what = `${method} ${path}`
    const missing = await call(gate, method, path)
    t.match(missing, { status: 401, body: { code: 'GP_TOKEN_MISSING' } }, what)
    t.equal(missing.headers.get('www-authenticate'), 'Bearer')
    t.match(await call(gate, method, path, { token: 'x' }), { status: 401, body: { code: 'GP_TOKEN_INVALID' } }, what)
    t.match(await call(gate, method, path, { token: site.token(scopes[0]!, 'x', { exp: 1 }) }), { status: 401, body: { code: 'GP_TOKEN_EXPIRED' } }, what)
    for (const scope of ['user', 'producer', 'admin']) {
      const answer = await call(gate, method, path, { token: site.token(scope) })
      if (scopes.includes(scope)) t.not(answer.status, 403, `${what} as ${scope}`)
      else t.match(answer, { status: 403, body: { code: 'GP_SCOPE' } }, `${what} as ${scope}`)
    }
  }
})
