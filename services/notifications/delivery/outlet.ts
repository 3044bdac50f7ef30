/**
 * The way out to one socket, bounded: what waits for a slow reader is counted in bytes, and over the bound the socket
 * is told that it is `behind` instead of being given more.
 */
import type { Socket } from 'socket.io'
import type { Frame, FrameOptions } from './frame.js'

export interface Outlet {
  /** Bytes handed over that the transport has not written yet, as far as frames go. */
  readonly waitingBytes: () => number
  readonly isOpen: () => boolean
  /** Hands a frame to the transport; false when the socket is too slow: nothing was sent. */
  readonly send: (frame: Frame) => boolean
  /** Resolves at once while little waits, else when the transport has written all it was given or the socket has closed. */
  readonly drained: () => Promise<void> | undefined
}

export const maxWaitingBytes = 1 << 20
const crowdedBytes = 256 * 1024
const crowdedPackets = 64
const lookAgainMs = 20

/** What this needs of Engine.IO's socket, part of which its types call private. */
interface Connection {
  readonly readyState: string
  readonly writeBuffer: readonly unknown[]
  readonly transport: {
    readonly name: string
    readonly writable: boolean
    /** Of a WebSocket: bytes that the operating system has not taken yet. */
    readonly socket?: { readonly bufferedAmount?: number }
    readonly send: (packets: Frame['packets']) => void
  }
  readonly write: (data: string, options: FrameOptions) => void
}

export function createOutlet (socket: Socket): Outlet {
  const conn = socket.conn as unknown as Connection
  let waiting = 0

  // A WebSocket is writable again once all it was given is written; a poll takes the whole buffer with its answer.
  const isIdle = (): boolean => conn.writeBuffer.length === 0 && (conn.transport.writable || conn.transport.name === 'polling')
  const isOpen = (): boolean => socket.connected && conn.readyState === 'open'
  const waitingBytes = (): number => {
    if (isIdle()) waiting = 0
    return waiting
  }

  // Answers to events are no frames of ours: they are seen in what the transport itself holds.
  const isCrowded = (): boolean =>
    conn.writeBuffer.length > crowdedPackets || waitingBytes() > crowdedBytes || (conn.transport.socket?.bufferedAmount ?? 0) > crowdedBytes
  const whenIdle = async (): Promise<void> => {
    while (isOpen() && !isIdle()) await new Promise(resolve => setTimeout(resolve, lookAgainMs))
  }

  return {
    waitingBytes,
    isOpen,
    send: frame => {
      if (!isOpen()) return true
      const { transport } = conn
      if (transport.writable && transport.name === 'websocket' && conn.writeBuffer.length === 0) {
        // Nothing waits: past Engine.IO's own buffer and events, with the one array that all sockets share.
        waiting = frame.bytes
        transport.send(frame.packets)
        return true
      }
      if (waitingBytes() + frame.bytes > maxWaitingBytes && waiting > 0) return false
      waiting += frame.bytes
      const [{ data, options }] = frame.packets
      conn.write(data, options)
      return true
    },
    drained: () => isCrowded() ? whenIdle() : undefined
  }
}
