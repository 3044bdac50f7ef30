/** Takes a socket from its parent, as the processes of one machine do, and writes the numbers up to `argv[2]` to it, a line of `argv[3]` characters each, as a socket writer does. */
import type { Socket } from 'node:net'
import { Descriptor, type SocketPart } from '../../services/notifications/realtime/transport/descriptor.js'

const [lines = 0, chars = 0] = process.argv.slice(2).map(Number)

process.once('message', (_message, socket: Socket) => {
  const descriptor = new Descriptor()
  let direct = 0
  let partial = 0
  for (let i = 0; i < lines; i++) {
    const bytes = Buffer.from(`${i}`.padEnd(chars - 1) + '\n')
    const written = socket.writableLength === 0 ? descriptor.write(socket as unknown as SocketPart, bytes) : 0
    if (written === bytes.length) direct++
    else {
      if (written > 0) partial++
      socket.write(bytes.subarray(written))
    }
  }
  process.send?.({ direct, partial, waiting: socket.writableLength })
  socket.end(() => { process.disconnect() })
})
process.send?.('up')
