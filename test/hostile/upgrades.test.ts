/** Connections that are to become something else, or nothing: what is not spoken here is answered as HTTP/1.1, what is silent is ended. */
import { execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { parseAnswer } from './http-wire.js'

const site = await startDeployment(t)
const session = await assign(site, 'ada')
const { hostname, port, pathname } = new URL(session.node.url)
/** What the node's paths begin with. */
const under = pathname.replace(/\/$/, '')
const run = promisify(execFile)

interface Line { socket: Socket, received: () => Buffer, isEnded: () => boolean }

function openTcp (t: Test, bytes = ''): Line {
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => { received = Buffer.concat([received, chunk]) })
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  if (bytes !== '') socket.write(bytes)
  return { socket, received: () => received, isEnded: () => socket.destroyed || socket.readableEnded }
}

async function ask (line: Line, text: string): Promise<{ status: number, headers: ReadonlyMap<string, string>, text: string }> {
  const from = line.received().length
  line.socket.write(text)
  return await until('an answer', () => parseAnswer(line.received().subarray(from), false)?.answer, 40_000)
}

const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
const webSocket = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n'

t.test('upgrades - a request that offers another protocol is answered as HTTP/1.1, with its body, on a connection that is kept', async t => {
  const bearer = `Host: x\r\nAuthorization: Bearer ${session.ticket}\r\n`
  const body = JSON.stringify({ to: { user: 'ada' }, title: 'by h2c', body: 'é'.repeat(20_000) })
  const line = openTcp(t)
  t.equal((await ask(line, `GET ${under}/messages HTTP/1.1\r\n${bearer}${h2c}\r\n`)).status, 200)
  const posted = await ask(line, `POST ${under}/messages HTTP/1.1\r\n${bearer}${h2c}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  t.equal(posted.status, 201, posted.text)
  t.match(JSON.parse((await ask(line, `GET ${under}/messages HTTP/1.1\r\n${bearer}${h2c}\r\n`)).text), { messages: [{ title: 'by h2c', body: 'é'.repeat(20_000) }] })
  t.equal((await ask(line, `GET ${under}/livez HTTP/1.1\r\nHost: x\r\n${h2c.replace('Upgrade,', 'close, Upgrade,')}\r\n`)).status, 200)
  await until('the connection is closed where that was asked', line.isEnded)

  for (const [path, status] of [['/livez', 200], ['/nowhere', 404], ['/socket.io/?EIO=4&transport=polling', 200]] as const) {
    t.equal((await ask(openTcp(t), `GET ${under}${path} HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`)).status, status, path)
  }
  t.equal((await ask(openTcp(t), `GET ${under}/livez HTTP/1.1\r\nHost: x\r\n${webSocket}\r\n`)).status, 200, 'a WebSocket where there is none')
  t.equal((await ask(openTcp(t), `GET ${under}/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${webSocket}\r\n`)).status, 101)
})

t.test('upgrades - curl --http2', async t => {
  const { stdout } = await run('curl', ['-s', '--max-time', '10', '--http2', '-H', `authorization: Bearer ${session.ticket}`, `${session.node.url}/messages/unread`])
  t.match(JSON.parse(stdout), { unread: 0 })
})

t.test('upgrades - another revision of Engine.IO is refused before there is a WebSocket', async t => {
  for (const query of ['EIO=3&transport=websocket', 'transport=websocket', 'EIO=5&transport=websocket']) {
    const line = openTcp(t, `GET ${under}/socket.io/?${query} HTTP/1.1\r\nHost: x\r\n${webSocket}\r\n`)
    await until('closed', line.isEnded)
    t.match(line.received().toString(), /^HTTP\/1\.1 400 [^]*Unsupported protocol version$/, query)
  }
})

t.test('upgrades - whoever says nothing on a WebSocket is ended soon after the 10 s for a handshake', { timeout: 200_000 }, async t => {
  const begun = performance.now()
  const silent = Array.from({ length: 5 }, () => openTcp(t, `GET ${under}/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${webSocket}\r\n`))
  // Sends its FIN, too, and keeps the connection open on its side.
  const halfClosed = openTcp(t, `GET ${under}/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${webSocket}\r\n`)
  await until('it is a WebSocket', () => halfClosed.received().includes('101 Switching'))
  halfClosed.socket.end()
  await until('the half-closed one is ended', halfClosed.isEnded)
  await until('the silent ones are ended', () => silent.every(line => line.isEnded()))
  const seconds = (performance.now() - begun) / 1000
  t.comment(`after ${seconds.toFixed(1)} s`)
  t.ok(seconds < 45, 'in time, also on a slow machine')
})

t.test('upgrades - a request that does not arrive is refused soon after its 60 s', { timeout: 300_000 }, async t => {
  const begun = performance.now()
  const lines = [openTcp(t), openTcp(t, 'GET /livez HT'), openTcp(t, `POST ${under}/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{`)]
  await until('ended', () => lines.every(line => line.isEnded()), 240_000)
  const seconds = (performance.now() - begun) / 1000
  t.comment(`after ${seconds.toFixed(1)} s`)
  t.ok(seconds < 180, 'in time, also on a slow machine')
})
