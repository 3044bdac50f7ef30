/**
 * The chunk map of a mongos: which shard keys of a collection lie on, as its config database tells. Read at the start
 * and every half minute, sooner after a surprise; after the first time only what has changed since. Whoever may not
 * read it is served too: then commands are not kept to one shard.
 */
import type { Db, Document, Timestamp } from 'mongodb'
import { within } from './mongodb-deadline.js'
import { shardMapOf, withChunks, type Chunk, type ShardMap } from './shard-map.js'
import { collectionNames, type CollectionName } from './store.js'

const refreshMs = 30_000
/** After a surprise; not more often than this either. */
const soonMs = 1000
/** More changes than these, and the whole map is read. */
const maxChanges = 200
const configMs = 10_000
const unauthorized = 13

/** What is asked of the config database. */
export interface ConfigReader {
  /** The entry of config.collections. */
  readonly collection: (name: CollectionName) => Promise<Document | null>
  /** Entries of config.chunks, the newest first; `since`: only those at least so new. */
  readonly chunks: (owner: Document, options: { since?: Timestamp, limit?: number }) => Promise<Document[]>
}

export interface ShardMaps {
  /** Undefined where it is not known, or where the collection is not sharded by its key. */
  readonly of: (collection: CollectionName) => ShardMap | undefined
  readonly refresh: () => Promise<void>
  /** Something went as it does when chunks have moved. */
  readonly refreshSoon: () => void
  /** What an admin should know. */
  readonly note: () => string | undefined
  readonly close: () => void
}

interface Known { readonly identity: string, readonly newest: Timestamp, readonly map: ShardMap }

/** Nothing is known before the first `refresh`, which also starts the clock for the next ones. */
export function createShardMaps (read: ConfigReader, timing = { refreshMs, soonMs }): ShardMaps {
  const known = new Map<CollectionName, Known>()
  let note: string | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let lastAt = -Infinity
  let isSoon = false
  let isClosed = false

  async function readOne (name: CollectionName): Promise<void> {
    const entry = await read.collection(name)
    if (!isShardedByKey(entry)) {
      known.delete(name)
      return
    }
    const owner = ownerOfChunks(entry)
    const identity = JSON.stringify([owner, entry.lastmodEpoch, entry.timestamp])
    const old = known.get(name)
    if (old?.identity === identity) {
      const changed = await read.chunks(owner, { since: old.newest, limit: maxChanges })
      const newest = changed[0]?.lastmod as Timestamp | undefined
      if (newest !== undefined && changed.length < maxChanges) {
        if (!newest.equals(old.newest)) known.set(name, { identity, newest, map: withChunks(old.map, changed.flatMap(toChunk)) })
        return
      }
    }
    const all = await read.chunks(owner, {})
    const map = shardMapOf(all.flatMap(toChunk))
    // They changed while they were read: the old map will do until the next time.
    if (map !== undefined) known.set(name, { identity, newest: all[0]?.lastmod as Timestamp, map })
  }

  async function readAll (): Promise<void> {
    try {
      for (const name of collectionNames) await readOne(name)
      note = undefined
    } catch (error) {
      const { code, message } = error as { code?: number, message: string }
      note = code === unauthorized
        ? 'no right to read config.collections and config.chunks: commands are not kept to one shard (the role clusterMonitor has it)'
        : known.size > 0 ? undefined : `the chunk map could not be read, so commands are not kept to one shard: ${message}`
    }
  }

  function schedule (ms: number): void {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(() => { void refresh() }, ms)
    timer.unref()
  }

  async function refresh (): Promise<void> {
    running ??= readAll().finally(() => {
      running = undefined
      isSoon = false
      lastAt = performance.now()
      // Not all nodes at once.
      schedule(timing.refreshMs * (0.9 + Math.random() * 0.2))
    })
    await running
  }

  return {
    of: collection => known.get(collection)?.map,
    refresh,
    refreshSoon: () => {
      if (isSoon || lastAt === -Infinity) return
      isSoon = true
      schedule(Math.max(0, lastAt + timing.soonMs - performance.now()))
    },
    note: () => note,
    close: () => {
      isClosed = true
      clearTimeout(timer)
    }
  }
}

export function configReaderOf (db: () => Db): ConfigReader {
  // An old answer costs efficiency only: the config servers' primary has better things to do.
  const config = (): Db => db().client.db('config', { readPreference: 'secondaryPreferred' })
  const limit = { maxTimeMS: configMs }
  return {
    collection: async name => await within(configMs, config().collection<{ _id: string }>('collections').findOne({ _id: `${db().databaseName}.${name}` }, limit)),
    chunks: async (owner, { since, limit: most = 0 }) => await within(configMs, config().collection('chunks')
      .find({ ...owner, ...since !== undefined && { lastmod: { $gte: since } } }, { ...limit, projection: { _id: 0, min: 1, max: 1, shard: 1, lastmod: 1 }, sort: { lastmod: -1 }, limit: most })
      .toArray())
  }
}

/** From MongoDB 8.0 on config.collections also lists collections that are not sharded: `unsplittable`. */
export const isSharded = (entry: Document | null): entry is Document =>
  entry !== null && entry.dropped !== true && entry.unsplittable !== true && entry.key !== undefined

const isShardedByKey = (entry: Document | null): entry is Document => isSharded(entry) && JSON.stringify(entry.key) === '{"_id":1}'

/** From MongoDB 5.0 on chunks name their collection by its uuid, before by its namespace. */
export const ownerOfChunks = (entry: Document): Document => entry.uuid === undefined ? { ns: entry._id as string } : { uuid: entry.uuid as unknown }

/** None where no string lies between its bounds. */
export function toChunk ({ min, max, shard }: Document): Chunk[] {
  const from = placeAmongStrings((min as Document)._id)
  const to = placeAmongStrings((max as Document)._id)
  return from === undefined || to === '' ? [] : [{ min: from, max: to, shard: shard as string }]
}

/** '' for what sorts before all strings (MinKey, null, numbers), undefined for what sorts after them. */
function placeAmongStrings (bound: unknown): string | undefined {
  if (typeof bound === 'string') return bound
  if (bound === null || typeof bound === 'number' || typeof bound === 'bigint') return ''
  return ['MinKey', 'Double', 'Int32', 'Long', 'Decimal128'].includes((bound as { _bsontype?: string })._bsontype ?? '') ? '' : undefined
}
