/** What this folder needs of Engine.IO's side of a socket, part of which its types call private. */
import type { Socket } from 'socket.io'
import type { SocketPart } from './descriptor.js'
import type { FrameOptions } from './frame.js'

export interface EngineConnection {
  /** The `sid` of its requests. */
  readonly id: string
  readonly readyState: string
  /** Packets that it has not handed to the transport yet. */
  readonly writeBuffer: ReadonlyArray<{ readonly data?: { readonly length: number } }>
  readonly transport: EngineTransport
  readonly write: (data: string, options: FrameOptions) => void
  readonly on: ((event: 'upgrade', listener: (transport: EngineTransport) => void) => void) & ((event: 'close', listener: () => void) => void)
  readonly off: (event: 'close', listener: () => void) => void
  readonly prependListener: (event: 'data', listener: (data: string | Buffer | undefined) => void) => void
  /** With `true` at once, whatever still waits to be written. */
  readonly close: (discard: boolean) => void
}

export interface EngineTransport {
  readonly name: string
  readonly writable: boolean
  /** Of a WebSocket only. */
  readonly socket?: WebSocketPart
}

export interface WebSocketPart {
  readonly readyState: number
  /** Bytes that the operating system has not taken yet; 0 also says that none wait in its stream. */
  readonly bufferedAmount: number
  /** Null once it has closed. */
  readonly _socket?: SocketPart | null
  /** Writes one buffer, or two in one go, as they are. */
  readonly _sender: { readonly sendFrame: (buffers: readonly Buffer[]) => void }
  readonly on: (event: 'ping', listener: () => void) => void
  readonly pause: () => void
  readonly resume: () => void
}

export const engineOf = (conn: Socket['conn']): EngineConnection => conn as unknown as EngineConnection
