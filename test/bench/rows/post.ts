/** Mail over HTTP: one request each, batches, and the assignment that comes before. */
import type { Child } from '../child.js'
import { startChild } from '../child.js'
import { openClients, producerToken, startGatepost, startSocketIo, ticketOf } from '../clients.js'
import { cpuDuring } from '../cpu.js'
import { draft, secret, userName } from '../message.js'
import { withResources, type Resources } from '../resources.js'
import { wireBytesDuring } from '../wire.js'
import { populated, sized, type Contest, type Measured, type Row } from '../row.js'
import { signToken } from '../../../shared/platform/identity/sign.js'

const inFlight = 64
const usersFull = 200
const hourMs = 3_600_000

export interface Load { readonly url: string, readonly method: string, readonly tokens: readonly string[], readonly bodies: ReadonlyArray<string | undefined>, readonly status: number, readonly inFlight?: number, readonly isKeyed?: boolean }

export async function requests (server: Child, clients: Child, load: Load, perRequest = 1): Promise<Measured> {
  const { micros, result: { bytes, result } } = await cpuDuring([server], [], async () => await wireBytesDuring(clients, async () => await clients.ask<{ count: number, p50Ms: number }>('requests', { inFlight, ...load })))
  const units = result.count * perRequest
  return { cost: micros / units, wireBytes: bytes / units, figures: { p50Ms: result.p50Ms } }
}

export const mailTo = (i: number, users: number): object => draft({ user: userName((i * 7 + 1) % users) }, i)
export const userToken = (user: string): string => signToken({ secret, sub: user, scopes: ['user'], groups: [], ttlMs: hourMs })

export async function startPlain (resources: Resources, flags?: readonly string[]): Promise<{ server: Child, dir: string, url: string }> {
  const dir = await resources.tempDir()
  const server = resources.add(await startChild('./servers/plain-child.ts', flags))
  return { server, dir, ...await server.ask<{ url: string }>('start', { dir }) }
}

const mailPost: Row = {
  name: 'mail-post',
  unit: 'mail',
  ours: 'POST /messages: ticket, check, durable append with the sender\'s copy, push to the receiver\'s socket, answer',
  baseline: 'Fastify, fast-jwt with its cache, JSON schema, one durable LMDB put, io.to(user).emit, answer',
  reach: { kind: 'rate', atLeast: 0.75 },
  reachBare: 1,
  prepare: async size => await prepareMailPost(sized(size, 16_000, 40), populated(size, usersFull, 8), inFlight)
}

async function prepareMailPost (count: number, users: number, inFlight: number): Promise<Contest> {
  return await withResources(async resources => {
    const { server, node } = await startGatepost(resources)
    const clients = await openClients(resources, { url: node.url, node: node.id, users })
    const plain = await startPlain(resources)
    const plainClients = await openClients(resources, { url: plain.url, users })
    const bodies = Array.from({ length: count }, (_, i) => JSON.stringify(mailTo(i, users)))
    const load = { method: 'POST', bodies, status: 201, inFlight }
    const tickets = Array.from({ length: users }, (_, i) => ticketOf(userName(i), node.id))
    const tokens = Array.from({ length: users }, (_, i) => userToken(userName(i)))
    return {
      servers: [server],
      ours: async () => await requests(server, clients, { ...load, url: `${node.url}/messages`, tokens: tickets }),
      baseline: async () => await requests(plain.server, plainClients, { ...load, url: `${plain.url}/messages`, tokens }),
      bare: async () => await requests(plain.server, plainClients, { ...load, url: `${plain.url}/messages-bare`, tokens })
    }
  })
}

export const batchSize = 64
export const batchesOf = (count: number, users: number): string[] => Array.from({ length: count / batchSize }, (_, at) =>
  JSON.stringify(Array.from({ length: batchSize }, (_, i) => mailTo(at * batchSize + i, users))))

const batch: Row = {
  name: 'batch-64',
  unit: 'mail',
  ours: `POST /gate/messages with an array of ${batchSize} mails, 4 in flight: checked, stored, pushed, answered`,
  baseline: 'the same mails as POST /gate/messages one by one, 64 in flight',
  reach: { kind: 'rate', atLeast: 2 },
  prepare: async size => await withResources(async resources => {
    const users = populated(size, usersFull, 8)
    const count = sized(size, 250, 2) * batchSize
    const { server, gate, node } = await startGatepost(resources)
    const clients = await openClients(resources, { url: node.url, node: node.id, users })
    const mails = Array.from({ length: count }, (_, i) => mailTo(i, users))
    const load = { url: `${gate}/gate/messages`, method: 'POST', tokens: [producerToken()] }
    return {
      servers: [server],
      ours: async () => await requests(server, clients, { ...load, bodies: batchesOf(count, users), status: 207, inFlight: 4 }, batchSize),
      baseline: async () => await requests(server, clients, { ...load, bodies: mails.map(mail => JSON.stringify(mail)), status: 201 })
    }
  })
}

const batchConnected: Row = {
  name: 'batch-64-bare',
  unit: 'mail',
  ours: `POST /gate/messages with an array of ${batchSize} mails to users with open sockets, 4 in flight: stored and pushed`,
  baseline: 'the same array to bare Socket.IO: io.to(user).emit of 200 bytes for each, nothing checked, nothing stored',
  reach: { kind: 'rate', atLeast: 0.5 },
  prepare: async size => await withResources(async resources => {
    const users = populated(size, usersFull, 8)
    const count = sized(size, 250, 2) * batchSize
    const { server, gate, node } = await startGatepost(resources)
    const clients = await openClients(resources, { url: node.url, node: node.id, users })
    const plain = await startSocketIo(resources)
    const plainClients = await openClients(resources, { url: plain.url, users })
    const load = { method: 'POST', tokens: [producerToken()], bodies: batchesOf(count, users), status: 207, inFlight: 4 }
    return {
      servers: [server],
      ours: async () => await requests(server, clients, { ...load, url: `${gate}/gate/messages` }, batchSize),
      baseline: async () => await requests(plain.server, plainClients, { ...load, url: plain.url }, batchSize)
    }
  })
}

const medianMs = ({ cost, figures, wireBytes = 0 }: Measured): Measured => ({ cost: figures?.['p50Ms'] ?? NaN, wireBytes, figures: { cpuMicros: cost } })

/** One at a time: what a sender waits for. */
const onePost: Row = {
  name: 'post-one',
  unit: 'mail',
  costIn: 'ms',
  ours: 'POST /messages, one at a time, nothing else going on: the median from the request to the answer',
  baseline: 'as that of mail-post, one at a time',
  reach: { kind: 'own', atMost: 1.8 },
  variantOf: 'mail-post',
  prepare: async size => {
    const contest = await prepareMailPost(sized(size, 2_000, 20), populated(size, usersFull, 8), 1)
    return { ...contest, ours: async () => medianMs(await contest.ours()), baseline: async () => medianMs(await contest.baseline()) }
  }
}

/** The claim of a key costs no durable write of its own (test/integration/node/one-write.test.ts counts them). */
const onePostWithKey: Row = {
  name: 'post-one-key',
  unit: 'mail',
  costIn: 'ms',
  ours: 'POST /messages with an Idempotency-Key, one at a time: the median from the request to the answer',
  baseline: 'the same without a key',
  reach: { kind: 'cost', atMost: 1.25 },
  variantOf: 'mail-post',
  prepare: async size => await withResources(async resources => {
    const users = populated(size, usersFull, 8)
    const { server, node } = await startGatepost(resources)
    const clients = await openClients(resources, { url: node.url, node: node.id, users })
    const bodies = Array.from({ length: sized(size, 2_000, 20) }, (_, i) => JSON.stringify(mailTo(i, users)))
    const load = { method: 'POST', bodies, status: 201, inFlight: 1, url: `${node.url}/messages`, tokens: Array.from({ length: users }, (_, i) => ticketOf(userName(i), node.id)) }
    return {
      servers: [server],
      ours: async () => medianMs(await requests(server, clients, { ...load, isKeyed: true })),
      baseline: async () => medianMs(await requests(server, clients, load))
    }
  })
}

let issued = 0

function assignment (name: string, path: string, baseline: string): Row {
  return {
    name,
    unit: 'request',
    ours: 'GET /gate/assign with a token that Gate has not seen: checked, assigned by the ring, a ticket signed',
    baseline,
    reach: { kind: 'rate', atLeast: 0.8 },
    prepare: async size => await withResources(async resources => {
      const count = sized(size, 20_000, 40)
      const { server, gate } = await startGatepost(resources)
      const clients = await openClients(resources, { url: gate, node: 'n1', users: 0 })
      const plain = await startPlain(resources)
      const plainClients = await openClients(resources, { url: plain.url, users: 0 })
      /** Made before the clock starts, for other users each time. */
      const tokens = (): string[] => Array.from({ length: count }, () => userToken(userName(issued++)))
      const load = { method: 'GET', bodies: [undefined], status: 200 }
      return {
        servers: [server],
        ours: async () => await requests(server, clients, { ...load, url: `${gate}/gate/assign`, tokens: tokens() }),
        baseline: async () => await requests(plain.server, plainClients, { ...load, url: plain.url + path, tokens: tokens() })
      }
    })
  }
}

const assign = assignment('assign', '/assign', 'Fastify and fast-jwt without its cache: checked and answered, nothing signed')
const assignSigned: Row = { ...assignment('assign-signed', '/assign-signed', 'the same, and a ticket of the same claims signed'), variantOf: 'assign' }

export const postRows: readonly Row[] = [mailPost, onePost, onePostWithKey, batch, batchConnected, assign, assignSigned]
