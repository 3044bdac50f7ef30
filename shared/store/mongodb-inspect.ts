/** What `gatepost doctor` wants to know of a MongoDB. Reads only; changes nothing. */
import type { Db, Document } from 'mongodb'
import { configReaderOf, isSharded, readChunks } from './mongodb-chunks.js'
import { createClient, hello, isMongos, serverTimeMs } from './mongodb-connection.js'
import { isMigrating } from './mongodb-migration.js'
import { collectionNames, type CollectionName } from './store.js'

export interface InspectedCollection {
  readonly name: CollectionName
  readonly exists: boolean
  /** Expired documents are deleted by the server. */
  readonly hasTtlIndex: boolean
  /** JSON of the shard key, such as `{"_id":1}`; undefined where it is not sharded or that cannot be read. */
  readonly shardKey: string | undefined
  /** How many chunks lie on which shard; empty where it is not sharded. */
  readonly chunksByShard: Readonly<Record<string, number>>
}

export type MongodbInspection =
  | { readonly reachable: false, readonly cause: unknown }
  | {
    readonly reachable: true
    readonly version: string
    readonly kind: 'mongos' | 'replica set' | 'one server'
    readonly database: string
    /** Empty where it is no mongos. */
    readonly shards: readonly string[]
    readonly collections: readonly InspectedCollection[]
    /** A migration into it is not finished: no node serves it. */
    readonly isMigrating: boolean
    /** The server's clock less this machine's. */
    readonly clockDifferenceMs: number
    /** What could not be looked at, and why. */
    readonly notes: readonly string[]
  }

/** Throws for a malformed URL; whatever else goes wrong is in what it returns. */
export async function inspectMongodb ({ url, now = Date.now }: { url: string, now?: () => number }): Promise<MongodbInspection> {
  const { client, db } = createClient(url)
  try {
    await client.connect()
    const greeting = await hello(db)
    const { version } = await db.admin().command({ buildInfo: 1 }) as { version: string }
    const clockDifferenceMs = await serverTimeMs(db, now) - now()
    const notes: string[] = []
    const sharded = isMongos(greeting)
    const shards = sharded ? await attempt(notes, 'the shards', [], async () => await shardNames(db)) : []
    const existing = new Set((await attempt(notes, 'the collections', [], async () => await db.listCollections({}, { nameOnly: true }).toArray())).map(({ name }) => name))
    const collections: InspectedCollection[] = []
    for (const name of collectionNames) {
      const exists = existing.has(name)
      const indexes = exists ? await attempt<Document[]>(notes, `the indexes of ${name}`, [], async () => await db.collection(name).listIndexes().toArray()) : []
      const hasTtlIndex = indexes.some(index => index.expireAfterSeconds === 0 && (index.key as Document).purgeAt === 1)
      const none = { shardKey: undefined, chunksByShard: {} }
      const sharding = sharded ? await attempt(notes, `the chunks of ${name}`, none, async () => await readSharding(db, name)) : none
      collections.push({ name, exists, hasTtlIndex, ...sharding })
    }
    const isHalf = await attempt(notes, 'whether a migration is under way', false, async () => await isMigrating(db, sharded))
    const kind = sharded ? 'mongos' : greeting.setName === undefined ? 'one server' : 'replica set'
    return { reachable: true, version, kind, database: db.databaseName, shards, collections, isMigrating: isHalf, clockDifferenceMs, notes }
  } catch (cause) {
    return { reachable: false, cause }
  } finally {
    await client.close()
  }
}

async function attempt<T> (notes: string[], what: string, otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    notes.push(`${what} could not be read: ${(error as Error).message}`)
    return otherwise
  }
}

async function shardNames (db: Db): Promise<string[]> {
  const { shards } = await db.admin().command({ listShards: 1 }) as { shards: Array<{ _id: string }> }
  return shards.map(shard => shard._id).sort()
}

async function readSharding (db: Db, name: CollectionName): Promise<Pick<InspectedCollection, 'shardKey' | 'chunksByShard'>> {
  const config = configReaderOf(() => db)
  const entry = await config.collection(name)
  if (!isSharded(entry)) return { shardKey: undefined, chunksByShard: {} }
  const chunksByShard: Record<string, number> = {}
  for (const { shard } of (await readChunks(config, entry)).chunks) chunksByShard[shard as string] = (chunksByShard[shard as string] ?? 0) + 1
  return { shardKey: JSON.stringify(entry.key), chunksByShard }
}
