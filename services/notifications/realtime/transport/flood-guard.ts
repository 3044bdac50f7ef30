/**
 * One connection, before anything on it is an event: what Engine.IO and Socket.IO answer by themselves is answered however
 * little the other side reads. Whoever only sends is closed, and no event of theirs waits in more memory than a bound.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'socket.io'
import { engineOf, type EngineConnection, type EngineTransport } from './engine-connection.js'

/** Answers and frames that wait for a reader are some 2 MiB at most: the socket writer's, an answer, and one that is under way. */
const maxUnreadBytes = 4 << 20
const maxUnreadPackets = 10_000

/** There is the default namespace only. A request for another is refused with its name. */
const otherNamespace = /^\d(?:\d+-)?\/([^,]{1,257})/
const maxNamespaceLength = 256
const maxRefusedNamespaces = 10

/** How long a connection is not read at most: its answers to pings, too, wait behind what it has sent. */
const longestPauseMs = 10_000

/**
 * Pauses connections that send faster than they are served, so that what else they have waits in their own memory: a WebSocket is not
 * read, and the next POST of a poller is taken only then (it sends one at a time).
 */
export interface ReadGuard {
  /** Bytes that came since it was asked last. */
  take: () => number
  /** With `true` nothing more is read, until `false` or for 10 s. */
  setPaused: (isPaused: boolean) => void
}

export interface FloodGuards {
  /** Call it for every connection of the engine. */
  watch: (engineConnection: Socket['conn']) => void
  /** Of a connection that is watched. */
  of: (engineConnection: Socket['conn']) => ReadGuard
  /** For Engine.IO's `use`. */
  holdPosts: (request: IncomingMessage, response: ServerResponse, next: () => void) => void
}

/** What waits for a poller that is paused, by the id of its connection. */
type HeldPosts = Map<string, Array<() => void>>

export function createFloodGuards (): FloodGuards {
  const posts: HeldPosts = new Map()
  const guards = new WeakMap<Socket['conn'], ConnectionGuard>()

  return {
    watch: engineConnection => { guards.set(engineConnection, new ConnectionGuard(engineOf(engineConnection), posts)) },
    of: engineConnection => guards.get(engineConnection)!,
    holdPosts: (request, response, next) => {
      const held = request.method === 'POST' ? posts.get(new URL(request.url ?? '', 'http://node').searchParams.get('sid') ?? '') : undefined
      if (held === undefined) next()
      else held.push(() => { if (!response.destroyed) next() })
    }
  }
}

/** There are as many as sockets: its two listeners are all that each takes beside its fields. */
class ConnectionGuard implements ReadGuard {
  readonly #conn: EngineConnection
  readonly #posts: HeldPosts
  #bytes = 0
  #refusedNamespaces = 0
  #isPaused = false
  /** Until it is read again. */
  #pause: { readonly timer: NodeJS.Timeout, readonly goOn: () => void } | undefined

  constructor (conn: EngineConnection, posts: HeldPosts) {
    this.#conn = conn
    this.#posts = posts
    conn.prependListener('data', data => { this.#came(data) })
    // A WebSocket answers every ping by itself.
    const watchPings = ({ socket }: EngineTransport): void => { socket?.on('ping', () => { this.#check() }) }
    if (conn.transport.socket === undefined) conn.on('upgrade', watchPings)
    else watchPings(conn.transport)
  }

  take (): number {
    const taken = this.#bytes
    this.#bytes = 0
    return taken
  }

  setPaused (wanted: boolean): void {
    if (wanted === this.#isPaused) return
    this.#isPaused = wanted
    if (wanted) this.#stop()
    else this.#goOn()
  }

  #came (data: string | Buffer | undefined): void {
    this.#bytes += data?.length ?? 0
    const [, name] = typeof data === 'string' ? otherNamespace.exec(data) ?? [] : []
    if (name !== undefined && (name.length > maxNamespaceLength || ++this.#refusedNamespaces > maxRefusedNamespaces)) this.#conn.close(true)
    else this.#check()
  }

  #check (): void {
    const { transport, writeBuffer } = this.#conn
    if ((transport.socket?.bufferedAmount ?? 0) > maxUnreadBytes || writeBuffer.length > maxUnreadPackets) this.#conn.close(true)
  }

  #stop (): void {
    const { transport, id } = this.#conn
    transport.socket?.pause()
    if (transport.socket === undefined) this.#posts.set(id, [])
    const goOn = (): void => { this.#goOn() }
    this.#pause = { timer: setTimeout(goOn, longestPauseMs).unref(), goOn }
    this.#conn.on('close', goOn)
  }

  #goOn (): void {
    if (this.#pause === undefined) return
    const { timer, goOn } = this.#pause
    this.#pause = undefined
    clearTimeout(timer)
    this.#conn.off('close', goOn)
    this.#conn.transport.socket?.resume()
    const held = this.#posts.get(this.#conn.id) ?? []
    this.#posts.delete(this.#conn.id)
    for (const take of held) take()
  }
}
