/** A node's delivery without its faces: a store in memory, and sockets that are a list of what they were sent. */
import { createClock, type Clock } from '../../shared/contract/clock.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { Ticket } from '../../shared/platform/identity/ticket.js'
import { allStream, userStream, type StreamId, type UserId } from '../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../shared/store/store.js'
import { createAppender } from '../../services/notifications/log/appender.js'
import { createHeads, type Heads } from '../../services/notifications/log/heads.js'
import { createGroups, type Groups } from '../../services/notifications/mailbox/commands/groups.js'
import { createUserViews, type UserViews } from '../../services/notifications/mailbox/state/user-views.js'
import type { Unread } from '../../services/notifications/mailbox/unread/counts.js'
import { createUnreadCounter } from '../../services/notifications/mailbox/unread/unread.js'
import { wholeForm, type EntryForm } from '../../services/notifications/log/entry-form.js'
import { Connection } from '../../services/notifications/realtime/connection.js'
import type { Cursors } from '../../services/notifications/realtime/connection-node.js'
import { createConnectedUsers, type ConnectedUsers } from '../../services/notifications/realtime/connected-users.js'
import { createHub, type Hub } from '../../services/notifications/realtime/hub.js'
import { createReconciler, type Reconciler } from '../../services/notifications/realtime/reconciler.js'
import { createRecentTimes, type RecentTimes } from '../../services/notifications/realtime/recent-times.js'
import { createRetryStoreWork } from '../../services/notifications/realtime/retry-store-work.js'
import type { Frame } from '../../services/notifications/realtime/transport/frame.js'
import type { Transport } from '../../services/notifications/realtime/transport/transport.js'
import { dayMs, draftChange, draftMessage } from './entry-drafts.js'
import { entriesIn } from './forms.js'
import { createFaultyStore, type FaultyStore } from './faulty-store.js'
import { createMemoryStore } from './memory-store.js'

export interface SentEntry { readonly stream: StreamId, readonly seq: number, readonly prev: number, readonly type: string }

/** What a client gets over its socket, in order; a test says when the socket is slow. */
export class MemoryTransport implements Transport {
  readonly events: Array<readonly [event: string, payload: unknown]> = []
  /** Then it takes no frame. */
  isFull = false
  waiting = 0
  /** Where a test holds pages back. */
  draining: Promise<void> | undefined
  hasEnded = false

  waitingBytes (): number { return this.waiting }
  drained (): Promise<void> | undefined { return this.draining }

  send (frame: Frame, next?: Frame): boolean {
    if (this.isFull) return false
    for (const { packet } of next === undefined ? [frame] : [frame, next]) {
      const [event, ...args] = JSON.parse(packet.slice(1)) as [string, ...unknown[]]
      this.events.push([event, event === 'entries' ? entriesIn(args) : args[0]])
    }
    return true
  }

  emit (event: string, payload: object): void { this.events.push([event, payload]) }
  end (): void { this.hasEnded = true }

  get names (): string[] { return this.events.map(([event]) => event) }
  entries (): SentEntry[] { return this.events.flatMap(([event, payload]) => event === 'entries' ? payload as SentEntry[] : []) }
  seqs (stream: StreamId): number[] { return this.entries().filter(entry => entry.stream === stream).map(({ seq }) => seq) }
}

export interface OpenConnection { readonly connection: Connection, readonly transport: MemoryTransport }

export interface Delivery {
  readonly clock: Clock
  /** As this node reaches it; another node beside it writes past this. */
  readonly store: FaultyStore
  readonly hub: Hub
  readonly heads: Heads
  readonly views: UserViews
  readonly users: ConnectedUsers
  readonly times: RecentTimes
  readonly reconciler: Reconciler
  readonly groups: Groups
  /** Whether this node gets the broadcasts of what the other one writes. */
  readonly heard: { isHeard: boolean }
  /** What the user has not read, as another node counts it. */
  unreadOf: (user: UserId) => Promise<Unread>
  /** The user has read all up to these places, and says so at another node. */
  readTo: (user: UserId, readTo: Record<StreamId, number>) => Promise<void>
  /** In form 1 where none is given. */
  open: (user: UserId, cursors?: Cursors, form?: EntryForm, countsItself?: boolean) => Promise<OpenConnection>
  /** Gives the entry's seq. */
  post: (stream: StreamId) => Promise<number>
}

export function startDelivery (t: { teardown: (work: () => void) => void }): Delivery {
  const clock = createClock()
  const { now } = clock
  const log = createSilentLog()
  const memory = createMemoryStore()
  const store = createFaultyStore(memory)
  const parts = (reached: Store) => {
    const heads = createHeads({ store: reached, clock })
    return { heads, views: createUserViews({ store: reached, heads, clock }) }
  }
  const { heads, views } = parts(store)
  const retryStoreWork = createRetryStoreWork(log)
  const times = createRecentTimes(now)
  const hub = createHub({ store, heads, now, log, retryStoreWork, times })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const unread = createUnreadCounter({ store, views, heads, now })
  const users = createConnectedUsers({ hub, views, unread, now, log, lookAt: stream => { void reconciler.at([stream]) } })
  hub.onEntry(users.accept)
  const heard = { isHeard: true }
  const { append } = createAppender({ store: memory, clock, log, onAppended: (stream: StreamId, doc: EntryDoc) => { if (heard.isHeard) hub.accept(stream, doc) } })
  const elsewhere = parts(memory)
  const counter = createUnreadCounter({ store: memory, ...elsewhere, now })
  const groups = createGroups({ store: memory, clock, append, retentionMs: 30 * dayMs, way: 'add', ...elsewhere })
  t.teardown(() => { users.close(); reconciler.close(); hub.close() })

  return {
    clock, store, hub, times, heads, views, users, reconciler, groups, heard,
    unreadOf: async user => await counter.of(user),
    readTo: async (user, readTo) => { await append(userStream(user), draftChange(clock, { type: 'readTo', readTo })) },
    open: async (user, cursors, form = wholeForm, countsItself = false) => {
      const transport = new MemoryTransport()
      const connection = new Connection({ node: { hub, store, heads, reconciler, views, clock, retryStoreWork, times }, transport, ticket: { user } as unknown as Ticket, form, countsItself, cursors })
      users.add(connection)
      for (const stream of [userStream(user), allStream]) await connection.open(stream).opened
      const view = await connection.openAll()
      const number = (await unread.count(view, stream => hub.get(stream)?.head ?? 0)).unread
      connection.start(view, heads => { transport.emit('ready', { user, heads, ...number }) })
      users.notified(user, JSON.stringify(number))
      return { connection, transport }
    },
    post: async stream => (await append(stream, draftMessage(clock, { home: stream }))).doc.seq
  }
}
