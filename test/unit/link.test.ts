/** Messages between processes of one machine: whatever the pieces in which their bytes come. */
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { createMessageSplitter, MessageWriter, type MessageReader } from '../../shared/platform/message-bytes.js'
import { createLink, type LinkHandlers } from '../../shared/platform/link.js'

/** Keeps what is written, and brings what a test pushes. */
function fakeSocket (): { socket: Socket, written: () => Buffer, writes: () => number, push: (bytes: Buffer) => void, end: () => void } {
  const written: Buffer[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => { written.push(chunk); done() },
    writev: (chunks, done) => { written.push(...chunks.map(({ chunk }) => chunk as Buffer)); done() }
  })
  return { socket: stream as unknown as Socket, written: () => Buffer.concat(written), writes: () => written.length, push: bytes => { stream.push(bytes) }, end: () => { stream.destroy() } }
}

const values: Pick<LinkHandlers<unknown, unknown>, 'read' | 'write'> = { read: message => message.value(), write: (to, message) => { to.value(message) } }
const endOfTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('link - what one turn sends is one write, and comes out the same, byte by byte or all at once', async t => {
  const from = fakeSocket()
  const sender = createLink<unknown, unknown>(from.socket, { ...values, onMessage: () => {}, onClose: () => {} })
  const sent = [{ a: 1, bytes: Buffer.from([0, 255]), none: undefined, far: Infinity }, 'ü'.repeat(70_000), []]
  for (const message of sent) sender.send(message)
  t.ok(sender.waitingBytes() > 70_000)
  await endOfTurn()
  t.equal(from.writes(), 1)
  t.equal(sender.waitingBytes(), 0)
  sender.send('later')
  await endOfTurn()
  const bytes = from.written()
  for (const pieces of [[bytes], [...bytesOf(bytes.subarray(0, 5), 1), bytes.subarray(5)], bytesOf(bytes, 1000)]) {
    const to = fakeSocket()
    const got: unknown[] = []
    createLink<unknown, unknown>(to.socket, { ...values, onMessage: message => { got.push(message) }, onClose: () => {} })
    for (const piece of pieces) to.push(piece)
    await endOfTurn()
    t.same(got, [...sent, 'later'])
  }
})

t.test('message bytes - each field is read as it was written, in memory that grows', async t => {
  const writer = new MessageWriter()
  const long = 'ß'.repeat(100_000)
  for (const round of [1, 2]) {
    writer.add(to => { to.u8(255).u32(2 ** 32 - 1).f64(2 ** 53).f64(NaN).text('').text(`${long}${round}`).bytes(Buffer.alloc(0)).bytes(Buffer.from(long)).value({ round }) })
    writer.add(() => {})
    const got: MessageReader[] = []
    const bytes = writer.take()
    createMessageSplitter(message => { got.push(message) })(bytes)
    writer.add(to => { to.text('x'.repeat(200_000)) }) // what was taken is not written to again
    writer.take()
    const [message, empty] = got
    t.same([message!.u8(), message!.u32(), message!.f64(), message!.f64(), message!.text(), message!.text()], [255, 2 ** 32 - 1, 2 ** 53, NaN, '', `${long}${round}`])
    t.same([message!.bytes().length, message!.bytes().toString() === long, message!.value(), message!.isAtEnd, empty!.isAtEnd], [0, true, { round }, true, true])
  }
})

function bytesOf (bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

t.test('link - closes once, whoever does it, and sends nothing afterwards', async t => {
  const { socket, end, written } = fakeSocket()
  let closes = 0
  const link = createLink<unknown, unknown>(socket, { ...values, onMessage: () => {}, onClose: () => { closes++ } })
  t.ok(link.isOpen)
  end()
  await endOfTurn()
  t.notOk(link.isOpen)
  link.send('too late')
  await endOfTurn()
  link.close()
  t.equal(closes, 1)
  t.equal(written().length, 0)
})
