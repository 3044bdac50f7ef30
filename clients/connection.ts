/**
 * Keeps one link to the node that Gate assigns.
 *
 *   connecting -> live        the node said "ready"
 *   connecting -> offline     Gate or the node could not be had; after a pause: connecting
 *   live       -> connecting  the link ended
 *   live       -> live        "reassign": the new link is ready before the old one is closed
 *   any        -> closed      close(), or an error that no retry mends
 */
import type { Assignments, Given } from './assignments.js'
import { createBackoff } from './backoff.js'
import { asGatepostError, GatepostError, isTokenRefused } from './errors.js'
import { openLink, type Link, type LinkEvents } from './link.js'
import { pause } from './pause.js'
import type { Cursors, Ready } from './protocol.js'

export type ConnectionState = 'connecting' | 'live' | 'offline' | 'closed'

export interface Connection {
  readonly state: ConnectionState
  /** The link to use now, if there is one. */
  link (): Link | undefined
  close (): void
}

export interface ConnectionOptions {
  assignments: Assignments
  /** Called before each handshake; what it throws counts as a failed try. */
  prepare: (user: string) => Promise<void>
  /** Where the reader stands; undefined = it has not begun. */
  cursors: () => Cursors | undefined
  /** Those that the handshake with this node carries. */
  topics: (given: Given) => readonly string[]
  /** `isMove`: the link before this one is still open. */
  onReady: (link: Link, ready: Ready, isMove: boolean) => void
  events: Pick<LinkEvents, 'onEntries' | 'onUnread' | 'onBehind'>
  onState: (state: ConnectionState) => void
  onError: (error: GatepostError) => void
  readyTimeoutMs: number
  requestTimeoutMs: number
  retryBaseMs: number
}

/** A link that lived shorter does not count as a success: a node that drops everybody must not be hammered. */
const stableAfterMs = 5_000

export function createConnection (options: ConnectionOptions): Connection {
  const { assignments, prepare, onReady, events, onState, onError, readyTimeoutMs, requestTimeoutMs, retryBaseMs } = options
  const closing = new AbortController()
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let state: ConnectionState = 'connecting'
  let current: Link | undefined
  let moving: Promise<void> | undefined
  let wake = new AbortController()
  /** A try that ended without a word from the node: a proxy may take WebSockets and pass nothing on. */
  let isPollingFirst = false

  const isClosed = (): boolean => closing.signal.aborted

  function enter (next: ConnectionState): void {
    if (state === next || state === 'closed') return
    state = next
    onState(next)
  }

  const open = async (): Promise<Link> => {
    const given = await assignments.fresh()
    await prepare(given.user)
    try {
      const link = await openLink({
        given,
        cursors: options.cursors(),
        topics: options.topics(given),
        isPollingFirst,
        signal: closing.signal,
        readyTimeoutMs,
        requestTimeoutMs,
        events: { ...events, onReady: adopt, onReassign: (link, { delayMs }) => { moving ??= move(link, delayMs) } }
      })
      assignments.forgive(given.node.id)
      return link
    } catch (error) {
      const refusal = asGatepostError(error)
      // Gate has just taken the user's token: what was refused is the ticket made of it, and another one may do.
      if (isTokenRefused(refusal)) throw new GatepostError('GP_TICKET_EXPIRED', refusal.message, { cause: refusal })
      if (refusal.code === 'GP_UNREACHABLE') isPollingFirst = true
      if (refusal.code === 'GP_UNREACHABLE' || refusal.code === 'GP_DRAINING') assignments.avoid(given.node.id)
      throw refusal
    }
  }

  // In the same turn as "ready": the entries that follow it must find their link to be the current one.
  function adopt (link: Link, ready: Ready): void {
    const before = current
    current = link
    onReady(link, ready, before?.isOpen === true)
    enter('live')
    before?.close()
  }

  async function move (from: Link, delayMs: number): Promise<void> {
    const retry = createBackoff({ baseMs: retryBaseMs })
    try {
      await Promise.race([pause(delayMs, closing.signal), from.ended])
      while (!isClosed() && from.isOpen) {
        try { await open(); return } catch (error) {
          onError(asGatepostError(error))
          if (isFatal(error)) return
          await Promise.race([pause(retry.next(asGatepostError(error).retryAfterMs), closing.signal), from.ended])
        }
      }
    } finally { moving = undefined }
  }

  async function run (): Promise<void> {
    while (!isClosed()) {
      const link = current
      if (link?.isOpen === true) {
        const sinceMs = Date.now()
        await link.ended
        // A move that has begun brings the next link, or fails; two at once would race each other.
        await moving
        if (Date.now() - sinceMs >= stableAfterMs || current !== link) backoff.reset()
        if (current !== link || isClosed()) continue
        current = undefined
        enter('connecting')
        await pause(backoff.next(), closing.signal, wake.signal)
        continue
      }
      enter('connecting')
      try { await open() } catch (error) {
        if (isClosed()) return
        onError(asGatepostError(error))
        if (isFatal(error)) return close()
        enter('offline')
        await pause(backoff.next(asGatepostError(error).retryAfterMs), closing.signal, wake.signal)
      }
    }
  }

  // A browser knows when the network is back: no need to wait the pause out.
  const onOnline = (): void => {
    wake.abort()
    wake = new AbortController()
  }
  const network = typeof globalThis.addEventListener === 'function' ? globalThis : undefined
  network?.addEventListener('online', onOnline)

  function close (): void {
    if (isClosed()) return
    closing.abort()
    network?.removeEventListener('online', onOnline)
    current?.close()
    current = undefined
    enter('closed')
  }

  // Begins in the next turn, so that whoever made the connection holds it before its first event.
  void Promise.resolve().then(run)

  return { get state () { return state }, link: () => current?.isOpen === true ? current : undefined, close }
}

const isFatal = (error: unknown): boolean => asGatepostError(error).retry === 'never'
