/** MongoDB's wire protocol: OP_MSG, and the OP_QUERY by which drivers say hello. What is listened to as a server would, and what reads along (mongodb-traffic.ts). */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { BSON, type Document } from 'mongodb'
import type { Test } from 'tap'

const opReply = 1
const opQuery = 2004
const opMsg = 2013
const headerBytes = 16

/** 'cut': the connection is closed without an answer. */
export type WireAnswer = Document | 'cut'

/** Listens on a free port until the test ends. A command has its database in `$db`. */
export async function listenAsMongodb (t: Test, answer: (command: Document) => WireAnswer | Promise<WireAnswer>): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => { sockets.delete(socket) })
    socket.on('data', splitMessages(message => { void serve(socket, message) }))
  })

  async function serve (socket: Socket, message: Buffer): Promise<void> {
    const reply = await answer(readWireMessage(message))
    if (reply === 'cut') { socket.destroy(); return }
    if (!socket.destroyed) socket.write(frame(idOf(message), isQuery(message), BSON.serialize(reply)))
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** Takes what comes in pieces, gives whole messages. */
export function splitMessages (onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= headerBytes && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      onMessage(message)
    }
  }
}

export const idOf = (message: Buffer): number => message.readInt32LE(4)
/** The id of the message that this one answers. */
export const answeredBy = (message: Buffer): number => message.readInt32LE(8)
export const isOpMsg = (message: Buffer): boolean => message.readInt32LE(12) === opMsg
const isQuery = (message: Buffer): boolean => message.readInt32LE(12) === opQuery

/** The command, or a reply by OP_MSG. */
export const readWireMessage = (message: Buffer): Document => isQuery(message) ? readQuery(message) : readMessage(message)

function frame (responseTo: number, isReply: boolean, body: Uint8Array): Buffer {
  // OP_REPLY: flags, cursor, starting from, one document. OP_MSG: flags, a section of kind 0.
  const extra = isReply ? Buffer.alloc(20) : Buffer.alloc(5)
  if (isReply) extra.writeInt32LE(1, 16)
  const header = Buffer.alloc(headerBytes)
  header.writeInt32LE(headerBytes + extra.length + body.length, 0)
  header.writeInt32LE(responseTo, 8)
  header.writeInt32LE(isReply ? opReply : opMsg, 12)
  return Buffer.concat([header, extra, body])
}

/** Flags, the collection's full name, skip, number to return, the command. */
function readQuery (message: Buffer): Document {
  const end = message.indexOf(0, headerBytes + 4)
  return { ...BSON.deserialize(message.subarray(end + 9)), $db: 'admin' }
}

/** Flags, then sections: kind 0 is the command, kind 1 one of its arrays. */
function readMessage (message: Buffer): Document {
  const command: Document = {}
  for (let at = headerBytes + 4; at < message.length;) {
    const kind = message[at++]
    const end = at + message.readInt32LE(at)
    if (kind === 0) Object.assign(command, BSON.deserialize(message.subarray(at, end)))
    else {
      const nameEnd = message.indexOf(0, at + 4)
      const documents: Document[] = []
      for (let from = nameEnd + 1; from < end; from += message.readInt32LE(from)) documents.push(BSON.deserialize(message.subarray(from, from + message.readInt32LE(from))))
      command[message.toString('utf8', at + 4, nameEnd)] = documents
    }
    at = end
  }
  return command
}
