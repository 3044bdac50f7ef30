/** Users follow the ring: who belongs to a node that joins is asked to move, gently; a drain hands everyone over. */
import t from 'tap'
import type { Test } from 'tap'
import { io, type Socket } from 'socket.io-client'
import { signTicket } from '../../../shared/platform/identity/sign.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import { createRing } from '../../../shared/contract/ring.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { startNode, type RunningNode } from '../../../services/notifications/node/start.js'
import { quickIntervals } from '../../helpers/dispatch-nodes.js'
import { openTestLmdb } from '../../helpers/lmdb-store.js'
import { request } from '../../helpers/raw-client.js'
import { allowed, until } from '../../helpers/until.js'

const secret = 'a secret of at least 32 bytes, for tests'

interface Moving { readonly socket: Socket, readonly reassigned: Array<{ at: number, reason: string, delayMs: number }>, readonly closed: () => boolean }

async function site (t: Test): Promise<{ join: (name: string, drainMs?: number) => Promise<RunningNode>, connect: (user: string, node: RunningNode, ticketAgeMs: number) => Promise<Moving> }> {
  const hub = createInProcessBus()
  const store = await openTestLmdb(t)
  return {
    join: async (name, drainMs = 500) => {
      const node = await startNode({
        settings: { host: '127.0.0.1', port: 0, nodeId: name, nodeWeight: 1, secret, auth: { kind: 'secret', secret }, retentionMs: 86_400_000, drainMs, version: '1.0.0' },
        store, bus: hub.connect(name), natsPrefix: 'test', log: createSilentLog(), intervals: quickIntervals
      })
      t.teardown(node.close)
      await until(`${name} is ready`, async () => (await request(node.url, 'GET', '/readyz')).status === 200)
      return node
    },
    connect: async (user, node, ticketAgeMs) => {
      const { ticket } = signTicket({ secret, user, node: node.id, groups: [], userTokenExpiresAt: Date.now() + 3_600_000, userTokenIssuedAt: Date.now(), now: () => Date.now() - ticketAgeMs })
      const socket = io(node.url, { auth: { ticket }, transports: ['websocket'], forceNew: true, reconnection: false })
      t.teardown(() => { socket.disconnect() })
      const reassigned: Moving['reassigned'] = []
      socket.on('reassign', (payload: { reason: string, delayMs: number }) => { reassigned.push({ at: Date.now(), ...payload }) })
      await new Promise<void>((resolve, reject) => { socket.on('ready', () => { resolve() }); socket.on('connect_error', reject) })
      return { socket, reassigned, closed: () => socket.disconnected }
    }
  }
}

const users = Array.from({ length: 60 }, (_, i) => `user ${i}`)
const minuteMs = 60_000

t.test('placement - a node that joins draws the users that are its own, and only those', async t => {
  const { join, connect } = await site(t)
  const first = await join('first')
  const open = await Promise.all(users.map(async user => ({ user, moving: await connect(user, first, 2 * minuteMs) })))
  await join('second')
  const ring = createRing(['first', 'second'].map(id => ({ id: id as NodeId, weight: 1 })))
  const leaving = open.filter(({ user }) => ring.assign(user) === 'second')
  t.ok(leaving.length > 0 && leaving.length < users.length)
  await until('all who belong to the second are asked', () => leaving.every(({ moving }) => moving.reassigned.length > 0))
  for (const { moving } of leaving) {
    t.equal(moving.reassigned.length, 1, 'once')
    t.equal(moving.reassigned[0]?.reason, 'moved')
    t.type(moving.reassigned[0]?.delayMs, 'number')
    t.notOk(moving.closed(), 'the client opens the new socket before it closes the old one')
  }
  const times = leaving.map(({ moving }) => moving.reassigned[0]!.at).sort((a, b) => a - b)
  if (times.length > 10) t.ok(times.at(-1)! - times[0]! >= 100 * (Math.ceil(times.length / 10) - 2), 'at most 100 a second')
  t.equal(open.filter(({ moving }) => moving.reassigned.length > 0).length, leaving.length, 'nobody else')
})

t.test('placement - a ticket that is under a minute old rests', async t => {
  const { join, connect } = await site(t)
  const first = await join('first')
  const ring = createRing(['first', 'second'].map(id => ({ id: id as NodeId, weight: 1 })))
  const [young, old] = users.filter(user => ring.assign(user) === 'second')
  const youngSocket = await connect(young!, first, 1_000)
  const oldSocket = await connect(old!, first, 2 * minuteMs)
  await join('second')
  await until('the old one is asked', () => oldSocket.reassigned.length === 1)
  t.same(youngSocket.reassigned, [])
})

t.test('placement - a drain hands sockets over evenly and closes who has not gone', async t => {
  const { join, connect } = await site(t)
  const drainMs = 1_500
  const first = await join('first', drainMs)
  await join('second', drainMs)
  const open = await Promise.all(users.slice(0, 30).map(async user => await connect(user, first, 1_000)))
  const begun = Date.now()
  const drained = first.drain()
  t.equal((await request(first.url, 'GET', '/readyz')).status, 503)
  const refused = await connect('a new one', first, 0).then(() => undefined, (error: unknown) => error as { data?: { code: string } })
  t.equal(refused?.data?.code, 'GP_DRAINING')
  // Half of them do as they are asked.
  for (const moving of open.slice(0, 15)) moving.socket.on('reassign', () => { moving.socket.disconnect() })
  await drained
  t.ok(Date.now() - begun <= drainMs + allowed(1_000))
  await until('the rest is closed', () => open.every(moving => moving.closed()))
  const times = open.map(moving => moving.reassigned[0]!.at - begun).sort((a, b) => a - b)
  t.ok(open.every(moving => moving.reassigned[0]?.reason === 'draining'))
  t.ok(times.at(-1)! - times[0]! > drainMs * 0.4, 'spread over the time')
  t.ok(times[14]! < times.at(-1)!)
})

t.test('placement - with nobody to hand over to a drain does not wait', async t => {
  const { join, connect } = await site(t)
  const only = await join('only', 60_000)
  const moving = await connect('anna', only, 0)
  const begun = Date.now()
  await only.drain()
  t.ok(Date.now() - begun < allowed(5_000))
  t.notOk(moving.closed())
})
