/** A chunk map as a mongos has it in its config database, written into a stand-in that has none; and how mongos targets by it. */
import { randomUUID } from 'node:crypto'
import { MaxKey, MinKey, MongoClient, Timestamp, UUID, type Document } from 'mongodb'
import type { Test } from 'tap'
import { collectionNames, type CollectionName } from '../../shared/store/store.js'

/** Where chunks begin, ascending, and on which shard; the first begins at ''. */
export type Places = ReadonlyArray<readonly [from: string, shard: string]>

export interface ChunkMap {
  /** For one collection. By uuid, as MongoDB 5.0 does it, or by namespace. */
  write: (collection: CollectionName, places: Places, by?: 'uuid' | 'ns') => Promise<void>
  /** Moves the chunk that begins there, as the balancer would. */
  move: (collection: CollectionName, from: string, shard: string) => Promise<void>
}

export async function openChunkMap (t: Test, url: string): Promise<ChunkMap> {
  const client = new MongoClient(url)
  t.teardown(async () => { await client.close() })
  const database = new URL(url).pathname.slice(1)
  const config = client.db('config')
  const current = new Map<CollectionName, Document>()
  let version = 1
  const newVersion = (): Timestamp => new Timestamp({ t: ++version, i: 0 })

  return {
    write: async (collection, places, by = 'uuid') => {
      const ns = `${database}.${collection}`
      const owner = by === 'uuid' ? { uuid: new UUID(randomUUID()) } : { ns }
      const old = current.get(collection)
      if (old !== undefined) await config.collection('chunks').deleteMany(old)
      current.set(collection, owner)
      await config.collection<{ _id: string }>('collections').replaceOne({ _id: ns }, { key: { _id: 1 }, lastmodEpoch: version, ...by === 'uuid' && owner }, { upsert: true })
      await config.collection('chunks').insertMany(places.map(([from, shard], at) => ({
        ...owner, min: { _id: from === '' ? new MinKey() : from }, max: { _id: places[at + 1]?.[0] ?? new MaxKey() }, shard, lastmod: newVersion()
      })))
    },
    move: async (collection, from, shard) => {
      await config.collection('chunks').updateOne({ ...current.get(collection), 'min._id': from }, { $set: { shard, lastmod: newVersion() } })
    }
  }
}

const atOrAfter = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) >= 0

/** Which shards mongos sends a command to. The upper end of a range counts as inclusive, whatever the operator (SERVER-20768). */
export function shardsOfCommand (places: Places, command: Document): Set<string> {
  const shards = new Set<string>()
  const reach = (from: string, to: string): void => {
    for (const [at, [begin, shard]] of places.entries()) {
      const end = places[at + 1]?.[0]
      if (atOrAfter(to, begin) && (end === undefined || !atOrAfter(from, end))) shards.add(shard)
    }
  }
  const byFilter = (filter: Document): void => {
    if (filter.$or !== undefined) { (filter.$or as Document[]).forEach(byFilter); return }
    const id = filter._id as string | { $in?: string[], $gte?: string, $lt?: string, $lte?: string }
    if (typeof id === 'string') reach(id, id)
    else if (id.$in !== undefined) for (const key of id.$in) reach(key, key)
    else reach(id.$gte ?? '', id.$lt ?? id.$lte ?? '\u{10ffff}')
  }
  if (command.find !== undefined) byFilter(command.filter as Document)
  if (command.aggregate !== undefined) byFilter((command.pipeline as Document[])[0]?.$match as Document)
  for (const doc of (command.documents ?? []) as Document[]) byFilter(doc)
  for (const { q } of [...(command.updates ?? []) as Document[], ...(command.deletes ?? []) as Document[]]) byFilter(q as Document)
  return shards
}

/** 16 chunks, by turns on two shards. */
export const evenPlaces: Places = Array.from({ length: 16 }, (_, at) => [at === 0 ? '' : `${at.toString(16)}000`, at % 2 === 0 ? 'shard-a' : 'shard-b'] as const)

export async function writeEvenPlaces (map: ChunkMap): Promise<void> {
  for (const name of collectionNames) await map.write(name, evenPlaces)
}
