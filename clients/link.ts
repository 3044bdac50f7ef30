/** One socket to one node, from its handshake to its end. It never reconnects: the connection makes another. */
import type { Given } from './assignments.js'
import { expandBurst, expandSync, type Burst, type CompactSync } from './compact.js'
import { GatepostError, unreachable } from './errors.js'
import { withoutSlash } from './http.js'
import type { Cursors, Entry, Reassign, Ready, UnreadCount, VolatileMessage } from './protocol.js'
import { openWire } from './wire/library-wire.js'

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
  /** In which entries are asked for: 2 compact, 1 whole. A node that does not know it refuses the handshake, or sends them whole. */
  form: 1 | 2
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
export function openLink ({ given, form, cursors, topics, events, isPollingFirst, signal, readyTimeoutMs, requestTimeoutMs }: LinkOptions): Promise<Link> {
  const closedMeanwhile = (): GatepostError => new GatepostError('GP_CLOSED', 'closed while connecting')
  if (signal.aborted) return Promise.reject(closedMeanwhile())
  return new Promise<Link>((resolve, reject) => {
    let state: 'opening' | 'open' | 'ended' = 'opening'
    /** Of a node that sends entries compact. */
    let compact: Ready | undefined
    let sayEnded: (reason: string) => void
    const node = `node ${given.node.id}`
    const ended = new Promise<string>(resolve => { sayEnded = resolve })
    const timer = setTimeout(() => end(unreachable(node, new Error(`no "ready" within ${readyTimeoutMs} ms`))), readyTimeoutMs)
    const stop = (): void => end(closedMeanwhile())

    function end (error: GatepostError, reason = error.message): void {
      if (state === 'ended') return
      if (state === 'opening') reject(error)
      state = 'ended'
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      wire.close()
      sayEnded(reason)
    }

    const link: Link = {
      given,
      isOwn: true,
      get isOpen () { return state === 'open' && wire.isOpen },
      ended,
      async request<T> (event: string, payload: unknown): Promise<T> {
        if (!link.isOpen) throw unreachable(node)
        let answer: unknown
        try { answer = await wire.request(event, payload, requestTimeoutMs) } catch (cause) {
          throw unreachable(node, cause)
        }
        const { error } = (answer ?? {}) as { error?: { code?: string, message?: string } }
        if (error !== undefined && error !== null) throw new GatepostError(error.code ?? 'GP_INTERNAL', error.message ?? 'refused')
        return (compact !== undefined && hasBursts(answer) ? expandSync(answer, compact) : answer) as T
      },
      close () { end(new GatepostError('GP_CLOSED', 'closed')) }
    }

    function onReady (ready: Ready): void {
      state = 'open'
      if (ready.form === 2) compact = ready
      clearTimeout(timer)
      events.onReady(link, ready)
      resolve(link)
    }

    function onEvent (name: string, ...args: unknown[]): void {
      const [payload] = args
      if (state === 'opening') {
        if (name === 'ready') onReady(payload as Ready)
        // Nothing before "ready" is an entry of ours, for until then it is not known where the reader begins.
        return
      }
      switch (name) {
        case 'entries': return events.onEntries(link, compact === undefined ? payload as ReadonlyArray<Entry | VolatileMessage> : expandBurst(args as unknown as Burst, compact))
        case 'unread': return events.onUnread(link, payload as UnreadCount)
        case 'reassign': return events.onReassign(link, payload as Reassign)
        case 'behind': return events.onBehind(link)
      }
    }

    function onRefused (error: Error & { data?: unknown }): void {
      const { code } = (error.data ?? {}) as { code?: unknown }
      end(typeof code === 'string' ? new GatepostError(code, error.message) : unreachable(node, error))
    }

    signal.addEventListener('abort', stop, { once: true })
    const url = new URL(given.node.url)
    const wire = openWire({
      // In Socket.IO's own address a path would name a namespace. A Gate of version 0.1 does not say where Socket.IO is.
      origin: url.origin,
      path: given.node.path ?? `${withoutSlash(url.pathname)}/socket.io`,
      auth: { form, counts: true, ticket: given.ticket, ...(cursors === undefined ? {} : { cursors }), ...(topics.length === 0 ? {} : { topics }) },
      isPollingFirst
    }, { onEvent, onRefused, onClosed: reason => { end(unreachable(node, new Error(reason)), reason) } })
  })
}

const hasBursts = (answer: unknown): answer is CompactSync => Array.isArray((answer as Partial<CompactSync> | null)?.bursts)
