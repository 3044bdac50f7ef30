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
  connectTimeoutMS: 5000,
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

/** The server's wall time, ms since 1970, as of the middle of the round trip. */
export async function serverTimeMs (db: Db, now: () => number): Promise<number> {
  const start = performance.now()
  const { localTime } = await hello(db)
  const halfTripMs = (performance.now() - start) / 2
  return localTime instanceof Date ? localTime.getTime() + halfTripMs : now()
}
