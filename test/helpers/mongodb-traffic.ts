/** A way to a MongoDB server that counts what passes, to the byte: commands, documents, both directions. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Document } from 'mongodb'
import { answeredBy, idOf, isOpMsg, readWireMessage, splitMessages } from './mongodb-wire.js'
import { joinSockets } from './tcp-proxy.js'

/** One command and its reply. */
export interface PassedCommand {
  /** Such as `insert entries`. */
  readonly name: string
  /** The keys, or first keys of ranges, that it names. */
  readonly keys: readonly string[]
  /** Documents that it carries: inserted, replaced, deleted. */
  readonly written: number
  /** Documents of its reply. */
  readonly read: number
  /** On the wire, headers and all. */
  readonly sentBytes: number
  readonly receivedBytes: number
}

export interface MongodbTraffic {
  /** To connect to instead. */
  readonly url: string
  /** What was asked and answered since the start, but for what a driver asks a server about itself. */
  readonly passed: readonly PassedCommand[]
  close: () => Promise<void>
}

/** How drivers greet and ask for the time; `config` is the chunk map's. */
const aboutTheServer = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions', 'buildInfo'])

/** A URL of one host without TLS: what lies behind several, or is encrypted, cannot be read along. */
export async function countMongodbTraffic (url: string): Promise<MongodbTraffic> {
  const { hostname, port } = addressOf(url)
  const passed: PassedCommand[] = []
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(port, hostname)
    const asked = new Map<number, Omit<PassedCommand, 'read' | 'receivedBytes'>>()
    far.on('data', splitMessages(message => {
      const command = asked.get(answeredBy(message))
      if (command === undefined || !isOpMsg(message)) return
      asked.delete(answeredBy(message))
      passed.push({ ...command, read: documentsOf(readWireMessage(message)), receivedBytes: message.length })
    }))
    near.on('data', splitMessages(message => {
      const command = readWireMessage(message)
      const name = Object.keys(command)[0] ?? ''
      if (aboutTheServer.has(name) || command.$db === 'config') return
      asked.set(idOf(message), { name: `${name} ${String(command.collection ?? command[name])}`, keys: keysOf(command), written: itemsOf(command), sentBytes: message.length })
    }))
    joinSockets(near, far, sockets, (socket, other) => { socket.pipe(other) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: throughPort(url, (server.address() as AddressInfo).port),
    passed,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}

/** Why it cannot; undefined where it can. */
export function whyNotCounted (url: string): string | undefined {
  try {
    addressOf(url)
    return undefined
  } catch (error) { return (error as Error).message }
}

const parts = /^mongodb:\/\/((?:[^@/]*@)?)([^:/,?]+)(?::(\d+))?(?=[/?]|$)/

function addressOf (url: string): { hostname: string, port: number } {
  const found = parts.exec(url)
  if (found === null || /[?&](?:tls|ssl|compressors)=/i.test(url)) throw new Error('MongoDB is counted at one host, without TLS and compression')
  return { hostname: found[2]!, port: Number(found[3] ?? 27017) }
}

/** A driver that is not told to stay with it goes to the addresses that the members of a replica set name. */
function throughPort (url: string, port: number): string {
  const changed = url.replace(parts, (_, login: string) => `mongodb://${login}127.0.0.1:${port}`).replace(/([?&])replicaSet=[^&]*&?/i, '$1')
  return `${changed}${changed.includes('?') ? '&' : changed.replace('mongodb://', '').includes('/') ? '?' : '/?'}directConnection=true`
}

function keysOf ({ documents = [], updates = [], deletes = [], filter, pipeline = [] }: Document): string[] {
  const filters: Document[] = [...documents, ...updates.map(({ q }: Document) => q), ...deletes.map(({ q }: Document) => q), ...filter === undefined ? [] : filter.$or ?? [filter], ...pipeline.flatMap(rangeOf)]
  return filters.flatMap(({ _id }) => typeof _id === 'string' ? [_id] : _id?.$in ?? [_id?.$gte ?? _id?.$gt ?? ''])
}

function rangeOf ({ $match, $unionWith }: Document): Document[] {
  return $match !== undefined ? [$match] : $unionWith === undefined ? [] : $unionWith.pipeline.flatMap(rangeOf)
}

const itemsOf = ({ documents, updates, deletes }: Document): number => [documents, updates, deletes].reduce((sum: number, items) => sum + (Array.isArray(items) ? items.length : 0), 0)

function documentsOf ({ cursor }: Document): number {
  const { firstBatch, nextBatch } = (cursor ?? {}) as { firstBatch?: unknown[], nextBatch?: unknown[] }
  return (firstBatch ?? nextBatch ?? []).length
}

export interface TrafficSum { readonly commands: number, readonly written: number, readonly read: number, readonly bytes: number }

export function sumOf (commands: readonly PassedCommand[]): TrafficSum {
  const sum = (of: (command: PassedCommand) => number): number => commands.reduce((total, command) => total + of(command), 0)
  return { commands: commands.length, written: sum(({ written }) => written), read: sum(({ read }) => read), bytes: sum(({ sentBytes, receivedBytes }) => sentBytes + receivedBytes) }
}
