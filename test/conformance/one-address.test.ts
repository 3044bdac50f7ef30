/** `gatepost up` is one port: its nodes are below Gate's address. */
import { createInbox } from '../../clients/index.js'
import t from 'tap'
import { runGatepost, startEmbedded, tempDir } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.test('one address - both nodes are reached by the port of Gate, each by its own path', async t => {
  const site = await startEmbedded(t)
  const both = await assignBoth(site, 'ann')
  for (const session of both) {
    t.equal(session.node.url, `${site.gate}/nodes/${session.node.id}`)
    t.equal(session.node.path, `/nodes/${session.node.id}/socket.io`)
  }
  const [first, second] = both
  const devices = await Promise.all([openSocket(t, first), openSocket(t, second, { transports: ['polling'] }), openSocket(t, second, { transports: ['polling', 'websocket'] })])
  await first.send({ to: { user: 'ann' }, title: 'to myself' })
  for (const device of devices) await device.message('to myself')
  t.equal(await second.unread(), 0, "one's own")
  refused(t, await request(second.node.url, 'GET', '/messages', { token: first.ticket }), 401, 'GP_TICKET_WRONG_NODE', 'the ticket of the other')
  t.match((await request(first.node.url, 'GET', '/docs/')).text, /swagger/i)
})

t.test('one address - a node that is not there: 404, and with a ticket what makes a client ask Gate again', async t => {
  const site = await startEmbedded(t, { nodes: 1 })
  const { node, ticket } = await assign(site, 'ann')
  for (const path of ['/nodes/nobody', '/nodes/nobody/', '/nodes/nobody/messages', '/nodes/nobody/socket.io/?EIO=4&transport=polling', '/nodes/%2E%2E/gate/assign', '/nodes', '/nodes/']) {
    refused(t, await request(site.gate, 'GET', path), 404, 'GP_NOT_FOUND', path)
  }
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) refused(t, await request(site.gate, method, '/nodes/nobody/messages/x', { token: ticket }), 401, 'GP_TICKET_WRONG_NODE', method)
  t.equal((await request(site.gate, 'GET', '/nodes/%zz/messages')).status, 400)
  refused(t, await request(node.url, 'GET', '/gate/assign', { token: site.userToken('ann') }), 404, 'GP_NOT_FOUND', "Gate's routes are not the node's")
  const preflight = await request(site.gate, 'OPTIONS', '/nodes/nobody/messages', { headers: { origin: 'https://example.com', 'access-control-request-method': 'GET' } })
  t.equal(preflight.headers.get('access-control-allow-origin'), '*')
})

t.test('one address - GATEPOST_PUBLIC_URL for several nodes, and ids that are no words', async t => {
  const site = await startEmbedded(t, { settings: { GATEPOST_PUBLIC_URL: 'https://mail.example.com', GATEPOST_NODE_ID: 'süd/1 %' } })
  const { node, ticket } = await assign(site, 'ann')
  t.match(node.id, /^süd\/1 %-[12]$/)
  t.equal(node.url, `https://mail.example.com/nodes/${encodeURIComponent(node.id)}`)
  t.equal(node.path, `/nodes/${encodeURIComponent(node.id)}/socket.io`)
  t.equal((await request(site.gate, 'GET', `/nodes/${encodeURIComponent(node.id)}/messages/unread`, { token: ticket })).status, 200)
})

t.test('one address - on all addresses of the machine clients are given the one they asked by', async t => {
  const site = await startEmbedded(t, { nodes: 1, settings: { GATEPOST_HOST: '0.0.0.0' } })
  const { port } = new URL(site.gate)
  const given = async (headers: Record<string, string>): Promise<string> => (await request(`http://127.0.0.1:${port}`, 'GET', '/gate/assign', { token: site.userToken('ann'), headers })).body.node.url
  const at = await given({})
  t.match(at, new RegExp(`^http://127\\.0\\.0\\.1:${port}/nodes/[^/]+$`))
  const path = new URL(at).pathname
  t.equal(await given({ host: 'mail.example.com:9000' }), `http://mail.example.com:9000${path}`)
  t.equal(await given({ host: 'mail.example.com', 'x-forwarded-proto': 'https' }), `https://mail.example.com${path}`)
  t.equal(await given({ host: '[::1]:8080' }), `http://[::1]:8080${path}`)
  for (const host of ['a/b', 'u@evil', 'a b', 'a?x']) t.equal(await given({ host }), `http://0.0.0.0:${port}${path}`, `no host: ${host}`)
})

t.test('one address - the client library lives through a drain and a restart on the same port', async t => {
  const site = await startEmbedded(t)
  const titles: Array<string | null> = []
  const inbox = createInbox({ gate: site.gate, token: site.userToken('ann'), onEntry: entry => { if (entry.type === 'message') titles.push(entry.title) } })
  t.teardown(async () => { await inbox.close() })
  await until('live', () => inbox.state === 'live')
  const producer = producerOf(site)
  await producer.send({ to: { user: 'ann' }, title: 'one' })
  await until('it has come', () => titles.length === 1)
  const { node } = await assign(site, 'ann')
  t.equal((await request(site.gate, 'POST', `/gate/nodes/${node.id}/drain`, { token: site.adminToken() })).status, 202)
  await until('it has moved', async () => (await request(site.gate, 'GET', `/gate/nodes/${node.id}`, { token: site.adminToken() })).body.sockets === 0, 10_000)
  await producer.send({ to: { user: 'ann' }, title: 'two' })
  await until('it has come', () => titles.length === 2)

  const { port } = new URL(site.gate)
  t.same(await site.stop(), [0])
  const again = runGatepost(['up', '--port', port], { cwd: site.dir, settings: { GATEPOST_SECRET: site.secret, GATEPOST_DRAIN: '1' } })
  t.teardown(async () => { if (again.isAlive()) await again.end('SIGKILL') })
  await again.ready
  await producer.send({ to: { user: 'ann' }, title: 'three' })
  await until('it has come', () => titles.length === 3, 20_000)
  t.equal((await inbox.list({})).messages.length, 3, 'its node of before is gone; the list comes from the new one')
  t.same(titles, ['one', 'two', 'three'])
})

t.test('one address - two processes cannot share a port, and an id must be a step of a path', async t => {
  const cwd = await tempDir(t)
  const site = await startEmbedded(t, { nodes: 1 })
  const second = runGatepost(['up', '--port', new URL(site.gate).port], { cwd })
  t.equal(await second.exited, 2)
  t.match(second.stderr(), /^GATEPOST_PORT: got \d+, which is in use; takes a free port/)
  const dots = runGatepost(['up', '--port', '0', '--nodes', '1', '--node-id', '..'], { cwd })
  t.equal(await dots.exited, 2)
  t.match(dots.stderr(), /^GATEPOST_NODE_ID \(--node-id\): got "\.\."; takes .*neither \. nor \.\./)
})
