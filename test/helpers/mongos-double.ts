/**
 * A mongos with two shards, on its wire, for machines that have none: it keeps chunks as the named version does, answers
 * administration with that version's own documents (errors without a code among them), does one migration at a time, and counts
 * which shards each command goes to as `serverStatus` of a mongos does. Documents are in memory (mongos-data.ts).
 * Forms and texts: mongodb/mongo, src/mongo/s/commands and src/mongo/db/s, branches v4.4, v5.0 and v8.0.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { MaxKey, MinKey, ObjectId, Timestamp, UUID, type Document } from 'mongodb'
import type { Test } from 'tap'
import { shardOfKey, shardsOfCommand, type Places } from './chunk-map.js'
import { createMongosData, cursorOf, projected } from './mongos-data.js'
import { listenAsMongodb, type WireAnswer } from './mongodb-wire.js'

export type MongosVersion = '4.4' | '5.0' | '8.0'
export const mongosVersions: readonly MongosVersion[] = ['4.4', '5.0', '8.0']
const wireVersions: Record<MongosVersion, number> = { 4.4: 9, '5.0': 13, '8.0': 25 }
const shardNames = ['shard-a', 'shard-b'] as const
/** Where what is not sharded lies. */
const primaryShard = 'shard-b'

interface Chunk { min: string, shard: string, lastmod: Timestamp }
interface Sharded { readonly uuid: UUID, readonly epoch: ObjectId, readonly timestamp: Timestamp, readonly key: Document, chunks: Chunk[], newest: number }

export interface MongosDouble {
  readonly url: string
  readonly database: string
  /** Every command but greetings, in the order in which they came. */
  readonly commands: Document[]
  /** What it does wrong, on demand. */
  readonly faults: {
    /** An answer instead of its own. */
    answer?: ((name: string, command: Document) => WireAnswer | undefined | Promise<WireAnswer | undefined>) | undefined
    /** Shards whose disk is full. */
    readonly full: Set<string>
    /** Shards that are away: mongos says so, or waits for them. */
    readonly away: Map<string, 'refuses' | 'silent'>
    /** config.chunks shows nothing. */
    hidesChunks: boolean
  }
  readonly placesOf: (collection: string) => Places
  /** The collection is sharded, with these chunks. */
  readonly place: (collection: string, places: Places) => void
  /** Moves the chunk that begins there, as the balancer would. */
  readonly move: (collection: string, from: string, shard: string) => void
}

export interface MongosOptions {
  readonly version: MongosVersion
  /** How long steps of administration take, in ms. */
  readonly stepMs?: number
  readonly database?: string
}

const refusal = (code: number | undefined, codeName: string | undefined, errmsg: string): Document => ({ ok: 0, errmsg, ...code !== undefined && { code, codeName } })
const bound = (key: string): MinKey | string => key === '' ? new MinKey() : key

export async function startMongosDouble (t: Test, { version, stepMs = 5, database = 'gatepost_test' }: MongosOptions): Promise<MongosDouble> {
  const data = createMongosData()
  const sharded = new Map<string, Sharded>()
  const enabled = new Set<string>()
  const withTtl = new Set<string>()
  const building = new Set<string>()
  const commands: Document[] = []
  const targeted = Object.fromEntries(['find', 'insert', 'update', 'delete', 'aggregate'].map(name => [name, { allShards: 0, manyShards: 0, oneShard: 0, unsharded: 0 }]))
  const faults: MongosDouble['faults'] = { full: new Set(), away: new Map(), hidesChunks: false }
  /** Both shards take part in each, so there is one at most. */
  let migration: { ns: string, key: string, to: string, done: Promise<void> } | undefined
  let clock = 1
  const step = async (times = 1): Promise<void> => { await pause(stepMs * times) }

  const newSharded = (key: Document): Sharded => ({ uuid: new UUID(), epoch: new ObjectId(), timestamp: new Timestamp({ t: ++clock, i: 1 }), key, chunks: [], newest: 1 })
  const nextVersion = (of: Sharded): Timestamp => new Timestamp({ t: ++of.newest, i: 0 })
  const placesOf = (ns: string): Places => sharded.get(ns)?.chunks.map(({ min, shard }) => [min, shard] as const) ?? [['', primaryShard]]
  const chunkAt = (of: Sharded, key: string): Chunk => of.chunks.findLast(({ min }) => Buffer.compare(Buffer.from(min), Buffer.from(key)) <= 0) as Chunk
  const maxOf = (of: Sharded, chunk: Chunk): MaxKey | string => of.chunks[of.chunks.indexOf(chunk) + 1]?.min ?? new MaxKey()
  const shown = (key: MinKey | MaxKey | string): string => typeof key === 'string' ? `{ _id: "${key}" }` : `{ _id: ${key._bsontype} }`

  function place (ns: string, places: Places): void {
    const entry = newSharded({ _id: 1 })
    entry.chunks = places.map(([min, shard]) => ({ min, shard, lastmod: nextVersion(entry) }))
    sharded.set(ns, entry)
    data.create(ns)
  }

  const configCollection = (ns: string): Document | undefined => {
    const entry = sharded.get(ns)
    if (entry === undefined) {
      // From 8.0 on it may list what is not sharded too.
      return version === '8.0' && data.namespaces().includes(ns) ? { _id: ns, unsplittable: true, key: { _id: 1 }, uuid: new UUID(), lastmodEpoch: new ObjectId() } : undefined
    }
    const { uuid, epoch: lastmodEpoch, timestamp, key } = entry
    return version === '4.4'
      ? { _id: ns, lastmodEpoch, lastmod: new Date(4294967296), dropped: false, key, unique: false, uuid, distributionMode: 'sharded' }
      : { _id: ns, lastmodEpoch, lastmod: new Date(), timestamp, uuid, key, unique: false, noBalance: false }
  }

  const configChunks = (): Document[] => faults.hidesChunks
    ? []
    : [...sharded].flatMap(([ns, entry]) => entry.chunks.map(chunk => ({
        _id: new ObjectId(), ...version === '4.4' ? { ns, lastmodEpoch: entry.epoch } : { uuid: entry.uuid }, min: { _id: bound(chunk.min) }, max: { _id: maxOf(entry, chunk) }, shard: chunk.shard, lastmod: chunk.lastmod, history: []
      })))

  function findConfig (name: string, { filter, sort, limit, projection }: Document): Document {
    const { _id, ns, uuid, lastmod } = filter as { _id?: string, ns?: string, uuid?: UUID, lastmod?: { $gte: Timestamp } }
    if (name === 'collections') return cursorOf('config.collections', [configCollection(_id ?? '')].flatMap(entry => entry ?? []))
    if (name !== 'chunks') return cursorOf(`config.${name}`, [])
    const found = configChunks().filter(chunk => (ns === undefined || chunk.ns === ns) && (uuid === undefined || (chunk.uuid as UUID | undefined)?.equals(uuid) === true) &&
      (lastmod === undefined || (chunk.lastmod as Timestamp).greaterThanOrEqual(lastmod.$gte)))
    if ((sort as Document | undefined)?.lastmod === -1) found.sort((a, b) => (b.lastmod as Timestamp).compare(a.lastmod as Timestamp))
    return cursorOf('config.chunks', found.slice(0, (limit as number | undefined) || undefined).map(chunk => projected(chunk, projection as Document | undefined)))
  }

  const admin: Record<string, (command: Document) => Document | Promise<Document>> = {
    listShards: () => ({ shards: shardNames.map(name => ({ _id: name, host: `${name}/127.0.0.1:1`, state: 1 })), ok: 1 }),
    enableSharding: async command => {
      await step()
      enabled.add(command.enableSharding as string)
      return { ok: 1 }
    },
    shardCollection: async command => {
      const ns = command.shardCollection as string
      await step(4)
      if (version !== '8.0' && !enabled.has(ns.slice(0, ns.indexOf('.')))) return refusal(20, 'IllegalOperation', `sharding not enabled for db ${ns.slice(0, ns.indexOf('.'))}`)
      const there = sharded.get(ns)
      if (there !== undefined && JSON.stringify(there.key) !== JSON.stringify(command.key)) return refusal(23, 'AlreadyInitialized', `sharding already enabled for collection ${ns}`)
      if (there === undefined) {
        const entry = newSharded(command.key as Document)
        entry.chunks = [{ min: '', shard: primaryShard, lastmod: new Timestamp({ t: 1, i: 0 }) }]
        sharded.set(ns, entry)
        data.create(ns)
      }
      return { collectionsharded: ns, ...version === '4.4' && { collectionUUID: sharded.get(ns)?.uuid }, ok: 1 }
    },
    split: async command => {
      const ns = command.split as string
      const entry = sharded.get(ns)
      if (entry === undefined) return refusal(118, 'NamespaceNotSharded', `${ns} is not sharded`)
      const { _id: key } = command.middle as { _id: string }
      const chunk = chunkAt(entry, key)
      const max = maxOf(entry, chunk)
      // As a mongos says it: without a code.
      if (chunk.min === key || max === key) return refusal(undefined, undefined, `new split key { _id: "${key}" } is a boundary key of existing chunk [${shown(bound(chunk.min))},${shown(max)})`)
      if (migration?.ns === ns) await migration.done
      await step()
      if (!entry.chunks.some(({ min }) => min === key)) {
        const of = chunkAt(entry, key)
        entry.chunks.splice(entry.chunks.indexOf(of) + 1, 0, { min: key, shard: of.shard, lastmod: nextVersion(entry) })
        of.lastmod = nextVersion(entry)
      }
      return { ok: 1 }
    },
    moveChunk: async command => {
      const ns = command.moveChunk as string
      const to = command.to as string
      const entry = sharded.get(ns)
      if (entry === undefined) return refusal(118, 'NamespaceNotSharded', `${ns} is not sharded`)
      if (!shardNames.includes(to as 'shard-a')) return refusal(70, 'ShardNotFound', `Could not find shard ${to}`)
      const chunk = chunkAt(entry, (command.find as { _id: string })._id)
      if (chunk.shard === to) return { millis: 1, ok: 1 }
      if (migration !== undefined) {
        if (migration.ns !== ns || migration.key !== chunk.min || migration.to !== to) {
          return refusal(117, 'ConflictingOperationInProgress', `Unable to start new balancer operation because this shard is currently donating chunk ${shown(bound(migration.key))} for namespace ${migration.ns} to ${migration.to}`)
        }
        await migration.done
        return { millis: 1, ok: 1 }
      }
      const done = step(6)
      migration = { ns, key: chunk.min, to, done }
      await done
      migration = undefined
      Object.assign(chunk, { shard: to, lastmod: nextVersion(entry) })
      return { millis: 6 * stepMs, ok: 1 }
    },
    serverStatus: () => ({ shardingStatistics: { numHostsTargeted: targeted }, ok: 1 }),
    buildInfo: () => ({ version: `${version}.6`, ok: 1 })
  }

  async function createIndexes (ns: string): Promise<Document> {
    if (building.has(ns)) return refusal(276, 'IndexBuildAlreadyInProgress', `Index build on ${ns} is already in progress`)
    building.add(ns)
    await step()
    building.delete(ns)
    data.create(ns)
    withTtl.add(ns)
    return { raw: {}, ok: 1 }
  }

  const listIndexes = (ns: string): Document => data.namespaces().includes(ns)
    ? cursorOf(ns, [{ v: 2, key: { _id: 1 }, name: '_id_' }, ...withTtl.has(ns) ? [{ v: 2, key: { purgeAt: 1 }, name: 'purgeAt', expireAfterSeconds: 0 }] : []])
    : refusal(26, 'NamespaceNotFound', `ns does not exist: ${ns}`)

  function count (name: string, ns: string, command: Document): void {
    const counts = targeted[name]
    if (counts === undefined) return
    const { size } = shardsOfCommand(placesOf(ns), command)
    counts[!sharded.has(ns) ? 'unsharded' : size <= 1 ? 'oneShard' : size === shardNames.length ? 'allShards' : 'manyShards']++
  }

  const awayError = (shard: string): { code: number, codeName: string, errmsg: string } =>
    ({ code: 133, codeName: 'FailedToSatisfyReadPreference', errmsg: `Could not find host matching read preference { mode: "primary" } for set ${shard}` })

  /** Answers for a command that goes to a shard that is away; a write says so for each document (serveData). */
  async function answerAway (name: string, ns: string, command: Document): Promise<Document | undefined> {
    const reached = [...shardsOfCommand(placesOf(ns), command)]
    while (reached.some(shard => faults.away.get(shard) === 'silent')) await pause(20)
    const away = reached.find(shard => faults.away.has(shard))
    return away !== undefined && name === 'find' ? { ok: 0, ...awayError(away) } : undefined
  }

  function serveData (name: string, ns: string, command: Document): Document {
    count(name, ns, command)
    const refuse = (key: string): Document | undefined => faults.away.has(shardOfKey(placesOf(ns), key)) ? awayError(shardOfKey(placesOf(ns), key)) : faults.full.has(shardOfKey(placesOf(ns), key)) ? { code: 14031, errmsg: 'no space left on device' } : undefined
    switch (name) {
      case 'find': return data.find(ns, command)
      case 'insert': return data.insert(ns, command, refuse)
      case 'update': return data.update(ns, command, refuse)
      case 'delete': return data.remove(ns, command)
      case 'listIndexes': return listIndexes(ns)
      default: return refusal(59, 'CommandNotFound', `no such command: '${name}'`)
    }
  }

  const greeting = (): Document => ({
    isWritablePrimary: true, ismaster: true, helloOk: true, msg: 'isdbgrid', maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000,
    localTime: new Date(), logicalSessionTimeoutMinutes: 30, connectionId: 1, minWireVersion: 0, maxWireVersion: wireVersions[version], ok: 1
  })

  async function answer (command: Document): Promise<WireAnswer> {
    const name = Object.keys(command)[0] ?? ''
    if (['hello', 'isMaster', 'ismaster'].includes(name)) return await faults.answer?.(name, command) ?? greeting()
    if (name === 'endSessions' || name === 'ping') return { ok: 1 }
    commands.push(command)
    const given = await faults.answer?.(name, command)
    if (given !== undefined) return given
    const db = command.$db as string
    if (db === 'admin') return await admin[name]?.(command) ?? refusal(59, 'CommandNotFound', `no such command: '${name}'`)
    if (db === 'config') return findConfig(command[name] as string, command)
    if (name === 'listCollections') return cursorOf(`${db}.$cmd.listCollections`, data.namespaces().filter(ns => ns.startsWith(`${db}.`)).map(ns => ({ name: ns.slice(db.length + 1), type: 'collection' })))
    if (name === 'dropDatabase') {
      data.drop(db)
      for (const ns of [...sharded.keys()]) if (ns.startsWith(`${db}.`)) sharded.delete(ns)
      return { ok: 1 }
    }
    const ns = `${db}.${command[name] as string}`
    if (name === 'drop') {
      data.dropOne(ns)
      sharded.delete(ns)
      return { ok: 1 }
    }
    return name === 'createIndexes' ? await createIndexes(ns) : await answerAway(name, ns, command) ?? serveData(name, ns, command)
  }

  const port = await listenAsMongodb(t, answer)
  return {
    url: `mongodb://127.0.0.1:${port}/${database}`,
    database,
    commands,
    faults,
    placesOf: collection => placesOf(`${database}.${collection}`),
    place: (collection, places) => { place(`${database}.${collection}`, places) },
    move: (collection, from, shard) => {
      const entry = sharded.get(`${database}.${collection}`)
      if (entry !== undefined) Object.assign(chunkAt(entry, from), { shard, lastmod: nextVersion(entry) })
    }
  }
}
