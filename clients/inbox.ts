import { checkOptions } from './arguments.js'
import { createAssignments } from './assignments.js'
import { createCatchUp } from './catch-up.js'
import { createConnection, type ConnectionState } from './connection.js'
import { clientDeadlines } from './deadlines.js'
import { createDelivery } from './delivery.js'
import { asGatepostError, closedError, GatepostError } from './errors.js'
import { createGateClient } from './gate-client.js'
import type { Link } from './link.js'
import { createMailbox } from './mailbox.js'
import { createOutbox, type SendOptions, type SendOutcome } from './outbox.js'
import type {
  Cursors, Entry, ListQuery, Message, OutgoingMessage, Page, Ready, SendAnswer, UnreadCount, VolatileMessage
} from './protocol.js'
import { createRecentIds } from './recent-ids.js'
import { keepRefreshed } from './refresh.js'
import { asCursors, createSequencer } from './sequencer.js'
import { within } from './pause.js'
import { canShare, createSharedConnection } from './tabs/shared-connection.js'
import { createSlot, type KeyValueStorage, type Slot } from './storage.js'
import { claimsOf, createTokens, type TokenSource } from './tokens.js'
import { createTopicSet } from './topic-set.js'

export interface InboxOptions {
  /** Gate's address, such as https://site.example; '' for the page's own. */
  gate: string
  token: TokenSource
  /** Topics of volatile messages to hear from the start. */
  topics?: Iterable<string>
  /**
   * Where to begin: the cursors that the application kept with what it did. Without them those in `storage` count;
   * without either, only what comes from now on is delivered.
   */
  cursors?: Cursors
  /** Keeps cursors and waiting sends over a restart; one for each inbox that runs, or another `storageKey`. */
  storage?: KeyValueStorage
  /** First part of the keys in `storage`; the user's name follows. */
  storageKey?: string
  /** How many sends may wait; one more is refused with GP_QUEUE_FULL. */
  maxQueuedSends?: number
  /**
   * Each entry of a stream, once, in `seq` order; a promise is awaited before the next one. `cursors` is where the reader
   * stands after it: kept together with what the callback did, and given as `cursors` at the next start,
   * nothing is ever seen twice. A failing callback gets the same entry again.
   */
  onEntry?: (entry: Entry, cursors: Cursors) => unknown
  /** Messages that are never stored: at most once, while connected. */
  onVolatile?: (message: VolatileMessage) => unknown
  onUnread?: (count: UnreadCount) => unknown
  onState?: (state: ConnectionState) => unknown
  /** How each send ended; for one of an earlier run, whose promise is gone, the only word. */
  onSent?: (outcome: SendOutcome) => unknown
  /** What went wrong and is tried again, and, followed by the state "closed", what ended it. */
  onError?: (error: GatepostError) => unknown
  /**
   * In browsers all tabs of the site (and all inboxes of a page) that belong to one user share one socket: true where it is
   * not given. False = a connection of its own.
   */
  tabs?: boolean
  timing?: Timing
}

/** In ms. For tests, and for networks out of the ordinary. */
export interface Timing {
  /** From opening a socket to its "ready". */
  readyTimeoutMs?: number
  /** For the acknowledgement of an event. */
  requestTimeoutMs?: number
  /** How long a REST call is tried. */
  patienceMs?: number
  /** The first ceiling of the growing pauses between tries. */
  retryBaseMs?: number
}

export interface Inbox {
  readonly state: ConnectionState
  /** Whose inbox it is; undefined until Gate has said so. */
  readonly user: string | undefined
  /** As the node said last. */
  readonly unread: UnreadCount
  readonly topics: readonly string[]
  /** How many sends wait for their answer. */
  readonly queuedSends: number
  /** Resolves as soon as it is live; rejects once it is closed. */
  whenLive (): Promise<void>
  /** Resolves when the message is stored. Waits while offline; tried again under the same key, never stored twice. */
  send (message: OutgoingMessage, options?: SendOptions): Promise<SendAnswer>
  list (query?: ListQuery): Promise<Page>
  get (id: string): Promise<Message>
  countUnread (): Promise<UnreadCount>
  /** These messages; or all up to cursors, of a category, or (with `{}`) all. */
  markRead (what: string | readonly string[] | { upTo?: Cursors, category?: string }): Promise<UnreadCount>
  markUnread (id: string): Promise<Message>
  archive (id: string, archived?: boolean): Promise<Message>
  remove (id: string): Promise<void>
  /** Takes back a message that this user sent, within 2 minutes. */
  recall (id: string): Promise<void>
  /** All topics of this inbox from now on. */
  subscribe (...topics: string[]): Promise<string[]>
  unsubscribe (...topics: string[]): Promise<string[]>
  /** A new token of the same user, where the inbox was given a text and not a function. */
  refresh (token: string): Promise<void>
  /** May be called again. Waits until what was not sent is in the storage, and for a callback that runs, at most 5 s. */
  close (): Promise<void>
}

const maxWaitingEntries = 2_000
const closeDeadlineMs = 5_000
const idsPerRequest = 100

export function createInbox (options: InboxOptions): Inbox {
  checkOptions(options, ['onEntry', 'onVolatile', 'onUnread', 'onState', 'onSent', 'onError'])
  const { storage, storageKey = 'gatepost', maxQueuedSends = 1_000, tabs = true } = options
  const { readyTimeoutMs = 10_000, requestTimeoutMs = clientDeadlines.inboxRequestMs, patienceMs = 15_000, retryBaseMs = 500 } = options.timing ?? {}

  const closing = new AbortController()
  const tokens = createTokens(options.token)
  const assignments = createAssignments({ gate: createGateClient({ gate: options.gate, tokens }) })
  const sequencer = createSequencer()
  const recent = createRecentIds()
  const handshakeTopics = new WeakMap<object, readonly string[]>()

  let user: string | undefined
  let cursorSlot: Slot | undefined
  let unread: UnreadCount = { unread: 0, byCategory: {} }
  let closed: Promise<void> | undefined
  const waiters: Array<{ resolve: () => void, reject: (error: GatepostError) => void }> = []
  let lastError: GatepostError | undefined
  let closeReason: GatepostError | undefined

  /** A listener's own failure is reported, and changes nothing; onError's is left to the platform. */
  function tell<T> (listener: ((value: T) => unknown) | undefined, value: T): void {
    if (listener === undefined) return
    void Promise.resolve(value).then(listener).catch((cause: unknown) => {
      if (listener === options.onError) throw cause
      onError(new GatepostError('GP_CALLBACK_FAILED', 'a listener failed', { cause }))
    })
  }
  function onError (error: GatepostError): void {
    lastError = error
    tell(options.onError, error)
  }

  const link = (): Link | undefined => connection.link()

  const delivery = createDelivery({
    onEntry: (entry, cursors) => options.onEntry?.(entry, cursors),
    onMoved: cursors => { void cursorSlot?.save(cursors) },
    onError,
    maxWaiting: maxWaitingEntries,
    retryBaseMs
  })

  const catchUp = createCatchUp({
    link,
    cursors: () => sequencer.tails(),
    take: ({ entries }, asked) => { for (const entry of entries) takeEntry(entry, asked) },
    room: () => delivery.room(),
    onError,
    retryBaseMs
  })

  const outbox = createOutbox({ link, maxWaiting: maxQueuedSends, onSent: outcome => tell(options.onSent, outcome), onError, retryBaseMs })
  const topicSet = createTopicSet({ initial: options.topics ?? [], link })
  const mailbox = createMailbox({ assignments, signal: closing.signal, patienceMs, retryBaseMs })

  function takeEntry (entry: Entry, asked?: Cursors): void {
    // Without room it is left for a later `sync`, as if it had not come.
    const verdict = delivery.hasRoom() ? sequencer.take(entry, asked) : 'hole'
    if (verdict === 'next') delivery.push(entry)
    else if (verdict === 'hole') catchUp.begin()
  }

  function setUnread ({ unread: count, byCategory }: UnreadCount): void {
    unread = { unread: count, byCategory }
    tell(options.onUnread, unread)
  }

  const outboxSlot = (name: string): Slot => createSlot({ storage, key: `${storageKey}:${name}:outbox`, onError })

  /** Where sends are kept that nobody was asked about yet: Gate has not said whose they are, so the token must. */
  async function findOutboxSlot (): Promise<Slot | undefined> {
    if (storage === undefined) return undefined
    const { sub } = claimsOf(await tokens.get())
    if (typeof sub !== 'string') throw new GatepostError('GP_STORAGE_FAILED', 'what waits to be sent could not be kept: it is not known whose it is')
    return outboxSlot(sub)
  }

  /** Once: what an earlier run kept for this user. */
  async function recollect (name: string): Promise<void> {
    if (user !== undefined) {
      if (user === name) return
      throw new GatepostError('GP_USER_CHANGED', 'the token is now for another user: make another inbox')
    }
    const slot = createSlot({ storage, key: `${storageKey}:${name}:cursors`, onError })
    const start = asCursors(options.cursors) ?? asCursors(await slot.load())
    await outbox.restore(outboxSlot(name))
    cursorSlot = slot
    user = name
    if (start === undefined) return
    sequencer.begin(start)
    delivery.begin(start)
  }

  function onReady (ready: Ready, isMove: boolean): void {
    if (!sequencer.hasBegun) {
      // Kept at once: what comes between now and a reconnect must not count as "before the first time".
      sequencer.begin(ready.heads)
      delivery.begin(ready.heads)
    } else if (!isMove) {
      // During a move the old socket may still bring entries of a group just left; forgetting it would let them in twice.
      sequencer.keepOnly(ready.heads)
      delivery.keepOnly(ready.heads)
    }
    setUnread(ready)
  }

  const connection = (tabs && canShare() ? createSharedConnection : createConnection)({
    gate: options.gate,
    tokens,
    assignments,
    prepare: recollect,
    cursors: () => sequencer.hasBegun ? sequencer.tails() : undefined,
    topics (given) {
      const topics = topicSet.list()
      handshakeTopics.set(given, topics)
      return topics
    },
    onReady (to, ready, isMove) {
      onReady(ready, isMove)
      if (to.isOwn) void keepRefreshed({ link: to, tokens, onError, retryBaseMs })
      void topicSet.settle(to, handshakeTopics.get(to.given) ?? []).catch((error: unknown) => { if (to.isOpen) onError(asGatepostError(error)) })
      outbox.resume()
    },
    events: {
      onEntries (from, entries) {
        for (const entry of entries) {
          if (entry.stream !== undefined) takeEntry(entry)
          // The socket may have the topics of other tabs too.
          else if (topicSet.hears(entry.to) && recent.isNew(entry.id)) tell(options.onVolatile, entry)
        }
      },
      onUnread (from, count) { if (from === link()) setUnread(count) },
      onBehind (from) { if (from === link()) catchUp.begin() }
    },
    onState (state) {
      tell(options.onState, state)
      if (state === 'live') for (const { resolve } of waiters.splice(0)) resolve()
      if (state === 'closed') shut(lastError ?? closedError('inbox'))
    },
    onError,
    readyTimeoutMs,
    requestTimeoutMs,
    retryBaseMs
  })

  /** `reason`: the error that ended it, where it was not the application's own wish. */
  function shut (reason: GatepostError): void {
    if (closeReason !== undefined) return
    closeReason = reason
    closing.abort()
    catchUp.close()
    const kept = within(closeDeadlineMs, outbox.close(findOutboxSlot), () => new GatepostError('GP_STORAGE_FAILED', 'what waits to be sent could not be kept in time'))
      .catch((error: unknown) => { onError(asGatepostError(error)) })
    connection.close()
    for (const { reject } of waiters.splice(0)) reject(reason)
    closed = Promise.all([delivery.close(closeDeadlineMs), kept]).then(() => {})
  }

  async function markIds (ids: readonly string[]): Promise<UnreadCount> {
    for (let at = 0; at < ids.length; at += idsPerRequest) {
      const some = ids.slice(at, at + idsPerRequest)
      const to = link()
      try {
        if (to === undefined) throw new GatepostError('GP_UNREACHABLE', 'not connected')
        setUnread(await to.request<UnreadCount>('read', { ids: some }))
      } catch (error) {
        if (asGatepostError(error).retry === 'never') throw error
        for (const id of some) await mailbox.update(id, { read: true })
        setUnread(await mailbox.countUnread())
      }
    }
    return unread
  }

  return {
    get state () { return connection.state },
    get user () { return user },
    get unread () { return unread },
    get topics () { return topicSet.list() },
    get queuedSends () { return outbox.waiting },
    whenLive: async () => await new Promise<void>((resolve, reject) => {
      if (connection.state === 'live') resolve()
      else if (closeReason !== undefined) reject(closeReason)
      else waiters.push({ resolve, reject })
    }),
    send: (message, sendOptions) => outbox.send(message, sendOptions),
    list: query => mailbox.list(query),
    get: id => mailbox.get(id),
    countUnread: () => mailbox.countUnread(),
    async markRead (what) {
      if (typeof what === 'string') return await markIds([what])
      if (isList(what)) return await markIds(what)
      return await mailbox.markRead(what)
    },
    markUnread: id => mailbox.update(id, { read: false }),
    archive: (id, archived = true) => mailbox.update(id, { archived }),
    remove: id => mailbox.remove(id),
    recall: id => mailbox.recall(id),
    subscribe: (...topics) => topicSet.subscribe(topics),
    unsubscribe: (...topics) => topicSet.unsubscribe(topics),
    async refresh (token) {
      tokens.replace(token)
      await link()?.request('refresh', { token })
    },
    async close () {
      shut(closedError('inbox'))
      await closed
    }
  }
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
