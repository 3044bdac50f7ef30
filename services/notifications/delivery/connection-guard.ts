/**
 * One connection, before anything on it is an event: what Engine.IO and Socket.IO answer by themselves is answered however
 * little the other side reads. Whoever only sends is closed, and no event of theirs waits in more memory than a bound.
 */
import type { Socket } from 'socket.io'

/** Answers and frames that wait for a reader are some 2 MiB at most: the outlet's, an answer, and one that is under way. */
const maxUnreadBytes = 4 << 20
const maxUnreadPackets = 10_000

/** What this needs of Engine.IO's socket, part of which its types call private. */
interface Connection {
  readonly writeBuffer: readonly unknown[]
  readonly transport: { readonly socket?: WebSocketPart }
  readonly on: (event: string, listener: (arg: never) => void) => void
  readonly prependListener: (event: 'data', listener: (data: string | Buffer | undefined) => void) => void
  /** With `true` at once, whatever still waits to be written. */
  readonly close: (discard: boolean) => void
}

interface WebSocketPart {
  /** Bytes that the operating system has not taken yet. */
  readonly bufferedAmount?: number
  readonly on?: (event: 'ping', listener: () => void) => void
  readonly pause?: () => void
  readonly resume?: () => void
}

const toConnection = (conn: Socket['conn']): Connection => conn as unknown as Connection

/** There is the default namespace only. Whoever asks for another is told so, by its name. */
const otherNamespace = /^\d(?:\d+-)?\/([^,]{1,257})/
const maxNamespaceLength = 256
const maxRefusedNamespaces = 10

/** Call it for every connection of the engine. */
export function guardConnection (engineConnection: Socket['conn']): void {
  const conn = toConnection(engineConnection)
  const check = (): void => {
    if ((conn.transport.socket?.bufferedAmount ?? 0) > maxUnreadBytes || conn.writeBuffer.length > maxUnreadPackets) conn.close(true)
  }
  // A WebSocket answers every ping by itself.
  const watchPings = (transport: Connection['transport']): void => { transport.socket?.on?.('ping', check) }
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
    toConnection(socket.conn).prependListener('data', data => { this.#bytes += data?.length ?? 0 })
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
    const { socket: webSocket } = toConnection(this.#socket.conn).transport
    if (isPaused) webSocket?.pause?.()
    else webSocket?.resume?.()
  }

  /** Closes at once. */
  cut (): void {
    this.#socket.disconnect(true)
    toConnection(this.#socket.conn).close(true)
  }
}
