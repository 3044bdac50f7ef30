/**
 * The store's port on MongoDB: a mongos, a replica set, one server, or what speaks its protocol. Every command names
 * its keys or key ranges; reads of one turn of the loop go out together, because a command costs the driver
 * more than what it carries. Writes: majority and journaled; reads: what a majority has, from the primary.
 */
import { randomBytes } from 'node:crypto'
import type { Db, Document } from 'mongodb'
import { GatepostError } from '../contract/errors.js'
import { configReaderOf, createShardMaps, type ShardMaps } from './mongodb-chunks.js'
import { writesOf } from './mongodb-command.js'
import { hello, isMongos, serverTimeMs } from './mongodb-connection.js'
import { fromBson, hasOwnId, toBson } from './mongodb-document.js'
import { createFullShards, type FullShards } from './mongodb-full.js'
import { createGroups, shardOfKey, type Groups } from './mongodb-groups.js'
import type { MongodbWrites } from './mongodb-insert.js'
import { createLastsReader } from './mongodb-lasts.js'
import { MongodbLink } from './mongodb-link.js'
import { createReader, type MongodbReader } from './mongodb-read.js'
import { removeKeys } from './mongodb-remove.js'
import { MongodbStart } from './mongodb-start.js'
import { RunningWork } from './running-work.js'
import type { CollectionName, Collections, KeyRange, Store } from './store.js'

interface StoreLog {
  info: (fields: object, text: string) => void
  warn: (fields: object, text: string) => void
  error: (fields: object, text: string) => void
}

export interface MongodbStoreOptions {
  /** The database is the one in the URL, `gatepost` where it names none. */
  readonly url: string
  readonly log: StoreLog
  readonly now?: () => number
  /** Opened to carry a store into it: it is served though a migration is under way. */
  readonly isMigration?: boolean
  /** Sees every command that is sent (tests). */
  readonly onCommand?: (event: { commandName: string, command: Document }) => void
}

/** Throws for a malformed URL. Resolves when the store was prepared or could not be; it goes on trying then. */
export async function openMongodbStore (options: MongodbStoreOptions): Promise<Store> {
  const { store, hasTried } = beginMongodbStore(options)
  await hasTried
  return store
}

/**
 * Throws for a malformed URL. The store is there at once; until the server was reached and prepared it refuses reads and writes, and
 * its status says what is missing. It tries without end, with a line in the log each time. `hasTried`: the first time is over.
 */
export function beginMongodbStore ({ url, log, now = Date.now, isMigration = false, onCommand }: MongodbStoreOptions): { store: Store, hasTried: Promise<void> } {
  const running = new RunningWork()
  const link = new MongodbLink({
    url, onCommand, running, log,
    onChange: (hasServer, hadServer) => {
      if (hasServer !== hadServer && start.isLive) {
        if (hasServer) log.info({ event: 'mongodb-reached' }, 'MongoDB is reachable again')
        else log.warn({ event: 'mongodb-lost' }, 'MongoDB is not reachable; trying on')
      }
      maps.refreshSoon()
    }
  })
  const db = (): Db => link.db
  const maps = createShardMaps(configReaderOf(db), {
    onNote: note => {
      if (note === undefined) log.info({ event: 'mongodb-chunks' }, 'the chunk map can be read again')
      else log.warn({ event: 'mongodb-chunks', note }, 'the chunk map cannot be read')
    }
  })
  const reader = createReader({ db, mapOf: maps.of })
  const fullShards = createFullShards(log)
  const writes = writesOf({ db, reader, fullShards, onMovedChunks: maps.refreshSoon })
  const lastsReader = createLastsReader({ db, reader, isMongos: async () => isMongos(await hello(link.db)) })
  const groups = createGroups({ reader, lastsReader, writes, mapOf: maps.of })
  const start = new MongodbStart({ link, reader, maps, isMigration, log })
  const store = storeOver({ start, link, running, maps, reader, groups, writes, fullShards, now })
  return { store, hasTried: start.begin() }
}

interface Parts {
  readonly start: MongodbStart
  readonly link: MongodbLink
  readonly running: RunningWork
  readonly maps: ShardMaps
  readonly reader: MongodbReader
  readonly groups: Readonly<Record<CollectionName, Groups>>
  readonly writes: (shard: string) => MongodbWrites
  readonly fullShards: FullShards
  readonly now: () => number
}

function storeOver ({ start, link, running, maps, reader, groups, writes, fullShards, now }: Parts): Store {
  async function asking<T> (ask: () => Promise<T>): Promise<T> {
    try {
      return await running.track(ask())
    } catch (cause) {
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read', { cause })
    }
  }

  async function reading<T> (read: () => Promise<T>): Promise<T> {
    if (!start.isLive) throw new GatepostError('GP_STORE_UNAVAILABLE', start.whyNot())
    return await asking(read)
  }

  async function end (): Promise<void> {
    start.close()
    maps.close()
    link.stop()
    await running.ended()
    await link.close()
    await start.ended()
  }

  let closing: Promise<void> | undefined

  return {
    shardOf: (collection, key) => shardOfKey(maps.of(collection), key),
    insertChains: async (collection, chains) => {
      if (!start.isLive) return chains.map(() => ({ stored: 0, stopped: 'refused', cause: new Error(start.whyNot()) }))
      const w = hasOwnId(collection) ? undefined : newToken()
      return await running.track(groups[collection].insert.ask(chains.map(chain => chain.map(doc => toBson(doc, w)))))
    },
    replace: async (collection, replacements) => {
      if (!start.isLive) return replacements.map(() => 'refused')
      return await running.track(groups[collection].replace.ask(replacements.map(({ was, doc }) => ({ was, doc: toBson(doc, newToken()) }))))
    },
    get: async <C extends CollectionName>(collection: C, keys: readonly string[]) =>
      (await reading(async () => await groups[collection].get.ask(keys))).map(doc => doc === undefined ? undefined : fromBson<Collections[C]>(doc)),
    exist: async (collection, keys) => await reading(async () => await groups[collection].exist.ask(keys)),
    range: async <C extends CollectionName>(collection: C, range: KeyRange, { limit, reverse = false }: { limit: number, reverse?: boolean }) =>
      (await reading(async () => await groups[collection].range({ ...range, limit, reverse }))).map(fromBson<Collections[C]>),
    ranges: async <C extends CollectionName>(collection: C, ranges: readonly KeyRange[], { limit }: { limit: number }) =>
      (await reading(async () => await reader.ranges(collection, ranges, limit))).map(fromBson<Collections[C]>),
    lasts: async <C extends CollectionName>(collection: C, ranges: readonly KeyRange[]) =>
      (await reading(async () => await groups[collection].lasts.ask(ranges))).map(doc => doc === undefined ? undefined : fromBson<Collections[C]>(doc)),
    remove: async (collection, keys) => {
      if (!start.isLive) throw new GatepostError('GP_STORE_UNAVAILABLE', start.whyNot())
      if (keys.length === 0) return
      try {
        await running.track(removeKeys(writes(''), collection, keys, maps.of(collection)))
      } catch (cause) {
        throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause })
      }
    },
    timeMs: async () => await asking(async () => await serverTimeMs(link.db, now)),
    status: () => ({ kind: 'mongodb', reachable: start.isLive && link.hasServer, missing: start.missing(), refusesWrites: fullShards.areSeen() ? 'MongoDB refuses writes for want of room' : undefined, notes: start.notes() }),
    close: () => {
      closing ??= end()
      return closing
    }
  }
}

/** Tells this write from others of the same document (mongodb-insert.ts). */
const newToken = (): string => randomBytes(9).toString('base64url')
