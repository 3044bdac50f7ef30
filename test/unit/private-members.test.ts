/**
 * Each private or undocumented member that production code uses of a library or of Node.js, and that it is there and does what it is
 * used for. The libraries are held to one version each (test/unit/packages.test.ts): whoever raises one runs this first.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectTcp, type AddressInfo, type Socket as NetSocket } from 'node:net'
import ConsistentHash from 'consistent-hash'
import { open } from 'lmdb'
import { Server } from 'socket.io'
import { io as connect, type Socket as ClientSocket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws'
import { Descriptor } from '../../services/notifications/realtime/transport/descriptor.js'
import { engineOf, type EngineConnection } from '../../services/notifications/realtime/transport/engine-connection.js'
import { eventFrame } from '../../services/notifications/realtime/transport/frame.js'
import { tempDir } from '../helpers/lmdb-store.js'
import { allowed, until } from '../helpers/until.js'

async function connected (t: Test, transport: 'websocket' | 'polling'): Promise<{ conn: EngineConnection, client: ClientSocket }> {
  const http = createServer()
  const server = new Server(http, { serveClient: false, perMessageDeflate: false })
  t.teardown(async () => { await server.close() })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const joined = new Promise<EngineConnection>(resolve => { server.on('connection', socket => { resolve(engineOf(socket.conn)) }) })
  const client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports: [transport], reconnection: false })
  t.teardown(() => { client.close() })
  const [conn] = await Promise.all([joined, new Promise(resolve => { client.on('connect', () => { resolve(undefined) }) })])
  return { conn, client }
}

const heard = async (client: ClientSocket, event: string): Promise<unknown> => await new Promise(resolve => { client.once(event, resolve) })

t.test('engine.io and ws - a WebSocket: its state, what waits, the sender that takes frames as they are', async t => {
  const { conn, client } = await connected(t, 'websocket')
  t.equal(conn.readyState, 'open')
  t.type(conn.id, 'string')
  t.ok(Array.isArray(conn.writeBuffer))
  t.equal(conn.transport.name, 'websocket')
  t.type(conn.transport.writable, 'boolean')
  const { socket: webSocket } = conn.transport
  if (webSocket === undefined) throw new Error('transport.socket is gone')
  t.equal(webSocket.readyState, 1)
  t.equal(webSocket.bufferedAmount, 0)

  const one = heard(client, 'one')
  const two = heard(client, 'two')
  const frames = ['one', 'two'].map(name => eventFrame(name, '{"n":1}').options.wsPreEncodedFrame[0])
  webSocket._sender.sendFrame(frames)
  t.same(await one, { n: 1 })
  t.same(await two, { n: 1 }, 'two buffers go out as they are, one behind the other')

  const data = new Promise(resolve => { conn.prependListener('data', resolve) })
  webSocket.pause()
  client.emit('hello')
  webSocket.resume()
  t.equal(await data, '2["hello"]', 'data has the packet without the digit of Engine.IO')

  const gone = new Promise(resolve => { client.on('disconnect', resolve) })
  conn.close(true)
  t.equal(await gone, 'transport close')
})

t.test('Node.js and ws - the descriptor of a plain socket below a WebSocket: it does not block, and bytes that wait are said to', async t => {
  const { conn, client } = await connected(t, 'websocket')
  const { socket: webSocket } = conn.transport
  if (webSocket?._socket === undefined || webSocket._socket === null) throw new Error('transport.socket._socket is gone')
  const tcp = webSocket._socket as unknown as NetSocket & { _handle: { fd: number, writeQueueSize: number } | null }
  t.notOk(webSocket._socket.encrypted)
  const { _handle: handle } = tcp
  if (handle === null) throw new Error('_handle is gone')
  const { fd } = handle
  t.ok(fd > 2)
  const descriptor = new Descriptor()
  t.equal(descriptor.write(webSocket._socket, eventFrame('direct', '1').options.wsPreEncodedFrame[0]), eventFrame('direct', '1').bytes)
  t.equal(await heard(client, 'direct'), 1, 'it is the socket')

  const clientTcp = (client.io.engine as unknown as { transport: { ws: { _socket: NetSocket } } }).transport.ws._socket
  clientTcp.pause()
  const { options: { wsPreEncodedFrame: [large] } } = eventFrame('large', JSON.stringify('x'.repeat(100_000)))
  let written = large.length
  for (let i = 0; i < 1_000 && written === large.length; i++) written = descriptor.write(webSocket._socket, large)
  t.ok(written < large.length, 'a full one takes a part, or nothing, and does not block')
  t.equal(webSocket.bufferedAmount, 0)
  webSocket._sender.sendFrame([large.subarray(written)])
  t.ok(handle.writeQueueSize > 0, 'libuv has bytes that wait')
  t.ok(webSocket.bufferedAmount >= handle.writeQueueSize, 'and then the WebSocket says that bytes wait')
  clientTcp.resume()
  await until('nothing waits', () => webSocket.bufferedAmount === 0)
  t.equal(handle.writeQueueSize, 0)
  tcp.cork()
  webSocket._sender.sendFrame([eventFrame('corked', '1').options.wsPreEncodedFrame[0]])
  t.ok(webSocket.bufferedAmount > 0, 'what is corked waits, too')
  tcp.uncork()

  t.equal(tcp._handle, handle)
  t.equal(handle.fd, fd, 'the same for as long as there is a handle')
  tcp.destroy()
  t.equal(tcp._handle, null, 'whoever has closed has none, at once')
  t.equal(descriptor.write(webSocket._socket, large), 0, 'so that nothing goes to a descriptor that may be another\'s by now')
})

t.test('engine.io - write takes an encoded packet, and the whole frame of it for a WebSocket', async t => {
  for (const transport of ['websocket', 'polling'] as const) {
    const { conn, client } = await connected(t, transport)
    t.equal(conn.transport.name, transport)
    if (transport === 'polling') t.equal(conn.transport.socket, undefined)
    const { packet, options } = eventFrame('mail', '[1,2]')
    const mail = heard(client, 'mail')
    // Another packet in the frame than beside it tells which of the two went out.
    const other = eventFrame('mail', '[3]').options
    conn.write(packet, transport === 'websocket' ? other : options)
    t.same(await mail, transport === 'websocket' ? [3] : [1, 2])
  }
})

t.test('consistent-hash - _keys are the control points, _locate finds the one that get finds', async t => {
  const points = [100, 2 ** 27, 2 ** 28, 2 ** 28 + 2 ** 27]
  const range = 2 ** 29
  class Placed extends ConsistentHash {
    constructor () {
      super({ range })
      this._keys = points
    }

    indexOf (name: string): number { return this._locate(name) }
  }
  const placed = new Placed()
  const added = new ConsistentHash({ range })
  for (const [i, point] of points.entries()) added.add(`${i}`, 1, [point])
  const found = new Set<number>()
  for (let i = 0; i < 200; i++) {
    const name = hash('sha1', `user${i}`)
    const at = placed.indexOf(name)
    found.add(at)
    t.equal(`${at}`, added.get(name), name)
  }
  t.equal(found.size, points.length, 'each is somebody\'s')
})

t.test('lmdb - readers are listed as lines with the pid first, and a slot is held until done', async t => {
  const env = open({ path: tempDir(t), noSubdir: false, overlappingSync: false, maxDbs: 1 })
  t.teardown(async () => { await env.close() })
  const lines = (): string[] => env.readerList().split('\n').filter(line => /^\s*\d+\s/.test(line))
  t.same(lines(), [])
  const slot = env.useReadTransaction()
  t.match(lines(), [new RegExp(`^\\s*${process.pid}\\s`)])
  slot.done()
  t.type(env.readerCheck(), 'number')
})

t.test('Node.js - a socket knows the answer that is under way on it', async t => {
  const server = createServer()
  t.teardown(() => { server.close() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const asking = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [request, response] = await once(server, 'request') as [IncomingMessage, NodeJS.WritableStream & { headersSent: boolean }]
  const { _httpMessage: message } = request.socket as NetSocket & { _httpMessage?: { headersSent: boolean } }
  t.equal(message, response)
  t.equal(message?.headersSent, false)
  response.end('done')
  t.equal(await (await asking).text(), 'done')
})

t.test('ws - closeTimeout, which its types do not have: who does not answer the close frame is ended after it, not after 30 s', async t => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, closeTimeout: 100 } as ServerOptions)
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  client.write('GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n')
  client.resume()
  const [webSocket] = await once(server, 'connection') as [WebSocket]
  const begun = performance.now()
  webSocket.close()
  await once(client, 'close')
  t.ok(performance.now() - begun < allowed(15_000))
})
