/**
 * Keeps one link to the node that Gate assigns.
 *
 *   connecting -> live        the node said "ready"
 *   connecting -> offline     Gate or the node could not be had; after a pause: connecting
 *   live       -> connecting  the link ended
 *   live       -> live        "reassign": the new link is ready before the old one is closed
 *   any        -> closed      close(), or an error that no retry mends
 */
import { createBackoff } from './backoff.js'
import { asGatepostError, type GatepostError } from './errors.js'
import { createHandshake, type HandshakeOptions } from './handshake.js'
import type { Link, LinkEvents } from './link.js'
import { pause } from './pause.js'
import type { Ready } from './protocol.js'

export type ConnectionState = 'connecting' | 'live' | 'offline' | 'closed'

export interface Connection {
  readonly state: ConnectionState
  /** The link to use now, if there is one. */
  link (): Link | undefined
  close (): void
}

export interface ConnectionOptions extends HandshakeOptions {
  /** `isMove`: the link before this one is still open. */
  onReady: (link: Link, ready: Ready, isMove: boolean) => void
  events: Pick<LinkEvents, 'onEntries' | 'onUnread' | 'onBehind'>
  onState: (state: ConnectionState) => void
  onError: (error: GatepostError) => void
  retryBaseMs: number
}

/** A link that lived shorter does not count as a success: a node that drops everybody must not be hammered. */
const stableAfterMs = 5_000

export function createConnection (options: ConnectionOptions): Connection {
  const { onReady, onState, onError, retryBaseMs } = options
  const closing = new AbortController()
  const handshake = createHandshake(options, closing.signal)
  const events: LinkEvents = { ...options.events, onReady: adopt, onReassign: (link, { delayMs }) => { moving ??= move(link, delayMs) } }
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let state: ConnectionState = 'connecting'
  let current: Link | undefined
  let moving: Promise<void> | undefined

  const isClosed = (): boolean => closing.signal.aborted

  function enter (next: ConnectionState): void {
    if (state === next || state === 'closed') return
    state = next
    onState(next)
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
        try { await handshake(events); return } catch (error) {
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
        await pauseOrOnline(backoff.next(), closing.signal)
        continue
      }
      enter('connecting')
      try { await handshake(events) } catch (error) {
        if (isClosed()) return
        onError(asGatepostError(error))
        if (isFatal(error)) return close()
        enter('offline')
        await pauseOrOnline(backoff.next(asGatepostError(error).retryAfterMs), closing.signal)
      }
    }
  }

  function close (): void {
    if (isClosed()) return
    closing.abort()
    current?.close()
    current = undefined
    enter('closed')
  }

  // Begins in the next turn, so that whoever made the connection holds it before its first event.
  void Promise.resolve().then(run)

  return { get state () { return state }, link: () => current?.isOpen === true ? current : undefined, close }
}

const isFatal = (error: unknown): boolean => asGatepostError(error).retry === 'never'

/** A browser knows when the network is back: no need to wait the pause out. */
async function pauseOrOnline (ms: number, signal: AbortSignal): Promise<void> {
  const wake = new AbortController()
  const network = typeof globalThis.addEventListener === 'function' ? globalThis : undefined
  const onOnline = (): void => { wake.abort() }
  network?.addEventListener('online', onOnline)
  await pause(ms, signal, wake.signal)
  network?.removeEventListener('online', onOnline)
}
