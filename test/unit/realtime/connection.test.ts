/** What an open socket takes part in: every stream that its user sees, whatever went wrong when it should have begun or ended. */
import type { Socket } from 'socket.io'
import t from 'tap'
import { createClock } from '../../shared/contract/clock.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { Ticket } from '../../shared/platform/identity/ticket.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../shared/store/store.js'
import { createHub } from '../../services/notifications/realtime/hub.js'
import { createConnectedUsers } from '../../services/notifications/realtime/connected-users.js'
import { createReconciler } from '../../services/notifications/realtime/reconciler.js'
import { Connection } from '../../services/notifications/realtime/connection.js'
import { createGroups } from '../../services/notifications/mailbox/commands/groups.js'
import { createRetryStoreWork } from '../../services/notifications/realtime/retry-store-work.js'
import { createUnreadCounter } from '../../services/notifications/mailbox/unread/unread.js'
import { createUserViews } from '../../services/notifications/mailbox/state/user-views.js'
import { createAppender } from '../../services/notifications/log/appender.js'
import { createHeads } from '../../services/notifications/log/heads.js'
import { dayMs, draftMessage } from '../helpers/entry-drafts.js'
import { createFaultyStore } from '../helpers/faulty-store.js'
import { createMemoryStore } from '../helpers/memory-store.js'
import { until } from '../helpers/until.js'

const ann = 'ann' as UserId
const club = 'club' as GroupId

/** A node's delivery without its faces; another node beside it does what is done, and tells it where `isHeard`. */
function start (t: { teardown: (work: () => void) => void }) {
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
  const hub = createHub({ store, heads, now, log, retryStoreWork })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const users = createConnectedUsers({ hub, views, unread: createUnreadCounter({ store, views, heads, now }), now, log, lookAt: stream => { void reconciler.at([stream]) } })
  hub.onEntry(users.accept)
  const heard = { isHeard: true }
  const { append } = createAppender({ store: memory, clock, log, onAppended: (stream: StreamId, doc: EntryDoc) => { if (heard.isHeard) hub.accept(stream, doc) } })
  const groups = createGroups({ store: memory, clock, append, retentionMs: 30 * dayMs, way: 'add', ...parts(memory) })
  t.teardown(() => { users.close(); reconciler.close(); hub.close() })

  /** A socket of ann's that only notes what it is sent. */
  const open = async (): Promise<{ session: Connection, seqs: (stream: StreamId) => number[], behinds: () => number }> => {
    const got: Array<{ stream: StreamId, seq: number }> = []
    let behinds = 0
    const conn = {
      readyState: 'open', writeBuffer: [], transport: { name: 'polling', writable: true },
      write: (packet: string) => {
        const [event, payload] = JSON.parse(packet.slice(1)) as [string, []]
        if (event === 'entries') got.push(...payload)
      }
    }
    const socket = { connected: true, conn, emit: (event: string) => { if (event === 'behind') behinds++ } } as unknown as Socket
    const session = new Connection({ node: { hub, store, heads, reconciler, views, clock, retryStoreWork }, socket, ticket: { user: ann } as unknown as Ticket, cursors: undefined })
    users.add(session)
    for (const stream of [userStream(ann), allStream]) await session.open(stream).opened
    session.start(await session.openAll(), () => {})
    return { session, seqs: stream => got.filter(entry => entry.stream === stream).map(({ seq }) => seq), behinds: () => behinds }
  }
  const post = async (stream = groupStream(club)): Promise<number> => (await append(stream, draftMessage(clock, { home: stream }))).doc.seq
  return { store, views, hub, users, groups, heard, open, post }
}

t.test('placing - a join whose head cannot be read is completed when it can be', async t => {
  const { store, groups, open, post } = start(t)
  const { seqs, behinds } = await open()
  store.isAway = true
  await groups.join(ann, club)
  const posted = [await post(), await post()]
  store.isAway = false
  posted.push(await post())
  await until('all of it', () => seqs(groupStream(club)).length === 3)
  t.same(seqs(groupStream(club)), posted)
  t.equal(behinds(), 0)
})

t.test('placing - a sync that ends being behind makes live in all that its heads name, joined meanwhile or not', async t => {
  const { store, groups, open, post } = start(t)
  const { session, seqs } = await open()
  session.fallBehind()
  store.isAway = true
  await groups.join(ann, club)
  const missed = await post()
  await t.rejects(session.sync({ [userStream(ann)]: 0 }, 100), { code: 'GP_STORE_UNAVAILABLE' })
  t.equal(session.state, 'behind')
  store.isAway = false
  const answer = await session.sync({ [userStream(ann)]: 0 }, 100)
  t.equal(answer.more, false)
  t.ok(groupStream(club) in answer.heads)
  t.ok(answer.entries.some(entry => (entry as { seq: number }).seq === missed))
  const next = await post()
  await until('live', () => seqs(groupStream(club)).includes(next))
  t.same(seqs(groupStream(club)), [next])
})

t.test('placing - joined while a sync is under way, after it has read what the user sees', async t => {
  const { store, groups, open, post } = start(t)
  const { session, seqs } = await open()
  session.fallBehind()
  let isHeld = false
  const { ranges, range } = store
  let go = (): void => {}
  const held = new Promise<void>(resolve => { go = resolve })
  Object.assign(store, { exist: wait(store.exist), range: wait(range), ranges: wait(ranges) })
  function wait<A extends unknown[], T> (read: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => { const answer = await read(...args); if (isHeld) await held; return answer }
  }
  isHeld = true
  const syncing = session.sync({}, 100)
  await groups.join(ann, club)
  const posted = [await post()]
  isHeld = false
  go()
  const answered = (await syncing).entries as Array<{ stream: StreamId, seq: number }>
  posted.push(await post())
  const got = (): number[] => [...answered.filter(({ stream }) => stream === groupStream(club)).map(({ seq }) => seq), ...seqs(groupStream(club))]
  await until('all since the join', () => got().length === 2)
  t.same(got(), posted)
})

t.test('placing - what is not as it should be, however that came, is found by the comparison', async t => {
  const { hub, users, groups, open, post } = start(t)
  await groups.join(ann, club)
  const { session, seqs } = await open()
  const own = hub.get(userStream(ann))!
  t.equal(await users.check(own), 0)
  session.leave(groupStream(club))
  t.equal(await users.check(own), 1, 'one that it should be in')
  const seq = await post()
  await until('live again', () => seqs(groupStream(club)).includes(seq))
  session.join(groupStream('foreign'), 0)
  t.equal(await users.check(own), 1, 'one that it should not be in')
  t.equal(hub.get(groupStream('foreign')), undefined)
  t.equal(await users.check(own), 0)
})

t.test('placing - a leave that only the group tells of ends it, and a join after it is no end', async t => {
  const { groups, heard, hub, open, post } = start(t)
  await groups.join(ann, club)
  const { seqs } = await open()
  const before = await post()
  await until('live', () => seqs(groupStream(club)).length === 1)
  heard.isHeard = false
  await groups.leave(ann, club)
  const foreign = await post()
  await groups.join(ann, club)
  heard.isHeard = true
  const after = await post()
  await until('what came since the second joining', () => seqs(groupStream(club)).includes(after))
  t.notOk(seqs(groupStream(club)).includes(foreign))
  t.same(new Set(seqs(groupStream(club))), new Set([before, after]))
  t.ok(hub.get(groupStream(club))?.readers.size)
})

t.test('placing - a socket that closes while it is opened leaves nothing behind', async t => {
  const { store, hub, users, groups, open } = start(t)
  await groups.join(ann, club)
  let close = (): void => {}
  const { exist } = store
  const add = users.add
  Object.assign(users, { add: (session: Connection) => { add(session); close = () => { session.close(); users.remove(session) } } })
  store.exist = async (...args) => { const answer = await exist(...args); if (hub.get(userStream(ann))?.state === 'live') close(); return answer }
  await t.rejects(open(), { code: 'GP_DISPATCH_UNAVAILABLE' })
  t.same([...hub.streams()], [])
  t.equal(users.connectionCount, 0)
})
