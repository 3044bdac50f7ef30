/** Messages between processes of one machine: whatever the pieces in which their bytes come. */
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { serialize } from 'node:v8'
import t from 'tap'
import { createLink } from '../../shared/platform/link.js'

/** Keeps what is written, and brings what a test pushes. */
function fakeSocket (): { socket: Socket, written: () => Buffer, push: (bytes: Buffer) => void, end: () => void } {
  const written: Buffer[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => { written.push(chunk); done() },
    writev: (chunks, done) => { written.push(...chunks.map(({ chunk }) => chunk as Buffer)); done() }
  })
  return { socket: stream as unknown as Socket, written: () => Buffer.concat(written), push: bytes => { stream.push(bytes) }, end: () => { stream.destroy() } }
}

const endOfTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('link - what one turn sends is one frame, and comes out the same, byte by byte or all at once', async t => {
  const from = fakeSocket()
  const sender = createLink<never, unknown>(from.socket, { onMessage: () => {}, onClose: () => {} })
  const sent = [{ a: 1, bytes: Buffer.from([0, 255]), none: undefined, far: Infinity }, 'ü'.repeat(70_000), []]
  for (const message of sent) sender.send(message)
  await endOfTurn()
  sender.send('later')
  await endOfTurn()
  const bytes = from.written()
  t.equal(bytes.readUInt32LE(0), serialize(sent).length)
  for (const pieces of [[bytes], [...bytesOf(bytes.subarray(0, 5), 1), bytes.subarray(5)], bytesOf(bytes, 1000)]) {
    const to = fakeSocket()
    const got: unknown[] = []
    createLink<unknown, never>(to.socket, { onMessage: message => { got.push(message) }, onClose: () => {} })
    for (const piece of pieces) to.push(piece)
    await endOfTurn()
    t.same(got, [...sent, 'later'])
  }
})

function bytesOf (bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

t.test('link - closes once, whoever does it, and sends nothing afterwards', async t => {
  const { socket, end, written } = fakeSocket()
  let closes = 0
  const link = createLink<never, string>(socket, { onMessage: () => {}, onClose: () => { closes++ } })
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
