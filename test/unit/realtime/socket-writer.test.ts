/** Frames on their way to a real socket: past Node's stream while nothing waits there, and behind what waits. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket as TcpSocket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Server, type Socket } from 'socket.io'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Descriptor, type SocketPart } from '../../../services/notifications/realtime/transport/descriptor.js'
import { eventFrame, type Frame } from '../../../services/notifications/realtime/transport/frame.js'
import { maxWaitingBytes, SocketWriter } from '../../../services/notifications/realtime/transport/socket-writer.js'
import { until } from '../../helpers/until.js'

const partOf = (socket: TcpSocket): SocketPart => socket as unknown as SocketPart

/** A socket of Socket.IO's with its writer, the TCP socket below it, and what its client is sent. */
async function open (t: Test) {
  const http = createHttpServer()
  const io = new Server(http, { serveClient: false, perMessageDeflate: false })
  t.teardown(async () => { await io.close() })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const joined = once(io, 'connection') as Promise<[Socket]>
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/socket.io/?EIO=4&transport=websocket`)
  t.teardown(() => { client.terminate() })
  const packets: string[] = []
  client.on('message', (data: Buffer) => {
    const text = data.toString()
    if (text.startsWith('42')) packets.push(text.slice(2))
    else if (text.startsWith('0')) client.send('40')
  })
  const [socket] = await joined
  const { _socket: tcp } = (socket.conn.transport as unknown as { socket: { _socket: TcpSocket } }).socket
  // What Node's stream was given, to tell what went past it.
  let streamWrites = 0
  const write = tcp.write.bind(tcp) as (...args: unknown[]) => boolean
  tcp.write = (...args: unknown[]) => { streamWrites++; return write(...args) }
  return { socket, tcp, client, packets, writer: new SocketWriter(socket), streamWrites: () => streamWrites }
}

const frameOf = (n: number, chars = 0): Frame => eventFrame('e', JSON.stringify([n, 'x'.repeat(chars)]))
const packetOf = (n: number, chars = 0): string => `["e",${JSON.stringify([n, 'x'.repeat(chars)])}]`

t.test('socket writer - what the operating system takes at once goes past Node\'s stream, one frame or two', async t => {
  const { writer, packets, streamWrites, tcp } = await open(t)
  t.ok(writer.send(frameOf(0)))
  t.ok(writer.send(frameOf(1), frameOf(2)))
  t.equal(tcp.writableLength, 0)
  t.equal(streamWrites(), 0)
  await until('both', () => packets.length === 3)
  t.same(packets, [0, 1, 2].map(n => packetOf(n)))
})

t.test('socket writer - a reader that stops: the rest of a frame waits in the stream, what follows waits behind it, in order', async t => {
  const { writer, packets, client, tcp, streamWrites } = await open(t)
  client.pause()
  const chars = 100_000
  let sent = 0
  while (tcp.writableLength === 0) t.ok(writer.send(frameOf(sent++, chars)))
  t.ok(sent > 1, 'several were taken at once')
  t.equal(streamWrites(), 1, 'the first that was not taken whole')
  t.ok(writer.waitingBytes() > 0 && writer.waitingBytes() <= frameOf(0, chars).bytes)
  for (const end = sent + 3; sent < end;) t.ok(writer.send(frameOf(sent++)))
  t.equal(streamWrites(), 4, 'nothing goes past what waits')
  const drained = writer.drained()
  while (writer.waitingBytes() + frameOf(0, chars).bytes <= maxWaitingBytes) t.ok(writer.send(frameOf(sent++, chars)))
  t.notOk(writer.send(frameOf(sent, chars)), 'over the bound nothing is sent')
  client.resume()
  await until('all', () => packets.length === sent)
  t.same(packets.map(text => JSON.parse(text)[1][0]), Array.from({ length: sent }, (_, i) => i))
  await drained
  const before = streamWrites()
  t.ok(writer.send(frameOf(sent)))
  t.equal(streamWrites(), before, 'once nothing waits, past the stream again')
  await until('the last', () => packets.at(-1) === packetOf(sent))
})

t.test('socket writer - what Socket.IO sends itself is not overtaken, corked or not', async t => {
  const { writer, socket, tcp, packets } = await open(t)
  tcp.cork()
  socket.emit('e', [0, ''])
  t.ok(writer.send(frameOf(1)))
  tcp.uncork()
  socket.emit('e', [2, ''])
  t.ok(writer.send(frameOf(3)))
  await until('all', () => packets.length === 4)
  t.same(packets, [0, 1, 2, 3].map(n => packetOf(n)))
})

t.test('socket writer - a socket that has closed or is closing takes all and is sent nothing', async t => {
  const { writer, socket, tcp, client } = await open(t)
  const closed = once(socket, 'disconnect')
  client.terminate()
  // Nobody has told Node yet, or the other side has reset it: the stream meets the error.
  for (let i = 0; i < 50; i++) t.ok(writer.send(frameOf(i)))
  await closed
  t.ok(writer.send(frameOf(50)))
  await until('the descriptor is closed', () => tcp.destroyed)
  t.equal(new Descriptor().write(partOf(tcp), Buffer.from('late')), 0)
  t.ok(writer.send(frameOf(51)))
})

t.test('descriptor - what is encrypted is never written past its encryption', async t => {
  const psk = Buffer.alloc(32, 7)
  const options = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
  const server = createTlsServer({ ...options, pskCallback: () => psk })
  t.teardown(() => { server.close() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const client = connectTls({ ...options, port: (server.address() as AddressInfo).port, host: '127.0.0.1', pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined })
  t.teardown(() => { client.destroy() })
  const [socket] = await accepted
  t.equal(new Descriptor().write(partOf(socket), Buffer.from('in the clear')), 0)
  const heard = once(client, 'data')
  socket.write('encrypted')
  t.equal(String((await heard)[0]), 'encrypted')
})

t.test('descriptor - a socket from another process: it does not block, and what it does not take at once follows in order', async t => {
  const child = fork(fileURLToPath(new URL('../../helpers/socket-writer-child.ts', import.meta.url)), ['4000', '10000'], { execArgv: ['--import=tsx'] })
  t.teardown(() => { child.kill() })
  await once(child, 'message')
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  const [socket] = await once(server, 'connection') as [TcpSocket]
  const said = once(child, 'message') as Promise<[{ direct: number, partial: number, waiting: number }]>
  child.send('take', socket)
  // Nobody has read anything yet.
  const [{ direct, waiting }] = await said
  t.ok(direct > 0, 'some lines went at once')
  t.ok(waiting > 0, 'the others wait in its stream')
  let text = ''
  for await (const chunk of client) text += String(chunk)
  t.same(text.trimEnd().split('\n').map(Number), Array.from({ length: 4000 }, (_, i) => i))
})
