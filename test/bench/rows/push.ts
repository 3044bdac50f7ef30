/** A stored mail to the one socket of its receiver: here, and on another node. */
import { needsNats, needsRedis, startNats, startRedis } from '../backends.js'
import { startChild, type Child } from '../child.js'
import { openClients, startSocketIo } from '../clients.js'
import { cpuDuring } from '../cpu.js'
import { withResources, type Resources } from '../resources.js'
import { wireBytesDuring } from '../wire.js'
import { sized, populated, type Measured, type Row } from '../row.js'

/** So many different users in one turn of the event loop, as a busy server reads requests. */
const perTurn = 16
const window = 2_000

async function startCore (resources: Resources, nodeId: string, natsUrl?: string): Promise<{ server: Child, url: string, nodeId: string }> {
  const dir = await resources.tempDir()
  const server = resources.add(await startChild('./servers/core-child.ts'))
  return { server, nodeId, ...await server.ask<{ url: string }>('start', { dir, nodeId, natsUrl, natsPrefix: 'compare' }) }
}

/** In windows, each begun when the one before has come: nothing piles up. What is pushed is made before the clock starts. */
interface Pushes { readonly from: Child, readonly servers: readonly Child[], readonly pids: readonly number[], readonly clients: Child, readonly users: number, readonly count: number, readonly isRemote: boolean, /** Of a plain server: the payload of a user. */ readonly isBare?: boolean }

async function pushes ({ from, servers, pids, clients, users, count, isRemote, isBare }: Pushes): Promise<Measured> {
  let micros = 0
  let wireBytes = 0
  for (let done = 0; done < count; done += window) {
    const many = Math.min(window, count - done)
    await clients.ask('reset')
    await from.ask('make', { users, count: many, isBare })
    const measured = await cpuDuring(servers, pids, async () => await wireBytesDuring(clients, async () => {
      await from.ask('push', { perTurn, isRemote })
      await clients.ask('came', many)
    }))
    micros += measured.micros
    wireBytes += measured.result.bytes
  }
  return { cost: micros / count, wireBytes: wireBytes / count }
}

const pushLocal: Row = {
  name: 'push-local',
  unit: 'push',
  ours: 'an entry that is stored already to the socket of its user: hub, session, frame, and the unread numbers',
  baseline: 'io.to(user).emit',
  reach: { kind: 'rate', atLeast: 1.2 },
  reachBare: 1.35,
  prepare: async size => await withResources(async resources => {
    const users = populated(size, 1_000, 8)
    const count = sized(size, 60_000, 40)
    const { server, url, nodeId } = await startCore(resources, 'n1')
    const clients = await openClients(resources, { url, node: nodeId, users })
    const bare = await startSocketIo(resources)
    const bareClients = await openClients(resources, { url: bare.url, users })
    const plain = { from: bare.server, servers: [bare.server], pids: [], clients: bareClients, users, count, isRemote: false }
    return {
      servers: [server],
      ours: async () => await pushes({ from: server, servers: [server], pids: [], clients, users, count, isRemote: false }),
      baseline: async () => await pushes({ ...plain, isBare: false }),
      bare: async () => await pushes({ ...plain, isBare: true })
    }
  })
}

const pacedPerSecond = 2_000

/** CPU as fast as it goes, then times at a steady rate. */
async function remotePushes (options: Pushes & { readonly paced: number }): Promise<Measured> {
  const { cost, wireBytes = 0 } = await pushes(options)
  const { from, clients, users, paced, isBare } = options
  await clients.ask('reset')
  await from.ask('pushPaced', { users, count: paced, perSecond: pacedPerSecond, isBare })
  const { p50Ms, p99Ms } = await clients.ask<{ p50Ms: number, p99Ms: number }>('came', paced)
  return { cost, wireBytes, figures: { p50Ms, p99Ms } }
}

const pushRemote: Row = {
  name: 'push-remote',
  unit: 'push',
  ours: 'one node broadcasts an entry over NATS, another pushes it to the socket of its user; both nodes and NATS counted',
  baseline: 'io.to(user).emit across two processes with @socket.io/redis-adapter; both and Redis counted',
  reach: { kind: 'rate', atLeast: 1.3 },
  reachBare: 2,
  noWorse: ['p50Ms', 'p99Ms'],
  missing: async () => await needsRedis() ?? await needsNats(),
  prepare: async size => await withResources(async resources => {
    const users = populated(size, 1_000, 8)
    const count = sized(size, 40_000, 40)
    const paced = sized(size, 8_000, 40)
    const nats = resources.add(await startNats())
    const from = await startCore(resources, 'n1', nats.url)
    const to = await startCore(resources, 'n2', nats.url)
    const clients = await openClients(resources, { url: to.url, node: to.nodeId, users })
    const redis = resources.add(await startRedis())
    const bareFrom = await startSocketIo(resources, redis.url)
    const bareTo = await startSocketIo(resources, redis.url)
    const bareClients = await openClients(resources, { url: bareTo.url, users })
    const plain = { from: bareFrom.server, servers: [bareFrom.server, bareTo.server], pids: [redis.pid], clients: bareClients, users, count, paced, isRemote: true }
    return {
      servers: [from.server, to.server],
      ours: async () => await remotePushes({ from: from.server, servers: [from.server, to.server], pids: [nats.pid], clients, users, count, paced, isRemote: true }),
      baseline: async () => await remotePushes({ ...plain, isBare: false }),
      bare: async () => await remotePushes({ ...plain, isBare: true })
    }
  })
}

export const pushRows: readonly Row[] = [pushLocal, pushRemote]
