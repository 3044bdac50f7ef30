/**
 * The way out to one socket, bounded: what waits for a slow reader is counted in bytes, and over the bound the socket
 * is told that it is `behind` instead of being given more.
 */
import type { Socket } from 'socket.io'
import type { Frame, FrameOptions } from './frame.js'

export interface Outlet {
  /** Bytes that wait: in a WebSocket until the operating system takes them, else frames that no poll has taken. */
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
    readonly socket?: WebSocketPart
  }
  readonly write: (data: string, options: FrameOptions) => void
}

interface WebSocketPart {
  readonly readyState: number
  /** Bytes that the operating system has not taken yet. */
  readonly bufferedAmount: number
  readonly _sender: { readonly sendFrame: (buffers: readonly Buffer[]) => void }
}
const openState = 1

export function createOutlet (socket: Socket): Outlet {
  const conn = socket.conn as unknown as Connection
  /** Bytes of frames in Engine.IO's own buffer. */
  let queued = 0

  const isOpen = (): boolean => socket.connected && conn.readyState === 'open'
  // A WebSocket is writable again once all it was given is written; a poll takes the whole buffer with its answer.
  const isIdle = (): boolean => conn.writeBuffer.length === 0 && (conn.transport.writable || conn.transport.name === 'polling')
  const waitingBytes = (): number => {
    if (conn.writeBuffer.length === 0) queued = 0
    return queued + (conn.transport.socket?.bufferedAmount ?? 0)
  }

  // Answers to events are no frames of ours: they are seen in what the transport itself holds.
  const isCrowded = (): boolean => conn.writeBuffer.length > crowdedPackets || waitingBytes() > crowdedBytes
  const whenIdle = async (): Promise<void> => {
    while (isOpen() && !(isIdle() && waitingBytes() === 0)) await new Promise(resolve => setTimeout(resolve, lookAgainMs))
  }

  return {
    waitingBytes,
    isOpen,
    send: frame => {
      if (!isOpen()) return true
      const { writeBuffer, transport: { socket: webSocket } } = conn
      if (webSocket !== undefined && writeBuffer.length === 0 && webSocket.readyState === openState) {
        // Nothing waits in Engine.IO, so nothing is overtaken: past its buffer and events, with the one buffer that all sockets share.
        const waiting = webSocket.bufferedAmount
        if (waiting > 0 && waiting + frame.bytes > maxWaitingBytes) return false
        webSocket._sender.sendFrame(frame.options.wsPreEncodedFrame)
        return true
      }
      const waiting = waitingBytes()
      if (waiting > 0 && waiting + frame.bytes > maxWaitingBytes) return false
      queued += frame.bytes
      conn.write(frame.packet, frame.options)
      return true
    },
    drained: () => isCrowded() ? whenIdle() : undefined
  }
}
