/** Sockets that change hands between processes (hand-over.ts), and clients that leave on the way. */
import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { until } from '../helpers/until.js'
import { createHandOver, type HandOverMessage } from '../../services/cli/processes/hand-over.js'

/** A client and what a server has of it. */
async function openPair (t: Test): Promise<{ client: Socket, socket: Socket }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return { client, socket }
}

const nothing = Buffer.alloc(0)

function start () {
  const sent: Array<HandOverMessage<string>> = []
  const got: string[] = []
  const handOver = createHandOver<string>(message => { sent.push(message) }, (_socket, what, more) => { got.push(what + Buffer.from(more).toString()) })
  return { handOver, sent, got }
}

async function leave ({ client, socket }: { client: Socket, socket: Socket }): Promise<void> {
  socket.resume().on('error', () => {})
  const left = new Promise(resolve => { socket.once('close', resolve) })
  client.resetAndDestroy()
  await left
}

t.test('hand-over - give, have, yours', async t => {
  const { handOver, sent, got } = start()
  const [given, taken] = [await openPair(t), await openPair(t)]
  handOver.give(given.socket, 'a')
  t.same(sent, [{ hand: 'give', id: 1, what: 'a' }])
  handOver.hear({ hand: 'have', id: 1 }, undefined)
  t.ok(given.socket.destroyed)
  handOver.hear({ hand: 'give', id: 7, what: 'b' }, taken.socket)
  t.same(sent.slice(1), [{ hand: 'yours', id: 1, more: Buffer.alloc(0) }, { hand: 'have', id: 7 }])
  t.same(got, [], 'not before the other has let go')
  handOver.hear({ hand: 'yours', id: 7, more: nothing }, undefined)
  t.same(got, ['b'])
})

t.test('hand-over - a client that has left is given to nobody', async t => {
  const { handOver, sent, got } = start()
  const [before, between] = [await openPair(t), await openPair(t)]
  await leave(before)
  handOver.give(before.socket, 'left before')
  t.same(sent, [])
  handOver.hear({ hand: 'give', id: 1, what: 'left between' }, between.socket)
  await leave(between)
  handOver.hear({ hand: 'yours', id: 1, more: nothing }, undefined)
  t.same(got, [])
})

t.test('hand-over - what the giving process reads meanwhile goes along', async t => {
  const { handOver, sent, got } = start()
  const [given, taken] = [await openPair(t), await openPair(t)]
  handOver.give(given.socket, 'first ')
  t.equal(handOver.underWay(), 1)
  given.client.write('and more')
  await until('it is read', () => given.socket.bytesRead > 0)
  handOver.hear({ hand: 'have', id: 1 }, undefined)
  t.same(sent.at(-1), { hand: 'yours', id: 1, more: Buffer.from('and more') })
  await until('it is gone', () => handOver.underWay() === 0)
  handOver.hear({ hand: 'give', id: 1, what: 'first ' }, taken.socket)
  handOver.hear({ hand: 'yours', id: 1, more: Buffer.from('and more') }, undefined)
  t.same(got, ['first and more'])
})

t.test('hand-over - where both have read nobody knows the order: it is closed', async t => {
  const { handOver, got } = start()
  const { client, socket } = await openPair(t)
  handOver.hear({ hand: 'give', id: 1, what: 'first' }, socket)
  client.write('read there')
  socket.read(0)
  await until('it is read', () => socket.readableLength > 0)
  handOver.hear({ hand: 'yours', id: 1, more: Buffer.from('read here') }, undefined)
  t.same(got, [])
  t.ok(socket.destroyed)
})
