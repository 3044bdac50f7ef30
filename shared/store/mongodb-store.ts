/**
 * The store's port on MongoDB: a mongos, a replica set, one server, or what speaks its protocol. Every command names
 * its keys or key ranges; questions of one turn of the loop go out together, because a command costs the driver
 * more than what it carries. Writes: majority and journaled; reads: what a majority has, from the primary.
 */
import { randomBytes } from 'node:crypto'
import { ReadConcern, type Db, type Document, type MongoClient } from 'mongodb'
import { GatepostError } from '../contract/errors.js'
import { configReaderOf, createShardMaps } from './mongodb-chunks.js'
import { createClient, hello, isMongos, serverTimeMs, watchHeartbeats } from './mongodb-connection.js'
import { createDeadline, majorityMs, serverLimit } from './mongodb-deadline.js'
import { fromBson, hasOwnId, identityFields, toBson, type BsonDoc } from './mongodb-document.js'
import { tellsOfMovedChunks } from './mongodb-errors.js'
import { createFullShards } from './mongodb-full.js'
import { prepareIndexes } from './mongodb-indexes.js'
import { insertChains, type MongodbWrites, type WriteReply } from './mongodb-insert.js'
import { createLastsReader } from './mongodb-lasts.js'
import { checkMigration, UnfinishedMigrationError } from './mongodb-migration.js'
import { createReader } from './mongodb-read.js'
import { removeKeys } from './mongodb-remove.js'
import { replaceDocs, type ReplaceRequest } from './mongodb-replace.js'
import { isSpread, requireShards, shardCollections, shardingAdminOf, type ShardingAdmin } from './mongodb-sharding.js'
import { shardOf } from './shard-map.js'
import { collectionNames, type ChainOutcome, type CollectionName, type Collections, type KeyRange, type ReplaceOutcome, type Store } from './store.js'
import { createBatcher } from './batcher.js'

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

const retryPauseMs = 2000
/** What could not be prepared (a right that is missing, a cluster without shards yet) is tried again so often. */
const prepareAgainMs = 300_000
/** Majority may be lost for a while: then the write is told as unknown rather than waited for without end. */
const writeConcern = { w: 'majority', j: true, wtimeout: majorityMs }
const keysInCommand = 1000
const chainsInGroup = 1000

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
  let state: 'starting' | 'live' | 'closed' = 'starting'
  let hasServer = false
  let hasFailed = false
  /** A migration into it is not finished. */
  let isHalf = false
  let { client, db, watch } = connect()
  let notes: string[] = []
  const running = new Set<Promise<unknown>>()
  /** Not waited for at the end: it can be gone on with at the next start. */
  let preparing: Promise<void> = Promise.resolve()
  let retryTimer: NodeJS.Timeout | undefined

  function connect (): { client: MongoClient, db: Db, watch: { stop: () => void } } {
    const made = createClient(url, { monitorCommands: onCommand !== undefined })
    if (onCommand !== undefined) made.client.on('commandStarted', onCommand)
    made.client.on('topologyDescriptionChanged', ({ newDescription }) => {
      if (made.client !== client) return
      const has = [...newDescription.servers.values()].some(server => server.isWritable)
      if (has !== hasServer && state === 'live') {
        if (has) log.info({ event: 'mongodb-reached' }, 'MongoDB is reachable again')
        else log.warn({ event: 'mongodb-lost' }, 'MongoDB is not reachable; trying on')
      }
      hasServer = has
      maps.refreshSoon()
    })
    return { ...made, watch: watchHeartbeats(made.client, renew) }
  }

  /** What was under way with the old client ends as it would on a broken link. */
  function renew (server: string): void {
    if (state === 'closed') return
    log.warn({ event: 'mongodb-client-renewed', server }, 'the driver waits for a server without end; its client is made anew')
    const [old, { databaseName, readConcern }] = [client, db]
    watch.stop()
    ;({ client, db, watch } = connect())
    if (readConcern !== undefined) db = client.db(databaseName, { readConcern })
    void track(old.close())
    void track(client.connect())
  }

  /** Waits for nothing at the end but lets `close` wait for it. */
  function track<T> (work: Promise<T>): Promise<T> {
    const done = work.then(() => {}, () => {}).finally(() => running.delete(done))
    running.add(done)
    return work
  }

  async function asking<T> (ask: () => Promise<T>): Promise<T> {
    try {
      return await track(ask())
    } catch (cause) {
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read', { cause })
    }
  }

  async function reading<T> (read: () => Promise<T>): Promise<T> {
    if (state !== 'live') throw new GatepostError('GP_STORE_UNAVAILABLE', whyNot())
    return await asking(read)
  }

  const whyNot = (): string => state === 'closed' ? 'the store is closed' : isHalf ? 'a migration into the store is not finished' : 'the store is being prepared'

  const maps = createShardMaps(configReaderOf(() => db), {
    onNote: note => {
      if (note === undefined) log.info({ event: 'mongodb-chunks' }, 'the chunk map can be read again')
      else log.warn({ event: 'mongodb-chunks', note }, 'the chunk map cannot be read')
    }
  })
  const reader = createReader({ db: () => db, mapOf: maps.of })
  const fullShards = createFullShards(log)

  async function runWrite (command: Document): Promise<WriteReply> {
    try {
      return await db.command({ ...command, ...serverLimit, writeConcern }, { readPreference: 'primary' })
    } catch (error) {
      if (tellsOfMovedChunks(error)) maps.refreshSoon()
      // The driver throws for a write concern that was not met; the reply itself tells what was written.
      const reply = error as { name?: string, result?: WriteReply }
      if (reply.name === 'MongoWriteConcernError' && reply.result !== undefined) return reply.result
      throw error
    }
  }

  /** For one call of the store, whose commands go to one shard and share a deadline. */
  function createWrites (shard: string): MongodbWrites {
    const deadline = createDeadline()
    return {
      run: async command => {
        try {
          const reply = await deadline.within(runWrite(command))
          if (command.delete === undefined) fullShards.answered(shard, reply)
          return reply
        } catch (error) {
          fullShards.failed(shard, error)
          throw error
        }
      },
      leftMs: deadline.leftMs,
      identify: async (collection, keys) =>
        new Map((await reader.byKeys(collection, keys, { projection: identityFields, deadline })).map(doc => [doc._id, doc]))
    }
  }

  const byCollection = <T>(make: (collection: CollectionName) => T): Record<CollectionName, T> =>
    Object.fromEntries(collectionNames.map(name => [name, make(name)])) as Record<CollectionName, T>

  const shardOfKey = (collection: CollectionName, key: string | undefined): string => {
    const map = maps.of(collection)
    return map === undefined || key === undefined ? '' : shardOf(map, key)
  }
  const existGroups = byCollection(collection => createBatcher<string, boolean>(keysInCommand, async keys => {
    const found = new Set((await reader.byKeys(collection, keys, { projection: { _id: 1 } })).map(doc => doc._id))
    return keys.map(key => found.has(key))
  }, key => shardOfKey(collection, key)))
  const getGroups = byCollection(collection => createBatcher<string, BsonDoc | undefined>(keysInCommand, async keys => {
    const found = new Map((await reader.byKeys(collection, keys)).map(doc => [doc._id, doc]))
    return keys.map(key => found.get(key))
  }, key => shardOfKey(collection, key)))
  const insertGroups = byCollection(collection => createBatcher<readonly BsonDoc[], ChainOutcome>(chainsInGroup,
    async chains => await insertChains(createWrites(shardOfKey(collection, chains[0]?.[0]?._id)), collection, chains, maps.of(collection)), chain => shardOfKey(collection, chain[0]?._id)))
  const replaceGroups = byCollection(collection => createBatcher<ReplaceRequest, ReplaceOutcome>(chainsInGroup,
    async requests => await replaceDocs(createWrites(shardOfKey(collection, requests[0]?.doc._id)), collection, requests, maps.of(collection)), ({ doc }) => shardOfKey(collection, doc._id)))
  const lastsReader = createLastsReader({ db: () => db, reader, isMongos: async () => isMongos(await hello(db)) })
  const lastGroups = byCollection(collection => createBatcher<KeyRange, BsonDoc | undefined>(keysInCommand, async ranges => await lastsReader.read(collection, ranges), ({ from }) => shardOfKey(collection, from)))

  /**
   * Indexes and, on a mongos, shards. Every step may be done already. Indexes first: making one where chunks are on
   * their way would break off their move.
   */
  async function prepare (sharding: ShardingAdmin | undefined): Promise<void> {
    const found = await prepareIndexes(db, log)
    if (sharding !== undefined) {
      found.push(...await shardCollections(sharding))
      await maps.refresh()
    }
    notes = found
  }

  const allNotes = (): string[] => [...notes, maps.note() ?? []].flat()

  function prepareLater (sharding: ShardingAdmin | undefined, ms = prepareAgainMs): void {
    if (state !== 'live') return
    retryTimer = setTimeout(() => {
      preparing = prepare(sharding).then(() => { if (notes.length > 0) prepareLater(sharding) }, (err: unknown) => {
        if (state !== 'closed') log.warn({ err, event: 'mongodb-unprepared' }, 'MongoDB could not be prepared; trying again in 5 minutes')
        prepareLater(sharding)
      })
    }, ms)
    retryTimer.unref()
  }

  async function start (): Promise<void> {
    try {
      await client.connect()
      const greeting = await hello(db)
      // One server without a replica set has no majority to read from.
      if (!isMongos(greeting) && greeting.setName === undefined) db = client.db(db.databaseName, { readConcern: new ReadConcern('local') })
      const sharding = isMongos(greeting) ? shardingAdminOf(() => db, reader, maps) : undefined
      if (sharding !== undefined) await requireShards(sharding)
      // What an earlier start has done serves at once, and is looked over afterwards.
      const isReady = sharding !== undefined && await isSpread(sharding, maps)
      if (!isReady) await prepare(sharding)
      // After the preparation: one that began meanwhile is seen.
      if (!isMigration) await checkMigration(db, isMongos(greeting))
      if (state !== 'starting') return
      isHalf = false
      state = 'live'
      log.info({ event: 'mongodb-ready', notes: allNotes() }, 'MongoDB is ready')
      if (isReady || notes.length > 0) prepareLater(sharding, isReady ? 0 : prepareAgainMs)
    } catch (err) {
      if (state !== 'starting') return
      hasFailed = true
      const wasHalf = isHalf
      isHalf = err instanceof UnfinishedMigrationError
      if (!isHalf) log.warn({ err, event: 'mongodb-unreachable' }, 'MongoDB could not be reached or prepared; trying again')
      else if (!wasHalf) log.error({ event: 'mongodb-migration' }, 'a migration into this database is not finished, and nothing of it is served until it is: run `gatepost migrate` again, or drop the database to start anew')
      retryTimer = setTimeout(() => { preparing = start() }, retryPauseMs)
    }
  }

  function missing (): string | undefined {
    if (!hasServer && (state !== 'starting' || hasFailed)) return 'not reachable'
    if (state === 'starting' && isHalf) return 'a migration into it is not finished'
    return state === 'starting' ? 'preparing the store' : undefined
  }

  let closing: Promise<void> | undefined

  const store: Store = {
    shardOf: shardOfKey,
    insertChains: async (collection, chains) => {
      if (state !== 'live') return chains.map(() => ({ stored: 0, stopped: 'refused', cause: new Error(whyNot()) }))
      const w = hasOwnId(collection) ? undefined : newToken()
      return await track(insertGroups[collection].ask(chains.map(chain => chain.map(doc => toBson(doc, w)))))
    },
    replace: async (collection, replacements) => {
      if (state !== 'live') return replacements.map(() => 'refused')
      return await track(replaceGroups[collection].ask(replacements.map(({ was, doc }) => ({ was, doc: toBson(doc, newToken()) }))))
    },
    get: async <C extends CollectionName>(collection: C, keys: readonly string[]) =>
      (await reading(async () => await getGroups[collection].ask(keys))).map(doc => doc === undefined ? undefined : fromBson<Collections[C]>(doc)),
    exist: async (collection, keys) => await reading(async () => await existGroups[collection].ask(keys)),
    range: async <C extends CollectionName>(collection: C, range: KeyRange, { limit, reverse = false }: { limit: number, reverse?: boolean }) =>
      (await reading(async () => await reader.range(collection, range, { limit, reverse }))).map(fromBson<Collections[C]>),
    ranges: async <C extends CollectionName>(collection: C, ranges: readonly KeyRange[], { limit }: { limit: number }) =>
      (await reading(async () => await reader.ranges(collection, ranges, limit))).map(fromBson<Collections[C]>),
    lasts: async <C extends CollectionName>(collection: C, ranges: readonly KeyRange[]) =>
      (await reading(async () => await lastGroups[collection].ask(ranges))).map(doc => doc === undefined ? undefined : fromBson<Collections[C]>(doc)),
    remove: async (collection, keys) => {
      if (state !== 'live') throw new GatepostError('GP_STORE_UNAVAILABLE', whyNot())
      if (keys.length === 0) return
      try {
        await track(removeKeys(createWrites(''), collection, keys, maps.of(collection)))
      } catch (cause) {
        throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause })
      }
    },
    timeMs: async () => await asking(async () => await serverTimeMs(db, now)),
    status: () => ({ kind: 'mongodb', reachable: state === 'live' && hasServer, missing: missing(), refusesWrites: fullShards.areSeen() ? 'MongoDB refuses writes for want of room' : undefined, notes: allNotes() }),
    close: () => {
      closing ??= (async () => {
        state = 'closed'
        clearTimeout(retryTimer)
        maps.close()
        watch.stop()
        await Promise.all(running)
        await client.close()
        await preparing
      })()
      return closing
    }
  }
  preparing = start()
  return { store, hasTried: preparing }
}

const newToken = (): string => randomBytes(9).toString('base64url')
