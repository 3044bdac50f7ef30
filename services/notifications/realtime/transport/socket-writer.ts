/**
 * The way out to one socket, bounded: what waits for a slow reader is counted in bytes, and over the bound the socket
 * gets `behind` instead of more.
 */
import type { Socket } from 'socket.io'
import { Descriptor } from './descriptor.js'
import { engineOf, type EngineConnection, type EngineTransport, type WebSocketPart } from './engine-connection.js'
import type { Frame } from './frame.js'
import type { Transport } from './transport.js'

export const maxWaitingBytes = 1 << 20
const crowdedBytes = 256 * 1024
const crowdedPackets = 64
const lookAgainMs = 20

/** Of a WebSocket. */
const openState = 1

const bytesOf = ({ options: { wsPreEncodedFrame: [bytes] } }: Frame): Buffer => bytes
const buffersOf = (frame: Frame, next: Frame | undefined): Buffer[] => next === undefined ? [bytesOf(frame)] : [bytesOf(frame), bytesOf(next)]

export class SocketWriter implements Transport {
  readonly #socket: Socket
  /** Bytes of frames in Engine.IO's own buffer. */
  #queued = 0
  /** Once the socket has one; it keeps it. */
  #webSocketTransport: EngineTransport | undefined
  readonly #descriptor = new Descriptor()

  constructor (socket: Socket) { this.#socket = socket }

  get #conn (): EngineConnection { return engineOf(this.#socket.conn) }

  get #transport (): EngineTransport {
    if (this.#webSocketTransport !== undefined) return this.#webSocketTransport
    const { transport } = this.#conn
    if (transport.socket !== undefined) this.#webSocketTransport = transport
    return transport
  }

  isOpen (): boolean { return this.#socket.connected && this.#conn.readyState === 'open' }

  /** Bytes that wait: in a WebSocket until the operating system takes them, else frames that no poll has taken. */
  waitingBytes (): number {
    const { writeBuffer, transport } = this.#conn
    if (writeBuffer.length === 0) this.#queued = 0
    return this.#queued + (transport.socket?.bufferedAmount ?? 0)
  }

  /** Hands a frame, and another right behind it, to the transport; false when the socket is too slow: nothing was sent. */
  send (frame: Frame, next?: Frame): boolean {
    const { socket: webSocket, writable } = this.#transport
    if (webSocket !== undefined && (writable || this.#conn.writeBuffer.length === 0) && webSocket.readyState === openState) {
      // Nothing waits in Engine.IO, so nothing is overtaken: past its buffer and events, with the one buffer that all sockets share.
      const waiting = webSocket.bufferedAmount
      if (waiting > 0 && waiting + frame.bytes > maxWaitingBytes) return false
      if (waiting === 0) this.#write(webSocket, frame, next)
      else webSocket._sender.sendFrame(buffersOf(frame, next))
      return true
    }
    if (!this.isOpen()) return true
    const waiting = this.waitingBytes()
    if (waiting > 0 && waiting + frame.bytes > maxWaitingBytes) return false
    for (const { bytes, packet, options } of next === undefined ? [frame] : [frame, next]) {
      this.#queued += bytes
      this.#conn.write(packet, options)
    }
    return true
  }

  /** Nothing waits: to the descriptor, and what that does not take to the WebSocket. */
  #write (webSocket: WebSocketPart, frame: Frame, next: Frame | undefined): void {
    const whole = next === undefined ? bytesOf(frame) : Buffer.concat(buffersOf(frame, next))
    const written = this.#descriptor.write(webSocket._socket, whole)
    if (written < whole.length) webSocket._sender.sendFrame(written === 0 ? buffersOf(frame, next) : [whole.subarray(written)])
  }

  /** Resolves at once while little waits, else when the transport has written all it has or the socket has closed. */
  drained (): Promise<void> | undefined {
    // Answers to events are no frames of ours. Several may gather in Engine.IO before it has a turn to write one.
    const { writeBuffer } = this.#conn
    const isCrowded = writeBuffer.length > crowdedPackets || this.waitingBytes() > crowdedBytes ||
      writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), 0) > crowdedBytes
    return isCrowded ? this.#whenIdle() : undefined
  }

  emit (event: 'behind' | 'reassign', payload: object): void { this.#socket.emit(event, payload) }

  end (): void {
    if (this.#socket.connected) this.#socket.disconnect(true)
    // In the middle of its handshake Socket.IO's own way does nothing.
    else this.#socket.conn.close()
  }

  async #whenIdle (): Promise<void> {
    while (this.isOpen() && !(this.#isIdle() && this.waitingBytes() === 0)) await new Promise(resolve => setTimeout(resolve, lookAgainMs))
  }

  /** A WebSocket is writable again once all it had is written; a poll takes the whole buffer with its answer. */
  #isIdle (): boolean {
    const { writeBuffer, transport } = this.#conn
    return writeBuffer.length === 0 && (transport.writable || transport.name === 'polling')
  }
}
