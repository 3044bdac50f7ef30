/**
 * The chunk map of a mongos: which shard keys of a collection lie on, as its config database tells. Read at the start
 * and every half minute, sooner after a surprise; after the first time only what has changed since. Whoever may not
 * read it is served too: then commands are not kept to one shard.
 */
import type { Db, Document, ReadPreferenceLike, Timestamp } from 'mongodb'
import { within } from './mongodb-deadline.js'
import { isAnswer, unauthorized } from './mongodb-errors.js'
import { shardMapOf, withChunks, type Chunk, type ShardMap } from './shard-map.js'
import { collectionNames, type CollectionName } from './store.js'

const refreshMs = 30_000
/** After a surprise; not more often than this either. */
const soonMs = 1000
/** More changes than these, and the whole map is read. */
const maxChanges = 200
const configMs = 10_000

/** All that may be sharded: what the store has, and the record of a migration (mongodb-migration.ts). */
export type ShardedName = CollectionName | 'migration'

/** What is asked of the config database. */
export interface ConfigReader {
  /** The entry of config.collections. */
  readonly collection: (name: ShardedName) => Promise<Document | null>
  /** Entries of config.chunks, the newest first; `since`: only those at least so new. `owner`: how they name their collection. */
  readonly chunks: (owner: Document, options: { since?: Timestamp, limit?: number }) => Promise<Document[]>
}

/**
 * From MongoDB 5.0 on chunks name their collection by its uuid, before by its namespace, and an entry of config.collections has both
 * in either: only its `timestamp` came with the new form. Nor is that promised, so what shows no chunk is looked for the other way.
 */
function ownersOf (entry: Document): readonly [Document, Document] {
  const byName = { ns: entry._id as string }
  const byUuid = { uuid: entry.uuid as unknown }
  return entry.uuid === undefined || entry.timestamp === undefined ? [byName, byUuid] : [byUuid, byName]
}

/** All chunks of a sharded collection, the newest first, and how they name it. */
export async function readChunks (read: ConfigReader, entry: Document): Promise<{ owner: Document, chunks: Document[] }> {
  const [likely, other] = ownersOf(entry)
  const chunks = await read.chunks(likely, {})
  if (chunks.length > 0 || entry.uuid === undefined) return { owner: likely, chunks }
  return { owner: other, chunks: await read.chunks(other, {}) }
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

interface Known { readonly identity: string, readonly owner: Document, readonly newest: Timestamp, readonly map: ShardMap }

interface ShardMapsOptions {
  readonly timing?: { readonly refreshMs: number, readonly soonMs: number }
  /** Each time that the note is another one, undefined where there is none any more. */
  readonly onNote?: (note: string | undefined) => void
}

/** The maps as far as they have been read. */
class ReadMaps {
  readonly #read: ConfigReader
  readonly #known = new Map<CollectionName, Known>()
  /** Sharded, and yet without a chunk: what this build cannot read, or a database that is damaged. */
  readonly #bare = new Set<CollectionName>()

  constructor (read: ConfigReader) {
    this.#read = read
  }

  of (name: CollectionName): ShardMap | undefined { return this.#known.get(name)?.map }

  /** Resolves with what an admin should know. */
  async readAll (): Promise<string | undefined> {
    try {
      for (const name of collectionNames) await this.#readOne(name)
      return this.#bare.size === 0 ? undefined : `${[...this.#bare].join(', ')}: sharded, but config.chunks shows no chunk: commands are not kept to one shard`
    } catch (error) {
      if (isAnswer(error) && error.code === unauthorized) return 'no right to read config.collections and config.chunks: commands are not kept to one shard (the role clusterMonitor has it)'
      return this.#known.size > 0 ? undefined : `the chunk map could not be read, so commands are not kept to one shard: ${(error as Error).message}`
    }
  }

  async #readOne (name: CollectionName): Promise<void> {
    const entry = await this.#read.collection(name)
    this.#bare.delete(name)
    if (!isShardedByKey(entry)) {
      this.#known.delete(name)
      return
    }
    const identity = JSON.stringify([entry.uuid, entry.lastmodEpoch, entry.timestamp])
    const old = this.#known.get(name)
    if (old?.identity === identity) {
      const changed = await this.#read.chunks(old.owner, { since: old.newest, limit: maxChanges })
      const newest = changed[0]?.lastmod as Timestamp | undefined
      if (newest !== undefined && changed.length < maxChanges) {
        if (!newest.equals(old.newest)) this.#known.set(name, { ...old, newest, map: withChunks(old.map, changed.flatMap(toChunk)) })
        return
      }
    }
    const { owner, chunks } = await readChunks(this.#read, entry)
    if (chunks.length === 0) this.#bare.add(name)
    const map = shardMapOf(chunks.flatMap(toChunk))
    // They changed while they were read: the old map will do until the next time.
    if (map !== undefined) this.#known.set(name, { identity, owner, newest: chunks[0]?.lastmod as Timestamp, map })
  }
}

/** Nothing is known before the first `refresh`, which also starts the clock for the next ones. */
export function createShardMaps (read: ConfigReader, { timing = { refreshMs, soonMs }, onNote }: ShardMapsOptions = {}): ShardMaps {
  const maps = new ReadMaps(read)
  let note: string | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let lastAt = -Infinity
  let isSoon = false
  let isClosed = false

  async function readAndNotify (): Promise<void> {
    const found = await maps.readAll()
    if (found === note || isClosed) return
    note = found
    onNote?.(note)
  }

  function schedule (ms: number): void {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(() => { void refresh() }, ms)
    timer.unref()
  }

  async function refresh (): Promise<void> {
    running ??= readAndNotify().finally(() => {
      running = undefined
      isSoon = false
      lastAt = performance.now()
      // Not all nodes at once.
      schedule(timing.refreshMs * (0.9 + Math.random() * 0.2))
    })
    await running
  }

  return {
    of: collection => maps.of(collection),
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

/** By default from a secondary: an old answer costs efficiency only, and the config servers' primary has better things to do. */
export function configReaderOf (db: () => Db, readPreference: ReadPreferenceLike = 'secondaryPreferred'): ConfigReader {
  const config = (): Db => db().client.db('config', { readPreference })
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

/** Every collection is sharded by it. */
export const shardKeyJson = '{"_id":1}'
const isShardedByKey = (entry: Document | null): entry is Document => isSharded(entry) && JSON.stringify(entry.key) === shardKeyJson

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
