/**
 * Sharding: each collection on `{ _id: 1 }`, split in advance at hash prefixes (the first 4 hex digits of every key)
 * and spread evenly, so that writes spread from the first one on. Every step may have been done already, or be
 * under way by another process that starts: that is no fault. Only an empty collection is split and spread; later the
 * balancer knows better.
 */
import type { Db, Document } from 'mongodb'
import { collectionNames, type CollectionName } from './store.js'

const prefixes = 0x10000
/** More pieces than shards, so that the balancer has something to give to a shard that is added. */
const chunksPerShard = 4
const maxChunks = 1024
const tries = 5
/** LockBusy, ConflictingOperationInProgress, LockFailed, ExceededTimeLimit, NotYetInitialized: another process is at it. */
const busyCodes = new Set([46, 107, 117, 262, 94, 309])
const alreadyDoneCodes = new Set([20, 23, 118])
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
}

export const shardingAdminOf = (db: Db): ShardingAdmin => ({
  database: db.databaseName,
  command: async command => await db.admin().command(command),
  isEmpty: async collection => await db.collection<{ _id: string }>(collection).findOne({ _id: { $gte: '' } }, { projection: { _id: 1 } }) === null
})

/**
 * Returns what an admin should know; empty when all is as it should be. What a mongos refuses does not keep Gatepost
 * from serving; rejects only where there was no answer.
 */
export async function shardCollections (admin: ShardingAdmin): Promise<string[]> {
  const notes: string[] = []
  const attempt = async (what: string, step: () => Promise<void>): Promise<void> => {
    try {
      await step()
    } catch (error) {
      const { code, message } = error as { code?: number, message: string }
      if (code === undefined) throw error
      notes.push(code === unauthorized ? `${what}: no right to shard; do it by hand, by { _id: 1 }` : `${what}: not sharded or not spread: ${message}`)
    }
  }
  let shards: string[] = []
  await attempt(admin.database, async () => {
    await settled(async () => await admin.command({ enableSharding: admin.database }))
    const listed = await admin.command({ listShards: 1 }) as { shards: Array<{ _id: string }> }
    shards = listed.shards.map(shard => shard._id)
  })
  if (shards.length === 0) return notes
  const plan = planChunks(shards)
  for (const name of collectionNames) {
    await attempt(name, async () => {
      const namespace = `${admin.database}.${name}`
      await settled(async () => await admin.command({ shardCollection: namespace, key: { _id: 1 } }))
      if (await admin.isEmpty(name)) await spread(admin, namespace, plan)
    })
  }
  return notes
}

async function spread (admin: ShardingAdmin, namespace: string, { splits, places }: ChunkPlan): Promise<void> {
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
      if (alreadyDoneCodes.has(code) || /already (sharded|enabled|exists)|is a boundary key|must not be a boundary/i.test(message)) return
      if (!busyCodes.has(code) || attempt === tries) throw error
      await new Promise(resolve => setTimeout(resolve, 200 * attempt + Math.random() * 200))
    }
  }
}
