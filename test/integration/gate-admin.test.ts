import t from 'tap'
import { call, createMemorySite } from '../helpers/memory-nodes.js'
import { startGate } from '../../services/gate/start.js'
import { createSilentLog } from '../../shared/platform/log.js'
import { quickIntervals } from '../helpers/dispatch-nodes.js'
import { until } from '../helpers/until.js'

const fields = ['dispatch', 'eventLoopLagMs', 'id', 'lastSeen', 'messagesPerSecond', 'ringShare', 'rssBytes', 'sockets', 'startedAt', 'state', 'store', 'url', 'users', 'version', 'weight']

t.test('nodes - their fields, and one by its id', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const heavy = site.addNode('b/c 🦉', { weight: 3 })
  heavy.load = { sockets: 5, users: 4, messagesPerSecond: 1.5, eventLoopLagMs: 0.25, rssBytes: 123_456_789 }
  const gate = await site.addGate('gate')
  const token = site.token('admin')
  await until('the load has been announced', async () => (await call(gate, 'GET', `/gate/nodes/${encodeURIComponent(heavy.id)}`, { token })).body.sockets === 5)
  const { body: { nodes } } = await call(gate, 'GET', '/gate/nodes', { token })
  t.same(nodes.map(({ id }: { id: string }) => id), ['a', 'b/c 🦉'])
  for (const node of nodes) {
    t.same(Object.keys(node).sort(), fields)
    for (const time of ['startedAt', 'lastSeen']) t.match(node[time], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  }
  t.match(nodes[1], { state: 'up', weight: 3, sockets: 5, users: 4, messagesPerSecond: 1.5, eventLoopLagMs: 0.25, rssBytes: 123_456_789, store: 'lmdb', version: '1.0.0' })
  t.ok(Math.abs(nodes[0].ringShare + nodes[1].ringShare - 1) < 1e-9)
  t.ok(nodes[1].ringShare > 0.7 && nodes[1].ringShare < 0.8)
  for (const [method, path] of [['GET', ''], ['POST', '/drain'], ['DELETE', '/drain']] as const) {
    for (const id of ['nobody', '__proto__', '%00']) t.match(await call(gate, method, `/gate/nodes/${id}${path}`, { token }), { status: 404, body: { code: 'GP_NOT_FOUND' } }, `${method} ${id}`)
  }
})

t.test('nodes - drained: off the ring; put back: on it again; down: listed', async t => {
  const site = createMemorySite(t)
  const a = site.addNode('a')
  site.addNode('b')
  const gate = await site.addGate('gate')
  const token = site.token('admin')
  const view = async (id: string): Promise<any> => (await call(gate, 'GET', `/gate/nodes/${id}`, { token })).body
  t.equal((await call(gate, 'POST', '/gate/nodes/a/drain', { token })).status, 202)
  await until('draining', async () => (await view('a')).state === 'draining')
  t.equal((await view('a')).ringShare, 0)
  t.equal((await view('b')).ringShare, 1)
  t.equal((await call(gate, 'DELETE', '/gate/nodes/a/drain', { token, headers: { 'content-type': 'application/json' } })).status, 202)
  await until('up', async () => (await view('a')).state === 'up')
  t.ok((await view('a')).ringShare > 0.4)
  await a.dispatch.close()
  await until('down', async () => (await view('a')).state === 'down')
  t.equal((await view('a')).ringShare, 0)
  t.match(await call(gate, 'POST', '/gate/nodes/a/drain', { token }), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } })
})

t.test('users - presence and disconnect over all nodes', async t => {
  const site = createMemorySite(t)
  const [a, b] = [site.addNode('a'), site.addNode('b')]
  site.addNode('c')
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const user = 'ä/n 🦉'
  const path = `/gate/users/${encodeURIComponent(user)}`
  a.sockets.set(user, 2)
  b.sockets.set(user, 1)
  t.same((await call(gate, 'GET', `${path}/presence`, { token })).body, { user, online: true, sockets: 3, nodes: ['a', 'b'] })
  t.match(await call(gate, 'POST', `${path}/disconnect`, { token }), { status: 200, body: { sockets: 3 } })
  t.same((await call(gate, 'GET', `${path}/presence`, { token: site.token('admin') })).body, { user, online: false, sockets: 0, nodes: [] })
  t.match(await call(gate, 'GET', '/gate/users/%00/presence', { token }), { status: 400, body: { code: 'GP_VALIDATION' } })
  site.hub.disconnect('gate')
  t.match(await call(gate, 'GET', `${path}/presence`, { token }), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } }, 'nobody knows, so nobody is said to be offline')
})

t.test('groups - join, list by pages, leave', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const group = encodeURIComponent('the/staff 🦉')
  for (const user of ['ann', 'bob', 'cid']) t.match(await call(gate, 'PUT', `/gate/groups/${group}/members/${user}`, { token }), { status: 200, body: { group: 'the/staff 🦉', user } })
  const annsNode = (await call(gate, 'GET', '/gate/assign', { token: site.token('user', 'ann') })).body.node.id
  t.ok(nodes.find(({ id }) => id === annsNode)?.requests.some(({ kind }) => kind === 'join-group'), "asked at the user's own node")
  const first = await call(gate, 'GET', `/gate/groups/${group}/members?limit=2`, { token })
  t.same(first.body, { members: ['ann', 'bob'], next: 'bob' })
  t.same((await call(gate, 'GET', `/gate/groups/${group}/members?limit=2&after=${first.body.next}`, { token })).body, { members: ['cid'], next: null })
  const left = await call(gate, 'DELETE', `/gate/groups/${group}/members/bob`, { token })
  t.same([left.status, left.body], [204, ''])
  t.same((await call(gate, 'GET', `/gate/groups/${group}/members`, { token })).body, { members: ['ann', 'cid'], next: null })
  for (const query of ['limit=0', 'limit=1001', 'limit=-1', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'limit=x', 'after=', 'after=%00', 'page=2']) {
    t.match(await call(gate, 'GET', `/gate/groups/${group}/members?${query}`, { token }), { status: 400, body: { code: 'GP_VALIDATION' } }, query)
  }
})

t.test('demo - login and page only where it is on', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const [off, on] = [await site.addGate('off'), await site.addGate('on', { isDemo: true })]
  const body = { user: 'ann' }
  t.match(await call(off, 'POST', '/gate/login', { body }), { status: 404, body: { code: 'GP_NOT_FOUND' } })
  t.equal((await call(off, 'GET', '/gate/demo')).status, 404)
  const login = await call(on, 'POST', '/gate/login', { body })
  t.match(login, { status: 200, body: { user: 'ann' } })
  const assigned = await call(on, 'GET', '/gate/assign', { token: login.body.token })
  t.equal(assigned.body.user, 'ann')
  t.ok(Date.parse(login.body.expiresAt) > Date.now() + 3_600_000)
  t.equal((await call(on, 'GET', '/gate/nodes', { token: login.body.token })).status, 403)
  for (const wrong of [{}, { user: '' }, { user: 5 }, { user: 'ann', scope: 'admin' }, []]) t.match(await call(on, 'POST', '/gate/login', { body: wrong }), { status: 400, body: { code: 'GP_VALIDATION' } })
  const page = await call(on, 'GET', '/gate/demo')
  t.match(page.headers.get('content-type'), /text\/html/)
  t.match(page.headers.get('content-security-policy'), /script-src 'self'.*frame-ancestors 'none'/)
  t.equal(page.headers.get('x-frame-options'), 'DENY')
  const phone = await call(on, 'GET', '/gate/demo/phone')
  t.match(phone.headers.get('content-security-policy'), /script-src 'self'.*frame-ancestors 'self'/)
  t.equal(phone.headers.get('x-frame-options'), 'SAMEORIGIN')
  for (const { body } of [page, phone]) t.notMatch(body, /<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=/, 'nothing inline')
  for (const name of ['demo.js', 'phone.js', 'demo.css']) t.equal((await call(on, 'GET', `/gate/pages/demo/${name}`)).status, 200, name)
  for (const path of ['/gate/demo/phone', '/gate/pages/demo/demo.js']) t.equal((await call(off, 'GET', path)).status, 404, `off: ${path}`)
  t.equal((await call(on, 'GET', '/')).headers.get('location'), 'gate/demo')
  const jwks = await site.addGate('site keys', { isDemo: true, auth: { kind: 'jwks', url: 'http://127.0.0.1:9/keys' } })
  t.equal((await call(jwks, 'POST', '/gate/login', { body })).status, 404, 'Gate cannot sign for a site with keys of its own')
})

t.test('demo - its page is a backend and drains nodes, is no admin, and leaves the last node', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  site.addNode('b')
  const [off, on] = [await site.addGate('off'), await site.addGate('on', { isDemo: true })]
  const stateOf = async (id: string): Promise<string | undefined> => ((await call(on, 'GET', '/gate/demo/nodes')).body.nodes as Array<{ id: string, state: string }>).find(node => node.id === id)?.state
  const routes = [['POST', '/gate/demo/token'], ['GET', '/gate/demo/nodes'], ['POST', '/gate/demo/nodes/a/drain'], ['DELETE', '/gate/demo/nodes/a/drain']] as const
  for (const [method, path] of routes) {
    t.match(await call(off, method, path), { status: 404, body: { code: 'GP_NOT_FOUND' } }, `off: ${method} ${path}`)
    t.match(await call(on, method, path, { headers: { origin: 'https://other.example' } }), { status: 403, body: { code: 'GP_SCOPE' } }, `another site's page: ${method} ${path}`)
  }
  const answer = await call(on, 'POST', '/gate/demo/token')
  t.match(answer.headers.get('content-type'), /text\/plain/)
  const token = answer.body as string
  t.match(await call(on, 'POST', '/gate/messages', { token, body: { to: { user: 'ann' }, title: 'Hello' } }), { status: 201 })
  t.match(await call(on, 'GET', '/gate/nodes', { token }), { status: 403, body: { code: 'GP_SCOPE' } }, 'no admin')
  t.match(await call(on, 'POST', '/gate/demo/nodes/nobody/drain'), { status: 404, body: { code: 'GP_NOT_FOUND' } })

  t.equal((await call(on, 'POST', '/gate/demo/nodes/a/drain')).status, 202)
  await until('a drains', async () => await stateOf('a') === 'draining')
  t.match(await call(on, 'POST', '/gate/demo/nodes/b/drain'), { status: 409, body: { code: 'GP_CONFLICT' } }, 'the last one')
  t.equal((await call(on, 'DELETE', '/gate/demo/nodes/a/drain')).status, 202)
  await until('a is back', async () => await stateOf('a') === 'up')
})

t.test('pages - the dashboard runs its own files only', async t => {
  const site = createMemorySite(t)
  const gate = await site.addGate('gate')
  const page = await call(gate, 'GET', '/gate/admin')
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /text\/html/)
  t.equal(page.headers.get('x-frame-options'), 'DENY')
  t.equal(page.headers.get('x-content-type-options'), 'nosniff')
  t.equal(page.headers.get('referrer-policy'), 'no-referrer')
  t.equal((await call(gate, 'GET', '/gate/docs')).headers.get('referrer-policy'), 'no-referrer')
  const csp = page.headers.get('content-security-policy') ?? ''
  t.match(csp, /default-src 'none'; script-src 'self'; style-src 'self'/)
  t.notMatch(csp, /unsafe|https?:/)
  t.notMatch(page.body, /<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=/, 'nothing inline')
  const files = [...(page.body as string).matchAll(/(?:src|href)="(?!data:|#)([^"]+)"/g)].map(([, file]) => file ?? '')
  t.same(files, ['pages/admin.css', 'pages/admin.js'])
  for (const file of files) {
    const { status, headers } = await call(gate, 'GET', `/gate/${file}`)
    t.equal(status, 200, file)
    t.match(headers.get('content-type'), /text\/(css|javascript)/)
    const again = await call(gate, 'GET', `/gate/${file}`, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
    t.equal(again.status, 304)
  }
})

t.test('probes - ready only with a connection and after a whole round of heartbeats', async t => {
  const site = createMemorySite(t)
  const bus = site.hub.connect('slow')
  site.hub.disconnect('slow')
  const listening: string[] = []
  const log = Object.assign(Object.create(createSilentLog()), { info: (fields: { event?: string, url?: string }) => { if (fields.event === 'gate-listens') listening.push(fields.url ?? '') } })
  const starting = startGate({
    settings: { host: '127.0.0.1', port: 0, secret: site.secret, auth: { kind: 'secret', secret: site.secret }, isDemo: false, version: '1.2.3' },
    bus, natsPrefix: 'test', log, intervals: quickIntervals
  })
  t.teardown(async () => { await (await starting).close() })
  const url = await until('it listens before it is connected', () => listening[0])
  const waiting = { url, close: async () => {} }
  t.match(await call(waiting, 'GET', '/readyz'), { status: 503, body: { status: 'not ready', checks: { dispatch: 'not connected', members: /heartbeats/ } } })
  t.equal((await call(waiting, 'GET', '/livez')).status, 200)
  t.match(await call(waiting, 'GET', '/gate/assign', { token: site.token('user', 'ann') }), { status: 503, body: { code: 'GP_NO_NODE' } })
  site.hub.reconnect('slow')
  await starting
  t.match(await call(waiting, 'GET', '/readyz'), { status: 200, body: { status: 'ready', checks: { dispatch: 'ok', members: 'ok' } } })
  site.hub.disconnect('slow')
  t.equal((await call(waiting, 'GET', '/readyz')).status, 503)
})

t.test('documents - every route with its security, its answers and refusals', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate', { isDemo: true })
  const { body: document } = await call(gate, 'GET', '/gate/openapi.json')
  t.equal(document.info.version, '1.2.3')
  const routes = Object.entries(document.paths as Record<string, Record<string, any>>).flatMap(([path, methods]) => Object.entries(methods).map(([method, route]) => ({ name: `${method.toUpperCase()} ${path}`, route })))
  t.same(routes.map(({ name }) => name).sort(), [
    'DELETE /gate/groups/{group}/members/{user}', 'DELETE /gate/nodes/{id}/drain', 'DELETE /gate/revocations/{kind}/{name}', 'GET /gate/assign', 'GET /gate/groups/{group}/members', 'GET /gate/history', 'GET /gate/messages/{id}/trace', 'GET /gate/nodes', 'GET /gate/nodes/{id}', 'GET /gate/overview', 'GET /gate/receivers', 'GET /gate/revocations', 'GET /gate/ring', 'GET /gate/users/{user}',
    'GET /gate/users/{user}/presence', 'GET /livez', 'GET /metrics', 'GET /readyz', 'POST /gate/admin/sign-in', 'POST /gate/announcements', 'POST /gate/login', 'POST /gate/messages', 'POST /gate/messages/{id}/recall', 'POST /gate/nodes/{id}/drain',
    'POST /gate/users/{user}/disconnect', 'PUT /gate/groups/{group}/members/{user}', 'PUT /gate/revocations/{kind}/{name}'
  ])
  for (const { name, route } of routes) {
    const isOpen = /livez|readyz|metrics|login|sign-in/.test(name)
    t.equal(route.security === undefined, isOpen, `${name}: ${isOpen ? 'open' : 'takes a token'}`)
    if (!isOpen) t.ok(route.responses['401'] && route.responses['403'], `${name}: says how it refuses`)
    t.ok(route.summary, name)
  }
  const page = await call(gate, 'GET', '/gate/docs')
  t.match(page.headers.get('content-type'), /text\/html/)
  t.match(page.body, /swagger/)
  const metrics = await call(gate, 'GET', '/metrics')
  t.match(metrics.body, /^gatepost_nodes_up 1$/m)
})
