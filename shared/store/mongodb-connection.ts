/** How Gatepost connects to MongoDB, and what it asks a server about itself. */
import { MongoClient, type Db, type Document, type MongoClientOptions } from 'mongodb'
import { commandMs, selectionMs, within } from './mongodb-deadline.js'

export const defaultDatabase = 'gatepost'
const commandNotFound = 59

/**
 * So that a dead server is an error within seconds: callers answer 503 and try again. What the URL says wins. The
 * store's own deadlines (mongodb-deadline.ts) are shorter than `socketTimeoutMS`, which bounds what they do not: the
 * preparations at the start, an index on a large collection among them.
 */
const limits = {
  serverSelectionTimeoutMS: selectionMs,
  connectTimeoutMS: 3000,
  socketTimeoutMS: 60_000,
  waitQueueTimeoutMS: 3000,
  heartbeatFrequencyMS: 5000
}

/** `retryWrites` is off: mongodb-insert.ts and mongodb-replace.ts send again themselves and know what that means. */
const promises: MongoClientOptions = { retryWrites: false, readPreference: 'primary', readConcern: { level: 'majority' } }

/** Throws for a URL that the driver does not take. Nothing is connected yet. */
export function createClient (url: string, more: MongoClientOptions = {}): { client: MongoClient, db: Db } {
  const query = url.slice(url.indexOf('?') + 1).toLowerCase()
  const unnamed = Object.fromEntries(Object.entries(limits).filter(([name]) => !query.includes(`${name.toLowerCase()}=`)))
  const client = new MongoClient(url, { appName: 'gatepost', ...unnamed, ...promises, ...more })
  // Without a path the driver would take "test".
  const name = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url)?.[1]
  return { client, db: client.db(name === undefined ? defaultDatabase : decodeURIComponent(name)) }
}

/** What an address says of the way to the server, without asking anybody. Throws for one that the driver does not take. */
export function linkOf (url: string): { hosts: readonly string[], isEncrypted: boolean, hasLogin: boolean } {
  const { hosts, srvHost, tls, credentials } = createClient(url).client.options
  return { hosts: srvHost === undefined ? hosts.map(({ host = '' }) => host) : [srvHost], isEncrypted: tls, hasLogin: credentials !== undefined }
}

/** `hello`, or `isMaster` on a server that does not know it. */
export async function hello (db: Db): Promise<Document> {
  const admin = db.admin()
  try {
    return await within(commandMs, admin.command({ hello: 1 }))
  } catch (error) {
    if ((error as { code?: number }).code !== commandNotFound) throw error
    return await within(commandMs, admin.command({ isMaster: 1 }))
  }
}

export const isMongos = (greeting: Document): boolean => greeting.msg === 'isdbgrid'

/** The server's wall time, ms since 1970, as of now, the end of the round trip: up to half of it off either way. */
export async function serverTimeMs (db: Db, now: () => number): Promise<number> {
  const start = performance.now()
  const { localTime } = await hello(db)
  const halfTripMs = (performance.now() - start) / 2
  return localTime instanceof Date ? localTime.getTime() + halfTripMs : now()
}

const stepMs = 1000

/**
 * `onStuck` is called where a heartbeat never ends: then this client never finds that server again. The driver (seen with
 * 7.8) can hang so when a server goes away: what is written to a socket that has ended, and not yet said so, waits for a
 * "drain" that does not come. Time is counted in steps of this process, because after a pause of its own an answer lies unread.
 */
export function watchHeartbeats (client: MongoClient, onStuck: (address: string) => void): { stop: () => void } {
  const { connectTimeoutMS, heartbeatFrequencyMS } = client.options
  /** Steps that each may still take. */
  const waiting = new Map<string, number>()
  client.on('serverHeartbeatStarted', ({ connectionId, awaited }) => {
    // To connect, to be greeted; a server may hold an answer back.
    waiting.set(connectionId, 1 + Math.ceil((2 * connectTimeoutMS + (awaited ? heartbeatFrequencyMS : 0)) / stepMs))
  })
  client.on('serverHeartbeatSucceeded', ({ connectionId }) => { waiting.delete(connectionId) })
  client.on('serverHeartbeatFailed', ({ connectionId }) => { waiting.delete(connectionId) })
  client.on('serverClosed', ({ address }) => { waiting.delete(address) })
  const timer = setInterval(() => {
    for (const [address, steps] of waiting) {
      waiting.set(address, steps - 1)
      if (steps === 0) onStuck(address)
    }
  }, stepMs).unref()
  return { stop: () => { clearInterval(timer) } }
}
