/** Services that share a port: real HTTP on a real port. */
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { acceptUnder, createMounts, mountPath, type Mounts } from '../../shared/platform/http/mounts.js'
import { request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** What answers with its name, and the path as it sees it. */
const echo = (name: string): Server => createServer((incoming, outgoing) => { outgoing.setHeader('content-type', 'text/plain; charset=utf-8').end(`${name} ${incoming.method} ${incoming.url}`) })

async function listen (t: Test, server: Server): Promise<string> {
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function share (t: Test): Promise<{ mounts: Mounts, url: string }> {
  const mounts = createMounts()
  const server = echo('own')
  mounts.attach(server)
  return { mounts, url: await listen(t, server) }
}

t.test('mounts - each name has its service, which sees its own paths', async t => {
  const { mounts, url } = await share(t)
  for (const name of ['n1', 'a/b', 'ä 📮', '100%', '__proto__', '?x#y', '...']) {
    mounts.mount(name, echo(name), '/ws/')
    const path = mountPath(name)
    t.equal((await request(url, 'GET', `${path}/messages?limit=1&x=%2F`)).text, `${name} GET /messages?limit=1&x=%2F`, name)
    t.equal((await request(url, 'PUT', path)).text, `${name} PUT /`)
    t.equal((await request(url, 'GET', `${path}?a=1`)).text, `${name} GET /?a=1`)
    t.equal((await request(url, 'GET', `${path}/`)).text, `${name} GET /`)
    t.ok(mounts.has(name))
    t.throws(() => mounts.mount(name, echo('another'), '/ws/'), /mounted already/)
  }
  t.equal((await request(url, 'GET', '/nodes/%6e1/x')).text, 'n1 GET /x', 'however it is encoded')
  for (const path of ['/', '/gate/assign', '/nodes', '/nodes/', '/nodes/n2/messages', '/nodes/N1', '/nodes/%zz/x', '/nodes//n1', '//nodes/n1', '/nodes/constructor/x', '/NODES/n1/x', '/x/nodes/n1']) {
    t.equal((await request(url, 'GET', path)).text, `own GET ${path}`, `${path} stays with the port`)
  }
})

t.test('mounts - a WebSocket goes to the service that takes it there; other upgrades are answered as HTTP', async t => {
  const { mounts, url } = await share(t)
  const service = echo('n1')
  const sockets = new WebSocketServer({ noServer: true })
  service.on('upgrade', (incoming, socket, head) => { sockets.handleUpgrade(incoming, socket, head, webSocket => { webSocket.send(String(incoming.url)) }) })
  const mount = mounts.mount('n1', service, '/ws/')
  const open = new WebSocket(`${url.replace('http', 'ws')}/nodes/n1/ws/?a=1`)
  t.teardown(() => { open.terminate() })
  t.equal(await new Promise(resolve => open.once('message', data => { resolve((data as Buffer).toString()) })), '/ws/?a=1')
  for (const [path, protocol, answer] of [['/nodes/n1/other', 'websocket', 'n1 GET /other'], ['/nodes/n1/ws/', 'h2c', 'n1 GET /ws/'], ['/nodes/n2/ws/', 'websocket', 'own GET /nodes/n2/ws/'], ['/gate', 'h2c', 'own GET /gate']] as const) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    let received = ''
    socket.on('data', chunk => { received += chunk.toString() })
    const ask = (): void => { socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`) }
    ask()
    await until(`${path} as ${protocol}`, () => received.endsWith(answer))
    t.match(received, /^HTTP\/1\.1 200/)
    ask()
    await until('again on the same connection', () => received.split(answer).length === 3)
  }
  const closed = new Promise(resolve => open.once('close', resolve))
  await mount.close()
  await closed
})

t.test('mounts - one that is closed takes nothing new, and what is under way is answered', async t => {
  const { mounts, url } = await share(t)
  const answers: Array<() => void> = []
  const slow = createServer((_incoming, outgoing) => { answers.push(() => { outgoing.end('in the end') }) })
  const mount = mounts.mount('n1', slow, '/ws/')
  mounts.mount('n2', echo('n2'), '/ws/')
  const asked = request(url, 'GET', '/nodes/n1/x')
  await until('it is there', () => answers.length === 1)
  let isClosed = false
  const closing = mount.close().then(() => { isClosed = true })
  t.equal((await request(url, 'GET', '/nodes/n1/x')).text, 'own GET /nodes/n1/x')
  t.equal((await request(url, 'GET', '/nodes/n2/x')).text, 'n2 GET /x', 'the other one serves on')
  t.equal(isClosed, false)
  answers[0]?.()
  t.equal((await asked).text, 'in the end')
  await closing
  await mount.close()

  mounts.mount('n1', slow, '/ws/')
  const again = mounts.mount('n3', slow, '/ws/')
  const never = t.rejects(request(url, 'GET', '/nodes/n3/x'), 'one that never answers is ended')
  await until('it is there', () => answers.length === 2)
  await again.close()
  await never
  t.equal((await request(url, 'GET', '/nodes/n2/x')).text, 'n2 GET /x')
})

t.test('acceptUnder - with the path that a proxy shows, and without it', async t => {
  const server = echo('n1')
  acceptUnder(server, '/nodes/n1')
  const url = await listen(t, server)
  for (const [path, seen] of [['/nodes/n1/messages?x=1', '/messages?x=1'], ['/messages?x=1', '/messages?x=1'], ['/nodes/n1', '/'], ['/nodes/n1?a', '/?a'], ['/nodes/n10/messages', '/nodes/n10/messages'], ['/nodes/n1/nodes/n1/x', '/nodes/n1/x']] as const) {
    t.equal((await request(url, 'GET', path)).text, `n1 GET ${seen}`, path)
  }
})
