/**
 * What each thing costs on MongoDB, counted on the wire between a node and its server: the commands and documents exactly, the
 * bytes at most. One more command for each mail fails here.
 */
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { startGate } from '../../../services/gate/start.js'
import { startNode } from '../../../services/notifications/node/start.js'
import { revocationStream } from '../../../shared/contract/names.js'
import { signTicket, signToken } from '../../../shared/platform/identity/sign.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { ownerPrefix } from '../../../shared/store/keys.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { quickIntervals } from '../../helpers/dispatch-nodes.js'
import { createLossyBus } from '../../helpers/lossy-bus.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { countMongodbTraffic, sumOf, whyNotCounted, type MongodbTraffic, type PassedCommand } from '../../helpers/mongodb-traffic.js'
import { openSocket, request, sessionOf, type RawSocket, type Session } from '../../helpers/raw-client.js'
import { until } from '../../helpers/until.js'

const secret = 'a secret of at least 32 bytes, for tests'
const server = await startMongodbServer(t)
const missing = server === undefined ? mongodbMissing : whyNotCounted(server.url)

/** Commands, documents that they write, and that they read, by name. */
type Commands = Readonly<Record<string, readonly [commands: number, written: number, read: number]>>
interface Cost { readonly found: Commands, readonly expected: Commands, readonly bytes: number, readonly maxBytes: number }

/** A process that was held up asks again what it knew; nobody asks less than is needed. So what each thing costs is what it costs in the best of some rounds. */
const rounds = 4

t.test('cost on MongoDB - of mails, marks and catching up, counted', { skip: missing ?? false }, async t => {
  const site = await startSite(server!.url)
  const open = new Map<string, Cost>()
  const names = new Set<string>()
  for (let round = 0; round < rounds && (round === 0 || open.size > 0); round++) {
    for (const [what, cost] of await costsOf(t, site, `r${round}`)) {
      if (names.has(what) && !open.has(what)) continue
      names.add(what)
      if (isAsExpected(cost)) open.delete(what)
      else open.set(what, cost)
    }
  }
  for (const what of names) {
    const cost = open.get(what)
    t.same(cost?.found, cost?.expected, what)
    t.ok(cost === undefined || cost.bytes <= cost.maxBytes, `${what}: ${cost?.bytes ?? 'few'} bytes, at most ${cost?.maxBytes ?? 'so many'}`)
  }
})

const isAsExpected = ({ found, expected, bytes, maxBytes }: Cost): boolean => isDeepStrictEqual(found, expected) && bytes <= maxBytes

/** With users, groups and mails of this round's own. */
async function costsOf (t: Test, { traffic, session, post, join }: Site, round: string): Promise<Map<string, Cost>> {
  const isUnited = !server!.isFake && server!.cannotShow.includes('mongos')
  /** What a replica set says of its clock with each command and reply, and a server of its own about the session. */
  const overhead = server!.isFake ? 0 : 600
  const body = 'some text that is the body of a mail '.repeat(4)
  const mail = (to: object): object => ({ to, title: 't', body })
  const costs = new Map<string, Cost>()

  async function cost (what: string, act: () => Promise<unknown>, expected: Commands, maxBytes: number): Promise<void> {
    const from = traffic.passed.length
    await act()
    const commands = traffic.passed.slice(from).filter(isAsked)
    const found: Record<string, [number, number, number]> = {}
    for (const { name, written, read } of commands) {
      const [n, w, r] = found[name] ?? [0, 0, 0]
      found[name] = [n + 1, w + written, r + read]
    }
    costs.set(what, { found, expected, bytes: sumOf(commands).bytes, maxBytes: maxBytes + overhead * commands.length })
  }

  const ann = session(`ann-${round}`)
  const bob = session(`bob-${round}`)
  const toBob = mail({ user: bob.user })
  await cost('the first mail of two users: are their streams empty, then both', async () => await ann.send(toBob), { 'find entries': [2, 0, 0], 'insert entries': [2, 2, 0] }, 2_450)
  await cost('a mail: the copy of each', async () => await ann.send(toBob), { 'insert entries': [2, 2, 0] }, 1_700)
  await cost('a mail with a key: the key first', async () => await ann.send(toBob, 'k'), { 'insert claims': [1, 1, 0], 'insert entries': [2, 2, 0] }, 2_200)
  await cost('the same again: the key is taken, both copies are there', async () => await ann.call('POST', '/messages', { body: toBob, headers: { 'idempotency-key': 'k' } }),
    { 'insert claims': [1, 1, 0], 'find claims': [1, 0, 1], 'find entries': [2, 0, 2] }, 3_450)

  const socketOf = async (user: string, cursors?: Record<string, number>): Promise<RawSocket> => await openSocket(t, session(user), cursors === undefined ? {} : { cursors })
  let socket!: RawSocket
  await cost('a socket of a user that the node does not know: two heads, the state, the stream', async () => { socket = await socketOf(bob.user) },
    { 'find entries': [3, 0, 3], 'find state': [1, 0, 0] }, 3_350)
  let id = ''
  await cost('a mail to a socket that is open: nothing is read to deliver it', async () => {
    id = (await ann.send(toBob)).id as string
    await until('the mail is there', () => socket.entries.some(entry => entry['id'] === id))
  }, { 'insert entries': [2, 2, 0] }, 1_700)
  await cost('the first read mark: is the view of the user new, the message, the mark, the state that it leads to', async () => await bob.patch(id, { read: true }),
    { 'find entries': [2, 0, 1], 'insert entries': [1, 1, 0], 'insert state': [1, 1, 0] }, 2_450)
  const { id: next } = await ann.send(toBob) as { id: string }
  await cost('a read mark', async () => await bob.patch(next, { read: true }), { 'find entries': [2, 0, 1], 'insert entries': [1, 1, 0], 'update state': [1, 1, 0] }, 2_600)
  await cost('all read, and the unread numbers then', async () => await bob.call('POST', '/messages/read', { body: {} }), { 'find entries': [4, 0, 0], 'insert entries': [1, 1, 0], 'update state': [1, 1, 0] }, 2_700)
  await cost('a page: is the view new, is that of all, the page', async () => await bob.get('/messages'), { 'find entries': [3, 0, 8] }, 5_200)
  await cost('the unread numbers', async () => await bob.get('/messages/unread'), { 'find entries': [2, 0, 0] }, 850)

  const names = Array.from({ length: 64 }, (_, i) => `u${i}-${round}`)
  const batch = names.map(user => mail({ user }))
  // Whether it knows how to unite reads, a server is asked once.
  await post(['v', 'w'].map(name => mail({ user: `${name}-${round}` })))
  await cost('a batch of 64 to users who had nothing', async () => await post(batch), { ...isUnited ? { 'aggregate entries': [2, 0, 0] } : { 'find entries': [64, 0, 0] }, 'insert entries': [1, 64, 0] }, 65_000)
  await cost('a batch of 64: one insert', async () => await post(batch), { 'insert entries': [1, 64, 0] }, 39_500)
  await post(mail({ all: true }))
  await cost('an announcement: one entry for all', async () => await post(mail({ all: true })), { 'insert entries': [1, 1, 0] }, 850)
  const group = `g-${round}`
  await join(group, bob.user)
  await post(mail({ group }))
  await until('who has just joined gets it', () => socket.entries.some(({ stream }) => stream === `g:${group}`))
  await cost('a message to a group: one entry for all members', async () => await post(mail({ group })), { 'insert entries': [1, 1, 0] }, 860)

  // Counting has read the group's stream by then.
  await until('the announcements and the messages to the group are counted', () => socket.shown().unread === 4)
  const cursors = { ...socket.ready.heads }
  socket.close()
  await until('the socket is gone', () => socket.closed() !== undefined)
  await cost('what a known user missed: the heads of the own stream and all, the view twice since a group joins in between, its head, and a read of each stream', async () => {
    socket = await socketOf(bob.user, cursors)
    await until('it came', () => socket.entries.length >= 9)
  }, { 'find entries': [7, 0, 10] }, 8_000)

  const returning = names.slice(0, 20)
  const heads = new Map(await Promise.all(returning.map(async (user): Promise<[string, Record<string, number>]> => {
    const gone = await socketOf(user)
    gone.close()
    return [user, gone.ready.heads]
  })))
  await post(batch)
  await post(mail({ all: true }))
  const from = traffic.passed.length
  await Promise.all(returning.map(async user => {
    const back = await socketOf(user, heads.get(user))
    await until(`${user} has both`, () => back.entries.length === 2)
    back.close()
  }))
  // Two heads (one question), the view, and what was missed of the own stream and of all: fewer where they come in one turn.
  const { commands, written, read } = sumOf(traffic.passed.slice(from).filter(isAsked))
  costs.set('users who come back at once: at most four commands and two documents each, nothing written',
    { found: { all: [commands > 4 * returning.length ? commands : 0, written, read > 2 * returning.length ? read : 0] }, expected: { all: [0, 0, 0] }, bytes: 0, maxBytes: 0 })
  socket.close()
  return costs
}

/** What a node asks by itself, now and then: whether somebody was revoked. */
const isAsked = ({ keys }: PassedCommand): boolean => !keys.every(key => key.startsWith(ownerPrefix(revocationStream)))

interface Site {
  readonly traffic: MongodbTraffic
  readonly session: (user: string) => Session
  /** POST /gate/messages. */
  readonly post: (body: unknown) => Promise<void>
  readonly join: (group: string, user: string) => Promise<void>
}

/** A Gate and a node on this server. */
async function startSite (url: string): Promise<Site> {
  const keys = { secret, auth: { kind: 'secret', secret } as const }
  const shared = { natsPrefix: 'test', log: createSilentLog(), intervals: quickIntervals }
  const traffic = await countMongodbTraffic(url)
  t.teardown(traffic.close)
  const store = await openMongodbStore({ url: traffic.url, log: silentLog })
  t.teardown(async () => { await store.close() })
  const hub = createLossyBus()
  const node = await startNode({ settings: { host: '127.0.0.1', port: 0, nodeId: 'n1', nodeWeight: 1, ...keys, retentionMs: 30 * 86_400_000, drainMs: 200, version: '1.0.0' }, store, bus: hub.connect('n1'), lookRoundMs: 3_600_000, ...shared })
  t.teardown(node.close)
  const gate = await startGate({ settings: { host: '127.0.0.1', port: 0, ...keys, isDemo: false, version: '1.0.0' }, bus: hub.connect('gate'), ...shared })
  t.teardown(gate.close)
  await until('both are ready', async () => (await Promise.all([gate, node].map(async ({ url }) => await request(url, 'GET', '/readyz')))).every(({ status }) => status === 200))
  const token = signToken({ secret, sub: 'shop', scopes: ['producer'], groups: [], ttlMs: 3_600_000 })
  const producer = async (method: string, path: string, body?: unknown): Promise<void> => {
    const { status, text } = await request(gate.url, method, path, { token, body })
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
  }
  return {
    traffic,
    session: user => {
      const { ticket, expiresAt } = signTicket({ secret, user, node: node.id, groups: [], userTokenExpiresAt: Date.now() + 600_000, userTokenIssuedAt: Date.now() })
      return sessionOf(user, '', node, ticket, String(expiresAt))
    },
    post: async body => { await producer('POST', '/gate/messages', body) },
    join: async (group, user) => { await producer('PUT', `/gate/groups/${group}/members/${user}`) }
  }
}
