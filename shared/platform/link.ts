/**
 * Messages between processes of one machine, over a Unix socket (a named pipe on Windows) that only their user can open. What one turn of
 * the event loop sends leaves as one write (message-bytes.ts). Order is kept. What was sent when the socket closes may be lost.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMessageSplitter, MessageWriter, type MessageReader } from './message-bytes.js'

export interface Link<Out> {
  /** Not once it is closed: then nothing happens. */
  readonly send: (message: Out) => void
  /** Bytes that the other side has not taken yet. */
  readonly waitingBytes: () => number
  readonly isOpen: boolean
  /** Sends what waits, then ends. */
  readonly close: () => void
}

export interface LinkHandlers<In, Out> {
  readonly read: (message: MessageReader) => In
  readonly write: (to: MessageWriter, message: Out) => void
  /** Must not throw. */
  readonly onMessage: (message: In) => void
  /** Once, whoever closed it. */
  readonly onClose: () => void
}

export function createLink<In, Out> (socket: Socket, { read, write, onMessage, onClose }: LinkHandlers<In, Out>): Link<Out> {
  const waiting = new MessageWriter()
  let isOpen = true

  function flush (): void {
    if (waiting.length > 0 && isOpen) socket.write(waiting.take())
  }

  socket.on('data', createMessageSplitter(message => { onMessage(read(message)) }))
  socket.on('error', () => {}) // `close` follows
  socket.once('close', () => {
    isOpen = false
    onClose()
  })
  return {
    send: message => {
      if (!isOpen) return
      if (waiting.length === 0) setImmediate(flush)
      waiting.add(to => { write(to, message) })
    },
    waitingBytes: () => waiting.length + socket.writableLength,
    get isOpen () { return isOpen },
    close: () => {
      flush()
      socket.end()
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
