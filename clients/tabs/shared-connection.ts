/**
 * One connection for all tabs of a site that belong to one user. One tab leads: it has the socket, and the others have links to it
 * (docs/adr/0023-one-connection-for-all-tabs.md). To the inbox it is a connection like any other.
 *
 *   following -> leading    the lock was free, or the leader is silent and it was stolen
 *   leading   -> following  another tab has stolen the lock, or says that it leads
 *   any       -> resting    the page is frozen or goes into the back/forward cache; on its way back: following
 *   any       -> alone      no locks or no name here: a connection of one's own
 *   any       -> closed     close(), or an error that no retry mends
 */
import { createBackoff } from '../backoff.js'
import { createConnection, type Connection, type ConnectionOptions, type ConnectionState } from '../connection.js'
import { asGatepostError } from '../errors.js'
import { newKey } from '../key.js'
import type { Link } from '../link.js'
import { pause } from '../pause.js'
import type { Cursors } from '../protocol.js'
import { claimsOf, type Tokens } from '../tokens.js'
import { createFollower } from './follower.js'
import { createLeadership } from './leadership.js'
import { isFromLeader, tabsForm, type TabMessage } from './messages.js'
import { createRelay, type Relay } from './relay.js'

export interface SharedConnectionOptions extends ConnectionOptions {
  gate: string
  tokens: Tokens
}

/** Whether this is a page in a browser that has what it takes: Web Locks need a secure context. */
export const canShare = (): boolean =>
  typeof document === 'object' && typeof BroadcastChannel === 'function' && (navigator as Partial<Navigator>).locks !== undefined

export function createSharedConnection (options: SharedConnectionOptions): Connection {
  const { gate, tokens, onState, onError, retryBaseMs } = options
  const tab = newKey()
  const closing = new AbortController()
  let state: ConnectionState = 'connecting'
  let name: string | undefined
  let channel: BroadcastChannel | undefined
  let leading: { relay: Relay, connection: Connection, term: number } | undefined
  let alone: Connection | undefined
  let isProving = false

  const isClosed = (): boolean => closing.signal.aborted

  function enter (next: ConnectionState): void {
    if (state === next || state === 'closed') return
    state = next
    onState(next)
  }

  const follower = createFollower({
    ...options,
    tab,
    post: message => { channel?.postMessage(message) },
    onState: enter,
    onSilent: () => { leadership?.steal() },
    onFatal: close
  })

  let leadership: ReturnType<typeof createLeadership> | undefined

  /** The socket of this tab is for all. */
  function lead (): void {
    follower.end()
    // Time makes it later than the term of any leader that this tab has not heard of.
    const term = Math.max(Date.now(), follower.term + 1)
    const relay = createRelay({ term, post: message => { channel?.postMessage(message) }, wake: prove, onError })
    let used: Cursors | undefined
    const isMine = (): boolean => leading?.relay === relay
    const connection = createConnection({
      ...options,
      cursors: () => (used = options.cursors()),
      topics: given => relay.withTopics(options.topics(given)),
      onReady (link, ready, isMove) {
        if (!isMine()) return
        relay.onReady(link, ready, isMove, used)
        options.onReady(relay.own(link), ready, isMove)
      },
      events: {
        onEntries (link, entries) {
          if (!isMine()) return
          relay.onEntries(entries)
          options.events.onEntries(relay.own(link), entries)
        },
        onUnread (link, count) {
          if (!isMine() || connection.link() !== link) return
          relay.onUnread(count)
          options.events.onUnread(relay.own(link), count)
        },
        onBehind (link) {
          if (!isMine() || connection.link() !== link) return
          relay.onBehind()
          options.events.onBehind(relay.own(link))
        }
      },
      onState (next) {
        if (!isMine()) return
        if (next === 'closed') return close()
        if (next !== 'live') relay.onState(next)
        enter(next)
      },
      onError: error => { if (isMine()) onError(error) }
    })
    leading = { relay, connection, term }
    enter('connecting')
    channel?.postMessage({ type: 'lead', term })
  }

  function stopLeading (): void {
    const was = leading
    leading = undefined
    was?.relay.close()
    was?.connection.close()
  }

  /** Another tab leads now. */
  function follow (): void {
    stopLeading()
    enter('connecting')
    leadership?.ask()
    follower.begin()
  }

  // A frozen tab hears the channel and posts to it, but gets no lock: only a tab that runs comes to this answer.
  function prove (): void {
    if (isProving || name === undefined) return
    isProving = true
    navigator.locks.request(`${name}:${tab}`, () => { leading?.relay.prove() })
      .catch((error: unknown) => { onError(asGatepostError(error)) })
      .finally(() => { isProving = false })
  }

  function hear (message: TabMessage): void {
    if (!isFromLeader(message)) return leading?.relay.hear(message)
    if (leading === undefined) return follower.hear(message)
    // A leader that was robbed while it was frozen learns it here first.
    if (message.type === 'lead' && message.term > leading.term) {
      leadership?.leave()
      follower.hear(message)
      follow()
    }
  }

  function goAlone (): void {
    rest()
    name = undefined
    alone = createConnection({ ...options, onState: next => { if (next === 'closed') close(); else enter(next) } })
  }

  function join (): void {
    if (name === undefined || channel !== undefined || isClosed()) return
    channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => { hear(data) }
    leadership = createLeadership({ locks: navigator.locks, name, onLead: lead, onLose: follow, onFail: goAlone })
    leadership.ask()
    follower.begin()
  }

  function rest (): void {
    if (channel === undefined) return
    leadership?.leave()
    stopLeading()
    follower.end()
    // A page in the cache is thrown out of it by the first message to a channel that is open.
    channel.postMessage({ type: 'bye', tab })
    channel.close()
    channel = undefined
    enter('connecting')
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
  addEventListener('pagehide', rest, lifecycle)
  addEventListener('pageshow', ({ persisted }) => { if (persisted) join() }, lifecycle)
  document.addEventListener('freeze', rest, lifecycle)
  document.addEventListener('resume', join, lifecycle)

  function close (): void {
    if (isClosed()) return
    closing.abort()
    rest()
    alone?.close()
    enter('closed')
  }

  // Begins in the next turn, so that whoever made the connection holds it before its first event.
  void Promise.resolve().then(begin)

  const link = (): Link | undefined => {
    if (alone !== undefined) return alone.link()
    if (leading === undefined) return follower.link()
    const own = leading.connection.link()
    return own === undefined ? undefined : leading.relay.own(own)
  }
  return { get state () { return state }, link, close }
}
