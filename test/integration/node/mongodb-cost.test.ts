/**
 * What each thing costs on MongoDB, counted on the wire between a node and its server: the commands and documents exactly, the
 * bytes at most. One more command for each mail fails here.
 */
import t from 'tap'
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

t.test('cost on MongoDB - of mails, marks and catching up, counted', { skip: missing ?? false }, async t => {
  const { traffic, session, post, join } = await startSite(server!.url)
  const isUnited = !server!.isFake && server!.cannotShow.includes('mongos')
  /** What a replica set says of its clock with each command and reply, and a server of its own about the session. */
  const overhead = server!.isFake ? 0 : 600
  const body = 'some text that is the body of a mail '.repeat(4)
  const mail = (to: object): object => ({ to, title: 't', body })

  /** Each command's documents, as `name: written/read`; so many bytes at most. */
  async function costs (what: string, act: () => Promise<unknown>, expected: Readonly<Record<string, readonly [commands: number, written: number, read: number]>>, maxBytes: number): Promise<void> {
    const from = traffic.passed.length
    await act()
    const commands = traffic.passed.slice(from).filter(isAsked)
    const found: Record<string, [number, number, number]> = {}
    for (const { name, written, read } of commands) {
      const [n, w, r] = found[name] ?? [0, 0, 0]
      found[name] = [n + 1, w + written, r + read]
    }
    t.same(found, expected, what)
    const { bytes } = sumOf(commands)
    const limit = maxBytes + overhead * commands.length
    t.ok(bytes <= limit, `${what}: ${bytes} bytes, at most ${limit}`)
  }

  const ann = session('ann')
  const bob = session('bob')
  await costs('the first mail of two users: are their streams empty, then both', async () => await ann.send(mail({ user: 'bob' })), { 'find entries': [2, 0, 0], 'insert entries': [2, 2, 0] }, 2_400)
  await costs('a mail: the copy of each', async () => await ann.send(mail({ user: 'bob' })), { 'insert entries': [2, 2, 0] }, 1_650)
  await costs('a mail with a key: the key first', async () => await ann.send(mail({ user: 'bob' }), 'k'), { 'insert claims': [1, 1, 0], 'insert entries': [2, 2, 0] }, 2_150)
  await costs('the same again: the key is taken, both copies are there', async () => await ann.call('POST', '/messages', { body: mail({ user: 'bob' }), headers: { 'idempotency-key': 'k' } }),
    { 'insert claims': [1, 1, 0], 'find claims': [1, 0, 1], 'find entries': [2, 0, 2] }, 3_350)

  const socketOf = async (user: string, cursors?: Record<string, number>): Promise<RawSocket> => await openSocket(t, session(user), cursors === undefined ? {} : { cursors })
  let socket!: RawSocket
  await costs('a socket of a user that the node does not know: two heads, the state, the stream', async () => { socket = await socketOf('bob') },
    { 'find entries': [3, 0, 3], 'find state': [1, 0, 0] }, 3_250)
  let id = ''
  await costs('a mail to a socket that is open: nothing is read to deliver it', async () => {
    id = (await ann.send(mail({ user: 'bob' }))).id as string
    await until('the mail is there', () => socket.entries.some(entry => entry['id'] === id))
  }, { 'insert entries': [2, 2, 0] }, 1_650)
  await costs('the first read mark: is the view of the user new, the message, the mark, the state that it leads to', async () => await bob.patch(id, { read: true }),
    { 'find entries': [2, 0, 1], 'insert entries': [1, 1, 0], 'insert state': [1, 1, 0] }, 2_350)
  const { id: next } = await ann.send(mail({ user: 'bob' })) as { id: string }
  await costs('a read mark', async () => await bob.patch(next, { read: true }), { 'find entries': [2, 0, 1], 'insert entries': [1, 1, 0], 'update state': [1, 1, 0] }, 2_500)
  await costs('all read, and the unread numbers then', async () => await bob.call('POST', '/messages/read', { body: {} }), { 'find entries': [4, 0, 0], 'insert entries': [1, 1, 0], 'update state': [1, 1, 0] }, 2_600)
  await costs('a page: is the view new, is that of all, the page', async () => await bob.get('/messages'), { 'find entries': [3, 0, 8] }, 5_000)
  await costs('the unread numbers', async () => await bob.get('/messages/unread'), { 'find entries': [2, 0, 0] }, 800)

  const batch = Array.from({ length: 64 }, (_, i) => mail({ user: `u${i}` }))
  await costs('a batch of 64 to users who had nothing', async () => await post(batch), isUnited
    ? { 'aggregate entries': [2, 0, 0], 'insert entries': [1, 64, 0] }
    : { ...server!.isFake && { 'aggregate entries': [2, 0, 0] }, 'find entries': [64, 0, 0], 'insert entries': [1, 64, 0] }, 78_500)
  await costs('a batch of 64: one insert', async () => await post(batch), { 'insert entries': [1, 64, 0] }, 38_500)
  await post(mail({ all: true }))
  await costs('an announcement: one entry for all', async () => await post(mail({ all: true })), { 'insert entries': [1, 1, 0] }, 850)
  await join('g', 'bob')
  await post(mail({ group: 'g' }))
  await until('who has just joined gets it', () => socket.entries.some(({ stream }) => stream === 'g:g'))
  await costs('a message to a group: one entry for all members', async () => await post(mail({ group: 'g' })), { 'insert entries': [1, 1, 0] }, 850)

  const cursors = { ...socket.ready.heads }
  socket.close()
  await until('the socket is gone', () => socket.closed() !== undefined)
  await costs('what a known user missed: the heads of the own stream and all, the view twice since a group joins in between, its head, and a read of each stream', async () => {
    socket = await socketOf('bob', cursors)
    await until('it came', () => socket.entries.length >= 9)
  }, { 'find entries': [7, 0, 10] }, 7_800)

  const returning = Array.from({ length: 20 }, (_, i) => `u${i}`)
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
  }))
  const caughtUp = traffic.passed.slice(from).filter(isAsked)
  const { commands, written, read } = sumOf(caughtUp)
  t.equal(written, 0, 'whoever comes back writes nothing')
  // Each one's heads, state, and stream, and what it missed of the stream and of all: fewer where they come in one turn.
  t.ok(commands <= 5 * returning.length, `twenty come back at once: ${commands} commands`)
  t.ok(read <= 5 * returning.length + 2, `the three entries of each stream, the last of them again, and that of all: ${read} documents`)
})

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
  const node = await startNode({ settings: { host: '127.0.0.1', port: 0, nodeId: 'n1', nodeWeight: 1, ...keys, retentionMs: 30 * 86_400_000, drainMs: 200, version: '1.0.0' }, store, bus: hub.connect('n1'), ...shared })
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
