/** One socket to one node, from its handshake to its end. It never reconnects: the connection makes another. */
import { io } from 'socket.io-client'
import type { Given } from './assignments.js'
import { GatepostError, unreachable } from './errors.js'
import { withoutSlash } from './http.js'
import type { Cursors, Entry, Reassign, Ready, UnreadCount, VolatileMessage } from './protocol.js'

/** Of what `auth` holds; a node that does not know it refuses the handshake. */
const handshakeForm = 1

export interface Link {
  readonly given: Given
  /** False where another tab holds the socket, and renews its token. */
  readonly isOwn: boolean
  readonly isOpen: boolean
  /** Resolves once, when the socket is gone for whatever reason. */
  readonly ended: Promise<string>
  /** An event and its acknowledgement; an `{error}` in it is thrown. */
  request<T> (event: string, payload: unknown): Promise<T>
  close (): void
}

export interface LinkEvents {
  onReady (link: Link, ready: Ready): void
  onEntries (link: Link, entries: ReadonlyArray<Entry | VolatileMessage>): void
  onUnread (link: Link, count: UnreadCount): void
  onReassign (link: Link, reassign: Reassign): void
  onBehind (link: Link): void
}

export interface LinkOptions {
  given: Given
  cursors: Cursors | undefined
  topics: readonly string[]
  events: LinkEvents
  /** WebSockets hang on this way: begin with polling, and change over where one turns out to work. */
  isPollingFirst: boolean
  signal: AbortSignal
  readyTimeoutMs: number
  requestTimeoutMs: number
}

/** Resolves after `onReady` was called; what a refused handshake says is thrown. */
export function openLink ({ given, cursors, topics, events, isPollingFirst, signal, readyTimeoutMs, requestTimeoutMs }: LinkOptions): Promise<Link> {
  const url = new URL(given.node.url)
  const socket = io(url.origin, {
    // In Socket.IO's own address a path would name a namespace. A Gate of version 0.1 does not say where Socket.IO is.
    path: given.node.path ?? `${withoutSlash(url.pathname)}/socket.io`,
    auth: { form: handshakeForm, ticket: given.ticket, ...(cursors === undefined ? {} : { cursors }), ...(topics.length === 0 ? {} : { topics }) },
    transports: isPollingFirst ? ['polling', 'websocket'] : ['websocket', 'polling'],
    tryAllTransports: true,
    reconnection: false,
    forceNew: true,
    autoConnect: false,
    timeout: readyTimeoutMs
  })

  return new Promise<Link>((resolve, reject) => {
    let state: 'opening' | 'open' | 'ended' = 'opening'
    let sayEnded: (reason: string) => void
    const ended = new Promise<string>(resolve => { sayEnded = resolve })
    const timer = setTimeout(() => end(unreachable(`node ${given.node.id}`, new Error(`no "ready" within ${readyTimeoutMs} ms`))), readyTimeoutMs)
    const stop = (): void => end(new GatepostError('GP_CLOSED', 'closed while connecting'))

    function end (error: GatepostError, reason = error.message): void {
      if (state === 'ended') return
      if (state === 'opening') reject(error)
      state = 'ended'
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      // Leaves the acknowledgements of open requests in place: they fail because the socket is gone.
      socket.off()
      socket.disconnect()
      sayEnded(reason)
    }

    const link: Link = {
      given,
      isOwn: true,
      get isOpen () { return state === 'open' && socket.connected },
      ended,
      async request<T> (event: string, payload: unknown): Promise<T> {
        if (!link.isOpen) throw unreachable(`node ${given.node.id}`)
        let answer: unknown
        try { answer = await socket.timeout(requestTimeoutMs).emitWithAck(event, payload) } catch (cause) {
          throw unreachable(`node ${given.node.id}`, cause)
        }
        const { error } = (answer ?? {}) as { error?: { code?: string, message?: string } }
        if (error !== undefined && error !== null) throw new GatepostError(error.code ?? 'GP_INTERNAL', error.message ?? 'refused')
        return answer as T
      },
      close () { end(new GatepostError('GP_CLOSED', 'closed')) }
    }

    socket.on('connect_error', (error: Error & { data?: { code?: unknown } }) => {
      const code = error.data?.code
      end(typeof code === 'string' ? new GatepostError(code, error.message) : unreachable(`node ${given.node.id}`, error))
    })
    socket.on('disconnect', reason => end(unreachable(`node ${given.node.id}`, new Error(reason)), reason))
    socket.on('ready', (ready: Ready) => {
      if (state !== 'opening') return
      state = 'open'
      clearTimeout(timer)
      events.onReady(link, ready)
      resolve(link)
    })
    // Nothing before "ready" is an entry of ours, for until then it is not known where the reader begins.
    socket.on('entries', (entries: ReadonlyArray<Entry | VolatileMessage>) => { if (state === 'open') events.onEntries(link, entries) })
    socket.on('unread', (count: UnreadCount) => { if (state === 'open') events.onUnread(link, count) })
    socket.on('reassign', (reassign: Reassign) => { if (state === 'open') events.onReassign(link, reassign) })
    socket.on('behind', () => { if (state === 'open') events.onBehind(link) })

    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) return stop()
    socket.connect()
  })
}
