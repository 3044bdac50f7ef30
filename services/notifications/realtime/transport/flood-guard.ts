/**
 * One connection, before anything on it is an event: what Engine.IO and Socket.IO answer by themselves is answered however
 * little the other side reads. Whoever only sends is closed, and no event of theirs waits in more memory than a bound.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'socket.io'
import { engineOf, type EngineTransport } from './engine-connection.js'

/** Answers and frames that wait for a reader are some 2 MiB at most: the socket writer's, an answer, and one that is under way. */
const maxUnreadBytes = 4 << 20
const maxUnreadPackets = 10_000

/** There is the default namespace only. A request for another is refused with its name. */
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

/** How long a connection is not read at most: its answers to pings, too, wait behind what it has sent. */
const longestPauseMs = 10_000

/**
 * Pauses connections that send faster than they are served, so that what else they have waits in their own memory: a WebSocket is not
 * read, and the next POST of a poller is taken only then (it sends one at a time).
 */
export interface ReadGuards {
  /** The way in from a socket that has joined. */
  open: (socket: Socket) => ReadGuard
  /** For Engine.IO's `use`. */
  holdPosts: (request: IncomingMessage, response: ServerResponse, next: () => void) => void
}

export interface ReadGuard {
  /** Bytes that came since it was asked last. */
  take: () => number
  /** With `true` nothing more is read, until `false` or for 10 s. */
  setPaused: (isPaused: boolean) => void
}

export function createReadGuards (): ReadGuards {
  /** What waits for a poller that is paused, by the id of its connection. */
  const posts = new Map<string, Array<() => void>>()

  return {
    open: socket => {
      const conn = engineOf(socket.conn)
      const { id } = conn
      let bytes = 0
      let isPaused = false
      let timer: NodeJS.Timeout | undefined
      conn.prependListener('data', data => { bytes += data?.length ?? 0 })
      const stop = (): void => {
        conn.transport.socket?.pause()
        if (conn.transport.socket === undefined) posts.set(id, [])
        timer = setTimeout(goOn, longestPauseMs).unref()
        conn.on('close', goOn)
      }
      const goOn = (): void => {
        clearTimeout(timer)
        conn.off('close', goOn)
        conn.transport.socket?.resume()
        const held = posts.get(id) ?? []
        posts.delete(id)
        for (const take of held) take()
      }
      return {
        take: () => {
          const taken = bytes
          bytes = 0
          return taken
        },
        setPaused: wanted => {
          if (wanted === isPaused) return
          isPaused = wanted
          if (isPaused) stop()
          else goOn()
        }
      }
    },
    holdPosts: (request, response, next) => {
      const held = request.method === 'POST' ? posts.get(new URL(request.url ?? '', 'http://node').searchParams.get('sid') ?? '') : undefined
      if (held === undefined) next()
      else held.push(() => { if (!response.destroyed) next() })
    }
  }
}
