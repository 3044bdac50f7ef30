/**
 * Messages between processes of one machine, over a Unix socket (a named pipe on Windows) that only their user can open. What one turn of
 * the event loop sends leaves as one frame: its length in 4 bytes, little-endian, then an array of messages as `node:v8` serializes it.
 * Order is kept. What was sent when the socket closes may be lost.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'

export interface Link<Out> {
  /** Not once it is closed: then nothing happens. */
  readonly send: (message: Out) => void
  /** Bytes that the other side has not taken yet. */
  readonly waitingBytes: () => number
  readonly isOpen: boolean
  /** Sends what waits, then ends. */
  readonly close: () => void
}

export interface LinkHandlers<In> {
  /** Must not throw. */
  readonly onMessage: (message: In) => void
  /** Once, whoever closed it. */
  readonly onClose: () => void
}

const lengthBytes = 4

export function createLink<In, Out> (socket: Socket, { onMessage, onClose }: LinkHandlers<In>): Link<Out> {
  let pending: Out[] = []
  let isOpen = true
  const takeChunk = createFrameReader(frame => { for (const message of deserialize(frame) as In[]) onMessage(message) })

  function flush (): void {
    if (pending.length === 0 || !isOpen) return
    const messages = serialize(pending)
    pending = []
    const length = Buffer.allocUnsafe(lengthBytes)
    length.writeUInt32LE(messages.length)
    socket.cork()
    socket.write(length)
    socket.write(messages)
    socket.uncork()
  }

  socket.on('data', takeChunk)
  socket.on('error', () => {}) // `close` follows
  socket.once('close', () => {
    isOpen = false
    onClose()
  })
  return {
    send: message => {
      if (isOpen && pending.push(message) === 1) setImmediate(flush)
    },
    waitingBytes: () => socket.writableLength,
    get isOpen () { return isOpen },
    close: () => {
      flush()
      socket.end()
    }
  }
}

/** Puts frames together from chunks of any size. */
function createFrameReader (onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = []
  let bytes = 0
  /** Of the frame that is incomplete, with its length. */
  let wanted = lengthBytes

  return chunk => {
    chunks.push(chunk)
    bytes += chunk.length
    while (bytes >= wanted) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)
      const end = lengthBytes + all.readUInt32LE(0)
      if (bytes < end) {
        chunks = [all]
        wanted = end
        return
      }
      chunks = bytes === end ? [] : [all.subarray(end)]
      bytes -= end
      wanted = lengthBytes
      onFrame(all.subarray(lengthBytes, end))
    }
  }
}

/** A folder for sockets that only this user reaches; the names in it are short enough for every system. */
export interface SocketFolder {
  readonly pathOf: (name: string) => string
  readonly remove: () => void
}

export function makeSocketFolder (): SocketFolder {
  if (process.platform === 'win32') return { pathOf: name => `\\\\.\\pipe\\gatepost-${process.pid}-${name}`, remove: () => {} }
  const dir = mkdtempSync(join(tmpdir(), 'gatepost-'))
  chmodSync(dir, 0o700)
  return { pathOf: name => join(dir, name), remove: () => { rmSync(dir, { recursive: true, force: true }) } }
}
