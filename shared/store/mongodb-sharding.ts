/**
 * Sharding: each collection on `{ _id: 1 }`, split in advance at hash prefixes (the first 4 hex digits of every key)
 * and spread evenly, so that writes spread from the first one on. Every step may have been done already, or be
 * under way by another process that starts: that is no fault. Only an empty collection is split and spread; later the
 * balancer knows better. The borders between shards outlive the balancer's merging of chunks (from MongoDB 7.0 on): it
 * joins neighbours of one shard only, and has nothing to move while all shards hold as much.
 */
import type { Db, Document } from 'mongodb'
import { configReaderOf, isSharded, type ShardMaps } from './mongodb-chunks.js'
import type { MongodbReader } from './mongodb-read.js'
import { shardOf, type ShardMap } from './shard-map.js'
import { collectionNames, type CollectionName } from './store.js'

const prefixes = 0x10000
/** More pieces than shards, so that the balancer has something to give to a shard that is added. */
const chunksPerShard = 4
const maxChunks = 1024
const tries = 5
/** What no further try can change: BadValue, Unauthorized, AuthenticationFailed, IllegalOperation, AlreadyInitialized, CommandNotFound, InvalidOptions, CommandNotSupported, NamespaceNotSharded. */
const finalCodes = new Set([2, 13, 18, 20, 23, 59, 72, 115, 118])
const unauthorized = 13

export interface ChunkPlan {
  /** Where chunks begin, ascending; the first begins at the smallest key and is not named. */
  readonly splits: readonly string[]
  /** A key inside of each chunk and the shard that it belongs on. */
  readonly places: ReadonlyArray<{ readonly key: string, readonly shard: string }>
}

/** Neighbouring chunks lie on one shard: the fewest borders that a range can cross. */
export function planChunks (shards: readonly string[]): ChunkPlan {
  const sorted = [...shards].sort()
  const count = Math.min(maxChunks, sorted.length * chunksPerShard)
  const begin = (chunk: number): string => Math.floor(chunk * prefixes / count).toString(16).padStart(4, '0')
  const chunks = Array.from({ length: sorted.length === 0 ? 0 : count }, (_, chunk) => chunk)
  return {
    splits: chunks.slice(1).map(begin),
    places: chunks.map(chunk => ({ key: begin(chunk), shard: sorted[Math.floor(chunk * sorted.length / count)] ?? '' }))
  }
}

/** What sharding needs of a mongos. */
export interface ShardingAdmin {
  readonly database: string
  /** A command to the admin database. */
  readonly command: (command: Document) => Promise<Document>
  readonly isEmpty: (collection: CollectionName) => Promise<boolean>
  /** The shard key as JSON, undefined where it is not sharded; rejects where that may not be read. */
  readonly shardKey: (collection: CollectionName) => Promise<string | undefined>
  /** Where its chunks lie now; undefined where that is not known. */
  readonly map: (collection: CollectionName) => Promise<ShardMap | undefined>
}

/** All keys: they begin with a hexadecimal digit. */
const allKeys = { from: '0', to: 'g' }

export const shardingAdminOf = (db: Db, maps: ShardMaps, reader: MongodbReader): ShardingAdmin => ({
  database: db.databaseName,
  command: async command => await db.admin().command(command),
  isEmpty: async collection => (await reader.range(collection, allKeys, { limit: 1, reverse: false, projection: { _id: 1 } })).length === 0,
  shardKey: async collection => {
    const entry = await configReaderOf(() => db).collection(collection)
    return isSharded(entry) ? JSON.stringify(entry.key) : undefined
  },
  map: async collection => {
    await maps.refresh()
    return maps.of(collection)
  }
})

const listShards = async (admin: Pick<ShardingAdmin, 'command'>): Promise<Array<{ _id: string, draining?: boolean }>> =>
  (await admin.command({ listShards: 1 }) as { shards: Array<{ _id: string, draining?: boolean }> }).shards

/**
 * Rejects where a mongos has no shard yet: nothing can be stored there, and what were made now would lie on the first shard that
 * comes. Whoever may not ask goes on.
 */
export async function requireShards (admin: Pick<ShardingAdmin, 'command'>): Promise<void> {
  let shards: unknown[]
  try {
    shards = await listShards(admin)
  } catch (error) {
    if ((error as { code?: unknown }).code === undefined) throw error
    return
  }
  if (shards.length === 0) throw new Error('the mongos has no shards yet: add them (sh.addShard)')
}

/**
 * Returns what an admin should know; empty when all is as it should be. What a mongos refuses does not keep Gatepost
 * from serving; rejects only where there was no answer.
 */
export async function shardCollections (admin: ShardingAdmin): Promise<string[]> {
  const notes: string[] = []
  const attempt = async (what: string, step: () => Promise<void>): Promise<boolean> => {
    try {
      await step()
      return true
    } catch (error) {
      const { code, message } = error as { code?: number, message: string }
      if (code === undefined) throw error
      notes.push(code === unauthorized ? `${what}: no right to shard; do it by hand, by { _id: 1 }` : `${what}: not sharded or not spread: ${message}`)
      return false
    }
  }
  let shards: string[] = []
  // From MongoDB 6.0 on it is not needed: what it refuses shows when a collection is sharded.
  await unlessNoAnswer(async () => await settled(async () => await admin.command({ enableSharding: admin.database })))
  const isListed = await attempt(admin.database, async () => {
    shards = (await listShards(admin)).filter(shard => shard.draining !== true).map(shard => shard._id)
  })
  if (!isListed) return notes
  const plan = planChunks(shards)
  for (const name of collectionNames) {
    await attempt(name, async () => {
      const namespace = `${admin.database}.${name}`
      let refusal: Error | undefined
      await settled(async () => await admin.command({ shardCollection: namespace, key: { _id: 1 } })).catch((error: Error) => { refusal = error })
      // Where it is sharded already the answer differs from version to version: what counts is what it is now.
      const shardKey = await admin.shardKey(name).catch((error: Error & { code?: unknown }) => {
        if (refusal !== undefined) throw refusal
        if (error.code === undefined) throw error
        return expectedKey
      })
      if (shardKey === undefined) throw refusal ?? new Error('it is not sharded')
      if (shardKey !== expectedKey) {
        notes.push(`${name}: sharded by ${shardKey} instead of { _id: 1 }; start anew in another database`)
        return
      }
      await spread(admin, name, plan)
    })
  }
  return notes
}

const expectedKey = '{"_id":1}'

async function spread (admin: ShardingAdmin, name: CollectionName, { splits, places }: ChunkPlan): Promise<void> {
  const map = await admin.map(name)
  if (map !== undefined && places.every(({ key, shard }) => shardOf(map, key) === shard)) return
  if (!await admin.isEmpty(name)) return
  const namespace = `${admin.database}.${name}`
  for (const middle of splits) await settled(async () => await admin.command({ split: namespace, middle: { _id: middle } }))
  for (const { key, shard } of places) await settled(async () => await admin.command({ moveChunk: namespace, find: { _id: key }, to: shard }))
}

/** Runs a step that others may be doing too: again while they are at it, done when it is done already. */
async function settled (step: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await step()
      return
    } catch (error) {
      const { code, message = '' } = error as { code?: number, message?: string }
      if (code === undefined) throw error
      if (/is a boundary key|must not be a boundary/i.test(message)) return
      if (finalCodes.has(code) || attempt === tries) throw error
      await new Promise(resolve => setTimeout(resolve, 200 * attempt + Math.random() * 200))
    }
  }
}

async function unlessNoAnswer (step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    if ((error as { code?: unknown }).code === undefined) throw error
  }
}
