/** The routes of Gate's dashboard: on nodes that answer from memory, and on a running Gatepost with its store. */
import t from 'tap'
import { io } from 'socket.io-client'
import { startEmbedded, type Deployment } from '../helpers/deployment.js'
import { call, createMemorySite } from '../helpers/memory-nodes.js'
import { socketAddress, type GivenNode } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.test('overview - nodes of one process count its memory once; a drain is followed to its end', async t => {
  const site = createMemorySite(t)
  const [a, b] = [site.addNode('a'), site.addNode('b')]
  const old = site.addNode('old', { isOld: true })
  a.load = { process: 'p', sockets: 5, users: 4, messagesPerSecond: 1.5, refusalsPerSecond: 0.5, rssBytes: 100 }
  b.load = { process: 'p', sockets: 2, users: 2, rssBytes: 100 }
  old.load = { sockets: 1, users: 1, rssBytes: 30 }
  const gate = await site.addGate('gate')
  const token = site.token('admin')
  const overview = async (): Promise<any> => (await call(gate, 'GET', '/gate/overview', { token })).body
  await until('loads are told', async () => (await overview()).total.sockets === 8)
  const { nodes, gates, total, happenings, isConnected } = await overview()
  t.equal(isConnected, true)
  t.match(total, { nodesUp: 3, users: 7, messagesPerSecond: 1.5, processes: 3 })
  t.equal(total.rssBytes, 100 + 30 + gates[0].rssBytes)
  t.same(nodes.map((node: any) => [node.id, node.process, node.refusalsPerSecond]), [['a', 'p', 0.5], ['b', 'p', null], ['old', 'of old', null]])
  t.match(gates, [{ isThis: true, url: gate.url, version: '1.2.3' }])
  t.same(happenings.map(({ kind, node }: any) => `${node} ${kind}`).sort(), ['a found', 'b found', 'old found'])

  t.equal((await call(gate, 'POST', '/gate/nodes/a/drain', { token })).status, 202)
  const nodeA = async (): Promise<any> => (await overview()).nodes[0]
  await until('draining', async () => (await nodeA()).drain !== null)
  t.match((await nodeA()).drain, { socketsAtStart: 5, endedAt: null })
  a.load = { ...a.load, sockets: 2 }
  await until('fewer', async () => (await nodeA()).sockets === 2)
  t.match((await nodeA()).drain, { socketsAtStart: 5, endedAt: null })
  a.load = { ...a.load, sockets: 0 }
  await until('drained', async () => (await nodeA()).drain.endedAt !== null)
  t.equal((await call(gate, 'DELETE', '/gate/nodes/a/drain', { token })).status, 202)
  await until('back', async () => (await nodeA()).drain === null)
  site.hub.disconnect('b')
  await until('the silent one is down', async () => (await overview()).nodes[1].state === 'down')
  t.match((await overview()).total, { sockets: 1, users: 5 }, 'what it had counts no more')
  t.same((await overview()).happenings.map(({ kind, node }: any) => `${node} ${kind}`).slice(0, 5), ['b died', 'b suspect', 'a returned', 'a drained', 'a draining'])
})

t.test('history, ring - in steps, as heard; refused for others than admins', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  site.addNode('b')
  const gate = await site.addGate('gate')
  const token = site.token('admin')
  const ring = await call(gate, 'GET', '/gate/ring', { token })
  t.same(ring.body.nodes.map(({ id }: any) => id), ['a', 'b'])
  t.equal(ring.body.places.length, 720)
  t.same([...new Set(ring.body.places)].sort(), [0, 1])
  const history = await call(gate, 'GET', '/gate/history', { token })
  t.match(history.body, { stepMs: 5_000, node: null })
  t.equal(history.body.total.sockets.length, 180)
  t.match(await call(gate, 'GET', '/gate/history?node=nobody', { token }), { status: 404, body: { code: 'GP_NOT_FOUND' } })
  await until('the first step', async () => (await call(gate, 'GET', '/gate/history?node=a', { token })).status === 200, 10_000)
  t.match((await call(gate, 'GET', '/gate/history?node=a', { token })).body.node.sockets.at(-1), 0)
  for (const path of ['/gate/overview', '/gate/history', '/gate/ring', '/gate/users/ann', '/gate/messages/x/trace', '/gate/receivers']) {
    t.match(await call(gate, 'GET', path, { token: site.token('producer') }), { status: 403, body: { code: 'GP_SCOPE' } }, path)
    t.match(await call(gate, 'GET', path), { status: 401, body: { code: 'GP_TOKEN_MISSING' } }, path)
  }
})

t.test('gates - each knows the others, also where a node is of the version before', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const [one, other] = [await site.addGate('one'), await site.addGate('other')]
  const token = site.token('admin')
  const urls = async (gate: typeof one): Promise<string[]> => (await call(gate, 'GET', '/gate/overview', { token })).body.gates.map(({ url }: any) => url)
  await until('both know both', async () => (await urls(one)).length === 2 && (await urls(other)).length === 2, 15_000)
  t.same(await urls(one), [one.url, other.url], 'this one first')
})

t.test('announcements - once for each key, counted, refused where they are no announcement', async t => {
  const site = createMemorySite(t)
  site.addNode('a').load = { users: 3 }
  const gate = await site.addGate('gate')
  const token = site.token('admin', 'operator')
  const send = async (body: unknown, key?: string): Promise<any> => await call(gate, 'POST', '/gate/announcements', { token, body, ...key !== undefined && { headers: { 'idempotency-key': key } } })
  const first = await send({ to: { all: true }, title: 'Closed on Monday' }, 'k')
  t.equal(first.status, 201)
  t.match(await send({ to: { all: true }, title: 'Closed on Monday' }, 'k'), { status: 200, body: { id: first.body.id, duplicate: true } })
  t.match(await send({ to: { all: true }, title: 'Another' }, 'k'), { status: 409, body: { code: 'GP_IDEMPOTENCY_CONFLICT' } })
  t.same(site.stored.map(({ sender, message }) => [sender, message.title]), [['p:operator', 'Closed on Monday']])
  for (const body of [{ to: { topic: 'x' }, title: 'a' }, { to: { users: ['a'] }, title: 'a' }, { to: { all: true } }, { to: { all: true }, title: 'a', volatile: true }, {}, []]) t.match(await send(body), { status: 400, body: { code: 'GP_VALIDATION' } }, JSON.stringify(body))
  t.equal((await call(gate, 'POST', '/gate/announcements', { token: site.token('producer'), body: { to: { all: true }, title: 'a' } })).status, 403)
  await until('the load', async () => (await call(gate, 'GET', '/gate/receivers', { token })).body.online === 3)
  t.same((await call(gate, 'GET', '/gate/receivers', { token })).body, { receivers: null, isAtLeast: false, online: 3 })
  for (const user of ['ann', 'bob']) await call(gate, 'PUT', `/gate/groups/staff/members/${user}`, { token })
  t.same((await call(gate, 'GET', '/gate/receivers?group=staff', { token })).body, { receivers: 2, isAtLeast: false, online: null })
})

interface Site { readonly deployment: Deployment, readonly get: (path: string) => Promise<{ status: number, body: any }>, readonly post: (message: object) => Promise<string> }

async function openSite (t: Parameters<typeof startEmbedded>[0]): Promise<Site> {
  const deployment = await startEmbedded(t)
  const ask = async (method: string, path: string, token: string, body?: object): Promise<{ status: number, body: any }> => {
    const answer = await fetch(deployment.gate + path, { method, headers: { authorization: `Bearer ${token}`, ...body !== undefined && { 'content-type': 'application/json' } }, ...body !== undefined && { body: JSON.stringify(body) } })
    return { status: answer.status, body: await answer.json().catch(() => undefined) }
  }
  return {
    deployment,
    get: async path => await ask('GET', path, deployment.adminToken()),
    post: async message => (await ask('POST', '/gate/messages', deployment.producerToken(), message)).body.id
  }
}

t.test('a user and a message - what the store and the open sockets say, and nothing of what is in it', async t => {
  const { deployment, get, post } = await openSite(t)
  const assigned = await (await fetch(`${deployment.gate}/gate/assign`, { headers: { authorization: `Bearer ${deployment.userToken('ann', { groups: ['staff'] })}` } })).json() as { node: GivenNode, ticket: string }
  const [origin, path] = socketAddress(assigned.node)
  const socket = io(origin, { ...path, auth: { ticket: assigned.ticket }, transports: ['websocket'] })
  t.teardown(() => { socket.close() })
  await new Promise(resolve => { socket.once('ready', resolve) })
  const id = await post({ to: { user: 'ann' }, title: 'secret title', body: 'secret body', category: 'orders' })
  const announced = await post({ to: { all: true }, title: 'for all' })
  const toGroup = await post({ to: { group: 'staff' }, title: 'for staff' })

  const user = (await get('/gate/users/ann')).body
  t.match(user, { user: 'ann', home: assigned.node.id, groups: ['staff'], groupCount: 1, unread: 3, byCategory: { orders: 1, general: 2 }, revokedBefore: null })
  t.match(user.nodes, [{ node: assigned.node.id, count: 1, sockets: [{ state: 'live' }] }])
  t.same(user.messages.map(({ id, stream, from, read }: any) => [id, stream, from, read]), [[toGroup, 'g:staff', 'p:shop', false], [announced, 'all', 'p:shop', false], [id, 'u:ann', 'p:shop', false]])
  t.notMatch(JSON.stringify(user), /secret/)

  const trace = async (id: string, query = ''): Promise<any> => (await get(`/gate/messages/${id}/trace${query}`)).body
  const before = await trace(id, '?user=ann')
  t.match(before, { id, stream: 'u:ann', from: 'p:shop', category: 'orders', storedBy: assigned.node.id, recalledAt: null, recent: { isWhole: true, broadcast: { fate: 'sent', node: assigned.node.id } }, reader: { user: 'ann', sees: true, read: false, readAt: null } })
  t.ok(Date.parse(before.acceptedAt) <= Date.parse(before.storedAt))
  t.notMatch(JSON.stringify(before), /secret/)
  await until('it was passed on', async () => (await trace(id, '?user=ann')).reader.nodes[0].sockets[0].wasPassedOn === true)
  const atAnn = [{ node: assigned.node.id, sockets: 1 }]
  for (const other of [id, announced, toGroup]) {
    await until('its times', async () => (await trace(other, '?user=ann')).recent.written.length > 0)
    const { storedAt, recent } = await trace(other, '?user=ann')
    t.match(recent, { isWhole: true, broadcast: { fate: 'sent' }, written: atAnn })
    for (const at of [recent.broadcast.at, recent.written[0].firstAt]) t.ok(Math.abs(Date.parse(at) - Date.parse(storedAt)) < 5_000, at)
  }
  t.match((await trace(announced)).recent, { written: atAnn }, 'to whomever')
  t.match((await trace(announced, '?user=bob')).recent, { isWhole: true, written: [] }, 'no socket of this user')

  const from = Date.now()
  const patched = await fetch(`${assigned.node.url}/messages/${id}`, { method: 'PATCH', headers: { authorization: `Bearer ${assigned.ticket}`, 'content-type': 'application/json' }, body: '{"read":true,"archived":true}' })
  t.equal(patched.status, 200)
  const after = (await trace(id, '?user=ann')).reader
  t.match(after, { read: true, archived: true, deleted: false, acted: null })
  t.ok(Math.abs(Date.parse(after.readAt) - from) < 5_000 && after.archivedAt !== null)
  await fetch(`${assigned.node.url}/messages/read`, { method: 'POST', headers: { authorization: `Bearer ${assigned.ticket}`, 'content-type': 'application/json' }, body: '{}' })
  for (const other of [announced, toGroup]) t.ok((await trace(other, '?user=ann')).reader.readAt, 'by a mark of all')
  await fetch(`${assigned.node.url}/messages/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${assigned.ticket}` } })
  t.match((await trace(id, '?user=ann')).reader, { deleted: true, deletedAt: /Z$/ }, 'one that the user deleted is still stored')

  t.match(await trace(announced), { stream: 'all', reader: null })
  t.match(await trace(toGroup, '?group=staff'), { stream: 'g:staff', reader: null })
  t.match(await trace(announced, '?user=nobody%20yet'), { reader: { sees: true, read: false, nodes: [] } })
  t.match(await get(`/gate/messages/${id}/trace`), { status: 400, body: { code: 'GP_VALIDATION' } }, 'whose it is, the id does not say')
  t.match(await get(`/gate/messages/${toGroup}/trace`), { status: 400, body: { code: 'GP_VALIDATION' } })
  for (const [wrong, query] of [[id, '?user=bob'], [toGroup, '?group=other'], [`${id.slice(0, -1)}a`, '']]) t.match(await get(`/gate/messages/${wrong}/trace${query}`), { status: 404, body: { code: 'GP_NOT_FOUND' } }, `${wrong}${query}`)
  for (const wrong of ['nonsense', `${id}x`, id.toUpperCase(), `${id.slice(0, -1)}b`, id.slice(1)]) {
    for (const query of ['', '?user=ann', '?group=staff']) t.match(await get(`/gate/messages/${wrong}/trace${query}`), { status: 400, body: { code: 'GP_VALIDATION', message: /^id: got "/ } }, `${wrong}${query}`)
  }
})

t.test('a recalled message - since when', async t => {
  const { deployment, get, post } = await openSite(t)
  const id = await post({ to: { user: 'ann' }, title: 'wrong' })
  await fetch(`${deployment.gate}/gate/messages/${id}/recall`, { method: 'POST', headers: { authorization: `Bearer ${deployment.producerToken()}`, 'content-type': 'application/json' }, body: '{"to":{"user":"ann"}}' })
  const { body } = await get(`/gate/messages/${id}/trace?user=ann`)
  t.ok(Date.parse(body.recalledAt) >= Date.parse(body.storedAt))
  t.match((await get('/gate/users/ann')).body.messages, [{ id, recalled: true }])
  const { body: { nodes, gates } } = await get('/gate/overview')
  t.equal(new Set([...nodes, ...gates].map(({ process }: any) => process)).size, 1, 'one process')
})
