/**
 * One connection for all tabs of a site that belong to one user. One tab leads: it has the socket, and the others have links to it
 * (docs/adr/0023-one-connection-for-all-tabs.md). To the inbox it is a connection like any other.
 *
 *   sharing -> resting  the page is frozen or goes into the back/forward cache; on its way back: sharing
 *   any     -> alone    no locks or no name here: a connection of one's own
 *   any     -> closed   close(), or an error that no retry mends
 */
import { createBackoff } from '../backoff.js'
import { createConnection, type Connection, type ConnectionOptions, type ConnectionState } from '../connection.js'
import { asGatepostError } from '../errors.js'
import type { Link } from '../link.js'
import { pause } from '../pause.js'
import { claimsOf, type Tokens } from '../tokens.js'
import { tabsForm } from './messages.js'
import { createTabGroup } from './tab-group.js'

export interface SharedConnectionOptions extends ConnectionOptions {
  gate: string
  tokens: Tokens
}

/** Whether this is a page in a browser that has what it takes: Web Locks need a secure context. */
export const canShare = (): boolean =>
  typeof document === 'object' && typeof BroadcastChannel === 'function' && (navigator as Partial<Navigator>).locks !== undefined

export function createSharedConnection (options: SharedConnectionOptions): Connection {
  const { gate, tokens, onState, onError, retryBaseMs } = options
  const closing = new AbortController()
  let state: ConnectionState = 'connecting'
  let name: string | undefined
  let alone: Connection | undefined

  const isClosed = (): boolean => closing.signal.aborted

  function enter (next: ConnectionState): void {
    if (next === 'closed') return close()
    report(next)
  }

  function report (next: ConnectionState): void {
    if (state === next || state === 'closed') return
    state = next
    onState(next)
  }

  const group = createTabGroup({ ...options, onState: enter, onFatal: close, onNoLocks: goAlone })

  function goAlone (): void {
    group.rest()
    name = undefined
    alone = createConnection({ ...options, onState: enter })
  }

  function join (): void {
    if (name !== undefined && !isClosed()) group.join(name)
  }

  async function begin (): Promise<void> {
    const backoff = createBackoff({ baseMs: retryBaseMs })
    while (!isClosed()) {
      try {
        const { sub } = claimsOf(await tokens.get())
        if (isClosed()) return
        if (typeof sub !== 'string') return goAlone()
        name = `gatepost:${tabsForm}:${new URL(gate, location.href).href.replace(/\/+$/, '')}:${sub}`
        return join()
      } catch (caught) {
        const error = asGatepostError(caught)
        onError(error)
        enter('offline')
        await pause(backoff.next(error.retryAfterMs), closing.signal)
      }
    }
  }

  const lifecycle = { signal: closing.signal }
  addEventListener('pagehide', group.rest, lifecycle)
  addEventListener('pageshow', ({ persisted }) => { if (persisted) join() }, lifecycle)
  document.addEventListener('freeze', group.rest, lifecycle)
  document.addEventListener('resume', join, lifecycle)

  function close (): void {
    if (isClosed()) return
    closing.abort()
    group.rest()
    alone?.close()
    report('closed')
  }

  // Begins in the next turn, so that whoever made the connection holds it before its first event.
  void Promise.resolve().then(begin)

  const link = (): Link | undefined => alone === undefined ? group.link() : alone.link()
  return { get state () { return state }, link, close }
}
