/**
 * Sharding: each collection on `{ _id: 1 }`, cut in advance at hash prefixes (the first 4 hex digits of every key), an
 * even share for each shard, so that writes spread from the first one on. Every step may have been done already, or be
 * under way by another process that starts: that is no fault (mongodb-converge.ts). Only an empty collection is spread; later the
 * balancer knows better. The borders between shards outlive its merging of chunks (from MongoDB 7.0 on): it
 * joins neighbours of one shard only, and has nothing to move while all shards hold as much.
 */
import type { Db, Document } from 'mongodb'
import { configReaderOf, isSharded, readChunks, shardKeyJson, toChunk, type ConfigReader, type ShardedName, type ShardMaps } from './mongodb-chunks.js'
import { converge, Undone, type Patience } from './mongodb-converge.js'
import { isAnswer, unauthorized } from './mongodb-errors.js'
import type { MongodbReader } from './mongodb-read.js'
import type { Chunk } from './shard-map.js'
import { compareKeys } from './key-order.js'
import { collectionNames, type CollectionName } from './store.js'

const prefixes = 0x10000
/** Others who start at the same time are done within seconds; a mongos that refuses for reasons of its own must not keep a node waiting. */
const patienceMs = 6000

/** From this key up to the next share, or to the end, all belongs on one shard. */
export interface Share { readonly from: string, readonly shard: string }

/** The first share begins at the smallest key, whatever its `from`. */
export function planShares (shards: readonly string[]): Share[] {
  return [...shards].sort().map((shard, at) => ({ shard, from: Math.floor(at * prefixes / shards.length).toString(16).padStart(4, '0') }))
}

/** What brings the chunks closer to the plan: cut first, then move what lies elsewhere. Undefined where all is as planned. */
export function nextStep (namespace: string, shares: readonly Share[], chunks: readonly Chunk[]): Document | undefined {
  const border = shares.slice(1).find(({ from }) => !chunks.some(({ min }) => min === from))
  if (border !== undefined) return { split: namespace, middle: { _id: border.from } }
  for (const [at, { from, shard }] of shares.entries()) {
    const end = shares[at + 1]?.from
    const misplaced = chunks.find(chunk => chunk.shard !== shard && (end === undefined || compareKeys(chunk.min, end) < 0) && (chunk.max === undefined || compareKeys(chunk.max, from) > 0))
    if (misplaced !== undefined) return { moveChunk: namespace, find: { _id: compareKeys(misplaced.min, from) < 0 ? from : misplaced.min }, to: shard }
  }
  return undefined
}

/** What sharding needs of a mongos. */
export interface ShardingAdmin {
  readonly database: string
  /** A command to the admin database. */
  readonly command: (command: Document) => Promise<Document>
  readonly isEmpty: (collection: CollectionName) => Promise<boolean>
  /** The shard key as JSON, undefined where it is not sharded. */
  readonly shardKey: (collection: ShardedName) => Promise<string | undefined>
  readonly chunks: (collection: CollectionName) => Promise<readonly Chunk[]>
}

/** The shard key as JSON, undefined where it is not sharded. */
export async function shardKeyOf (config: Pick<ConfigReader, 'collection'>, collection: ShardedName): Promise<string | undefined> {
  const entry = await config.collection(collection)
  return isSharded(entry) ? JSON.stringify(entry.key) : undefined
}

/** All keys: they begin with a hexadecimal digit. */
const allKeys = { from: '0', to: 'g' }

export function shardingAdminOf (db: () => Db, reader: MongodbReader, maps: ShardMaps): ShardingAdmin {
  // What was done a moment ago must show.
  const config = configReaderOf(db, 'primary')
  return {
    database: db().databaseName,
    command: async command => await db().admin().command(command),
    isEmpty: async collection => {
      // Others may be moving chunks: what is asked is kept to one shard as well.
      await maps.refresh()
      return (await reader.range(collection, allKeys, { limit: 1, reverse: false, projection: { _id: 1 } })).length === 0
    },
    shardKey: async collection => await shardKeyOf(config, collection),
    chunks: async collection => {
      const entry = await config.collection(collection)
      return isSharded(entry) ? (await readChunks(config, entry)).chunks.flatMap(toChunk) : []
    }
  }
}

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
    if (!isAnswer(error)) throw error
    return
  }
  if (shards.length === 0) throw new Error('the mongos has no shards yet: add them (sh.addShard)')
}

/** Whether an earlier start has finished this, as the config servers alone can tell: a shard that is away keeps nobody from serving what lies on the others. */
export async function isSpread (admin: Pick<ShardingAdmin, 'command'>, maps: ShardMaps): Promise<boolean> {
  await maps.refresh()
  const lieOn = collectionNames.map(name => new Set(maps.of(name)?.map(({ shard }) => shard)).size)
  if (lieOn.includes(0)) return false
  try {
    return lieOn.every(count => count > 1) || (await listShards(admin)).length === 1
  } catch (error) {
    if (!isAnswer(error)) throw error
    return false
  }
}

/**
 * Returns what an admin should know; empty when all is as it should be. What a mongos refuses does not keep Gatepost
 * from serving; rejects only where there was no answer.
 */
export async function shardCollections (admin: ShardingAdmin, patience: Patience = { leftMs: patienceMs }): Promise<string[]> {
  const notes: string[] = []
  const attempt = async (what: string, step: () => Promise<void>): Promise<boolean> => {
    try {
      await step()
      return true
    } catch (error) {
      if (!isAnswer(error) && !(error instanceof Undone)) throw error
      const { message } = error
      notes.push(isAnswer(error) && error.code === unauthorized ? `${what}: no right to shard; do it by hand, by { _id: 1 }` : `${what}: not sharded or not spread: ${message}`)
      return false
    }
  }
  let shards: string[] = []
  const isListed = await attempt(admin.database, async () => {
    shards = (await listShards(admin)).filter(shard => shard.draining !== true).map(shard => shard._id)
  })
  if (!isListed) return notes
  const shares = planShares(shards)
  for (const name of collectionNames) {
    await attempt(name, async () => {
      await shardOne(admin, name, patience)
      const shardKey = await admin.shardKey(name)
      if (shardKey === shardKeyJson) await spread(admin, name, shares, patience)
      else notes.push(`${name}: sharded by ${shardKey ?? 'nothing'} instead of { _id: 1 }; start anew in another database`)
    })
  }
  return notes
}

/** Shards it by its key, all of it in one chunk. Rejects with the last refusal. */
export async function shardOne (admin: Pick<ShardingAdmin, 'database' | 'command' | 'shardKey'>, name: ShardedName, patience: Patience = { leftMs: patienceMs }): Promise<void> {
  const isOpen = async (): Promise<boolean> => await admin.shardKey(name) === undefined
  if (!await isOpen()) return
  // From MongoDB 6.0 on it is not needed: what it refuses shows when the collection is sharded.
  await admin.command({ enableSharding: admin.database }).catch((error: unknown) => { if (!isAnswer(error)) throw error })
  await converge(async () => await isOpen() ? { shardCollection: `${admin.database}.${name}`, key: { _id: 1 } } : undefined, admin.command, patience)
}

async function spread (admin: ShardingAdmin, name: CollectionName, shares: readonly Share[], patience: Patience): Promise<void> {
  const next = async (): Promise<Document | undefined> => {
    const chunks = await admin.chunks(name)
    if (chunks.length === 0) throw new Undone('config.chunks shows no chunk of it')
    return nextStep(`${admin.database}.${name}`, shares, chunks)
  }
  if (await next() === undefined || !await admin.isEmpty(name)) return
  await converge(next, admin.command, patience)
}
