/**
 * One connection, before anything on it is an event: what Engine.IO and Socket.IO answer by themselves is answered however
 * little the other side reads. Whoever only sends is closed, and no event of theirs waits in more memory than a bound.
 */
import type { Socket } from 'socket.io'
import { engineOf, type EngineTransport } from './engine-connection.js'

/** Answers and frames that wait for a reader are some 2 MiB at most: the outlet's, an answer, and one that is under way. */
const maxUnreadBytes = 4 << 20
const maxUnreadPackets = 10_000

/** There is the default namespace only. Whoever asks for another is told so, by its name. */
const otherNamespace = /^\d(?:\d+-)?\/([^,]{1,257})/
const maxNamespaceLength = 256
const maxRefusedNamespaces = 10

/** Call it for every connection of the engine. */
export function guardConnection (engineConnection: Socket['conn']): void {
  const conn = engineOf(engineConnection)
  const check = (): void => {
    if ((conn.transport.socket?.bufferedAmount ?? 0) > maxUnreadBytes || conn.writeBuffer.length > maxUnreadPackets) conn.close(true)
  }
  // A WebSocket answers every ping by itself.
  const watchPings = ({ socket }: EngineTransport): void => { socket?.on('ping', check) }
  watchPings(conn.transport)
  conn.on('upgrade', watchPings)
  let refusedNamespaces = 0
  conn.prependListener('data', data => {
    const [, name] = typeof data === 'string' ? otherNamespace.exec(data) ?? [] : []
    if (name !== undefined && (name.length > maxNamespaceLength || ++refusedNamespaces > maxRefusedNamespaces)) conn.close(true)
    else check()
  })
}

/** The way in from a socket that has joined. */
export class Inlet {
  readonly #socket: Socket
  #bytes = 0
  #isPaused = false

  constructor (socket: Socket) {
    this.#socket = socket
    engineOf(socket.conn).prependListener('data', data => { this.#bytes += data?.length ?? 0 })
  }

  /** Bytes that came since it was asked last. */
  take (): number {
    const taken = this.#bytes
    this.#bytes = 0
    return taken
  }

  /** Reads on or not, where the transport can be stopped: the other side then waits in its own memory. */
  setPaused (isPaused: boolean): void {
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    const { socket: webSocket } = engineOf(this.#socket.conn).transport
    if (isPaused) webSocket?.pause()
    else webSocket?.resume()
  }

  /** Closes at once. */
  cut (): void {
    this.#socket.disconnect(true)
    engineOf(this.#socket.conn).close(true)
  }
}
