/**
 * The parts of an inbox, connected: what the sockets bring goes to the reader and the listeners, what is sent waits in the outbox,
 * and what must outlive this run goes into the storage.
 */
import { createAssignments } from './assignments.js'
import { createConnection, type Connection } from './connection.js'
import { asGatepostError, closedError, GatepostError } from './errors.js'
import { createEntryReader, type EntryReader } from './entry-reader.js'
import { createGateClient } from './gate-client.js'
import { timingOf, type InboxOptions } from './inbox-options.js'
import type { Link } from './link.js'
import { createListeners } from './listeners.js'
import { createLiveWaiters } from './live-waiters.js'
import { createMailbox, type Mailbox } from './mailbox.js'
import { createOutbox, type Outbox } from './outbox.js'
import { within } from './pause.js'
import { createRecentIds } from './recent-ids.js'
import { keepRefreshed } from './refresh.js'
import { createStoredState, type StoredState } from './stored-state.js'
import { canShare, createSharedConnection } from './tabs/shared-connection.js'
import { createTokens, type Tokens } from './tokens.js'
import { createTopicSet, type TopicSet } from './topic-set.js'
import { createUnread, type Unread } from './unread.js'

export interface OpenInbox {
  readonly connection: Connection
  readonly stored: StoredState
  readonly reader: Pick<EntryReader, 'cursors'>
  readonly unread: Unread
  readonly topicSet: TopicSet
  readonly outbox: Outbox
  readonly mailbox: Mailbox
  readonly tokens: Tokens
  /** Resolves as soon as it is live; rejects once it is closed. */
  whenLive (): Promise<void>
  /** May be called again. */
  close (): Promise<void>
}

const closeDeadlineMs = 5_000

export function openInbox (options: InboxOptions): OpenInbox {
  const { gate, storage, storageKey = 'gatepost', cursors, maxQueuedSends = 1_000, tabs = true } = options
  const { readyTimeoutMs, requestTimeoutMs, patienceMs, retryBaseMs } = timingOf(options.timing)
  const closing = new AbortController()
  const listeners = createListeners(options.onError)
  const { notify, onError } = listeners
  const waiters = createLiveWaiters()
  const recent = createRecentIds()
  let closed: Promise<unknown> | undefined

  const link = (): Link | undefined => connection.link()
  const tokens = createTokens(options.token)
  const assignments = createAssignments({ gate: createGateClient({ gate, tokens }) })
  const topicSet = createTopicSet({ initial: options.topics ?? [], link })
  const mailbox = createMailbox({ assignments, signal: closing.signal, patienceMs, retryBaseMs })
  const unread = createUnread({ link, mailbox, onChange: count => { notify(options.onUnread, count) } })
  const outbox = createOutbox({ link, maxWaiting: maxQueuedSends, onSent: outcome => { notify(options.onSent, outcome) }, onError, retryBaseMs })
  const reader = createEntryReader({ link, onEntry: (entry, moved) => options.onEntry?.(entry, moved), onMoved: moved => { stored.saveCursors(moved) }, onError, retryBaseMs })
  const stored = createStoredState({ storage, storageKey, tokens, cursors, onCursors: reader.begin, onOutbox: outbox.restore, onError })

  const connection = (tabs && canShare() ? createSharedConnection : createConnection)({
    gate,
    tokens,
    assignments,
    prepare: stored.restore,
    cursors: reader.cursors,
    topics: topicSet.forHandshake,
    onReady (to, ready, isMove) {
      reader.onHeads(ready.heads, isMove)
      unread.set(ready)
      if (to.isOwn) void keepRefreshed({ link: to, tokens, onError, retryBaseMs })
      void topicSet.settle(to).catch((error: unknown) => { if (to.isOpen) onError(asGatepostError(error)) })
      outbox.resume()
    },
    events: {
      onEntries (from, entries) {
        for (const entry of entries) {
          if (entry.stream !== undefined) reader.take(entry)
          // The socket may have the topics of other tabs too.
          else if (topicSet.hears(entry.to) && recent.isNew(entry.id)) notify(options.onVolatile, entry)
        }
      },
      onUnread (from, count) { if (from === link()) unread.set(count) },
      onBehind (from) { if (from === link()) reader.catchUp() }
    },
    onState (state) {
      notify(options.onState, state)
      if (state === 'live') waiters.resolve()
      if (state === 'closed') shut(listeners.lastError ?? closedError('inbox'))
    },
    onError,
    readyTimeoutMs,
    requestTimeoutMs,
    retryBaseMs
  })

  /** `reason`: the error that ended it, where it was not the application's own wish. */
  function shut (reason: GatepostError): void {
    if (closed !== undefined) return
    closing.abort()
    const delivered = reader.close(closeDeadlineMs)
    const kept = within(closeDeadlineMs, outbox.close(stored.findOutboxSlot), () => new GatepostError('GP_STORAGE_FAILED', 'what waits to be sent could not be kept in time'))
      .catch((error: unknown) => { onError(asGatepostError(error)) })
    closed = Promise.all([delivered, kept])
    connection.close()
    waiters.end(reason)
  }

  const whenLive = async (): Promise<void> => { if (connection.state !== 'live') await waiters.wait() }
  const close = async (): Promise<void> => {
    shut(closedError('inbox'))
    await closed
  }
  return { connection, stored, reader, unread, topicSet, outbox, mailbox, tokens, whenLive, close }
}
