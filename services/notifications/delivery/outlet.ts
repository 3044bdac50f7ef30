/**
 * The way out to one socket, bounded: what waits for a slow reader is counted in bytes, and over the bound the socket
 * is told that it is `behind` instead of being given more.
 */
import type { Socket } from 'socket.io'
import type { Frame } from './frame.js'

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

export function createOutlet (socket: Socket): Outlet {
  const { conn } = socket
  let waiting = 0

  // A WebSocket is writable again once all it was given is written; a poll takes the whole buffer with its answer.
  const isIdle = (): boolean => {
    const { transport, writeBuffer } = conn as unknown as { transport: { name: string, writable: boolean }, writeBuffer: unknown[] }
    return writeBuffer.length === 0 && (transport.writable || transport.name === 'polling')
  }
  const isOpen = (): boolean => socket.connected && conn.readyState === 'open'
  const waitingBytes = (): number => {
    if (isIdle()) waiting = 0
    return waiting
  }

  // Answers to events are no frames of ours: they are seen in what the transport itself holds.
  const isCrowded = (): boolean => {
    const { transport, writeBuffer } = conn as unknown as { transport: { socket?: { bufferedAmount?: number } }, writeBuffer: unknown[] }
    return writeBuffer.length > crowdedPackets || waitingBytes() > crowdedBytes || (transport.socket?.bufferedAmount ?? 0) > crowdedBytes
  }
  const whenIdle = async (): Promise<void> => {
    while (isOpen() && !isIdle()) await new Promise(resolve => setTimeout(resolve, lookAgainMs))
  }

  return {
    waitingBytes,
    isOpen,
    send: frame => {
      if (!isOpen()) return true
      if (waitingBytes() + frame.bytes > maxWaitingBytes && waiting > 0) return false
      waiting += frame.bytes
      conn.write(frame.packet, frame.options)
      return true
    },
    drained: () => isCrowded() ? whenIdle() : undefined
  }
}
