/** Mail over HTTP: one request each, batches, and the assignment that comes before. */
import type { Child } from '../child.js'
import { startChild } from '../child.js'
import { openClients, producerToken, startGatepost, ticketOf } from '../clients.js'
import { cpuDuring } from '../cpu.js'
import { draft, secret, userName } from '../message.js'
import { withResources, type Resources } from '../resources.js'
import { populated, sized, type Measured, type Row } from '../row.js'
import { signToken } from '../../../shared/platform/identity/sign.js'

const inFlight = 64
const usersFull = 200
const hourMs = 3_600_000

interface Load { readonly url: string, readonly method: string, readonly tokens: readonly string[], readonly bodies: ReadonlyArray<string | undefined>, readonly status: number }

async function requests (server: Child, clients: Child, load: Load, perRequest = 1): Promise<Measured> {
  const { micros, result } = await cpuDuring([server], [], async () => await clients.ask<number>('requests', { inFlight, ...load }))
  return { cost: micros / result / perRequest }
}

const mailTo = (i: number, users: number): object => draft({ user: userName((i * 7 + 1) % users) }, i)
const userToken = (user: string): string => signToken({ secret, sub: user, scopes: ['user'], groups: [], ttlMs: hourMs })

async function startPlain (resources: Resources): Promise<{ server: Child, url: string }> {
  const dir = await resources.tempDir()
  const server = resources.add(await startChild('./servers/plain-child.ts'))
  return { server, ...await server.ask<{ url: string }>('start', { dir }) }
}

const mailPost: Row = {
  name: 'mail-post',
  unit: 'mail',
  ours: 'POST /messages: ticket, check, durable append with the sender\'s copy, push to the receiver\'s socket, answer',
  baseline: 'Fastify, fast-jwt with its cache, JSON schema, one durable LMDB put, io.to(user).emit, answer',
  reach: { kind: 'rate', atLeast: 0.75 },
  prepare: async size => await withResources(async resources => {
    const users = populated(size, usersFull, 8)
    const count = sized(size, 16_000, 40)
    const { server, node } = await startGatepost(resources)
    const clients = await openClients(resources, { url: node.url, node: node.id, users })
    const plain = await startPlain(resources)
    const plainClients = await openClients(resources, { url: plain.url, users })
    const bodies = Array.from({ length: count }, (_, i) => JSON.stringify(mailTo(i, users)))
    const load = { method: 'POST', bodies, status: 201 }
    const tickets = Array.from({ length: users }, (_, i) => ticketOf(userName(i), node.id))
    const tokens = Array.from({ length: users }, (_, i) => userToken(userName(i)))
    return {
      servers: [server],
      ours: async () => await requests(server, clients, { ...load, url: `${node.url}/messages`, tokens: tickets }),
      baseline: async () => await requests(plain.server, plainClients, { ...load, url: `${plain.url}/messages`, tokens })
    }
  })
}

const batchSize = 64

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
    const batches = Array.from({ length: count / batchSize }, (_, i) => JSON.stringify(mails.slice(i * batchSize, (i + 1) * batchSize)))
    const load = { url: `${gate}/gate/messages`, method: 'POST', tokens: [producerToken()] }
    return {
      servers: [server],
      ours: async () => await requests(server, clients, { ...load, bodies: batches, status: 207, inFlight: 4 } as Load, batchSize),
      baseline: async () => await requests(server, clients, { ...load, bodies: mails.map(mail => JSON.stringify(mail)), status: 201 })
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
const assignSigned = assignment('assign-signed', '/assign-signed', 'the same, and a ticket of the same claims signed')

export const postRows: readonly Row[] = [mailPost, batch, assign, assignSigned]
