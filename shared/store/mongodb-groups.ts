/**
 * The requests of one turn of the loop, grouped into commands (batcher.ts): one command for each collection and shard, because
 * a command costs the driver more than what it carries.
 */
import { createBatcher, type Batcher } from './batcher.js'
import type { BsonDoc } from './mongodb-document.js'
import { insertChains, type MongodbWrites } from './mongodb-insert.js'
import type { LastsReader } from './mongodb-lasts.js'
import type { MongodbReader } from './mongodb-read.js'
import { replaceDocs, type ReplaceRequest } from './mongodb-replace.js'
import { shareInTurn } from './share-in-turn.js'
import { shardOf, type ShardMap } from './shard-map.js'
import { collectionNames, type ChainOutcome, type CollectionName, type KeyRange, type ReplaceOutcome } from './store.js'

const keysInCommand = 1000
const chainsInGroup = 1000

export interface RangeRequest extends KeyRange { readonly limit: number, readonly reverse: boolean }

/** Of one collection. */
export interface Groups {
  readonly exist: Batcher<string, boolean>
  readonly get: Batcher<string, BsonDoc | undefined>
  readonly range: (request: RangeRequest) => Promise<BsonDoc[]>
  readonly lasts: Batcher<KeyRange, BsonDoc | undefined>
  readonly insert: Batcher<readonly BsonDoc[], ChainOutcome>
  readonly replace: Batcher<ReplaceRequest, ReplaceOutcome>
}

export interface GroupsOptions {
  readonly reader: MongodbReader
  readonly lastsReader: LastsReader
  readonly writes: (shard: string) => MongodbWrites
  readonly mapOf: (collection: CollectionName) => ShardMap | undefined
}

export function createGroups (options: GroupsOptions): Record<CollectionName, Groups> {
  return Object.fromEntries(collectionNames.map(name => [name, groupsOf(name, options)])) as Record<CollectionName, Groups>
}

/** '' where it is not known. */
export function shardOfKey (map: ShardMap | undefined, key: string | undefined): string {
  return map === undefined || key === undefined ? '' : shardOf(map, key)
}

function groupsOf (collection: CollectionName, { reader, lastsReader, writes, mapOf }: GroupsOptions): Groups {
  const shard = (key: string | undefined): string => shardOfKey(mapOf(collection), key)
  return {
    exist: createBatcher<string, boolean>(keysInCommand, async keys => {
      const found = new Set((await reader.byKeys(collection, keys, { projection: { _id: 1 } })).map(doc => doc._id))
      return keys.map(key => found.has(key))
    }, shard),
    get: createBatcher<string, BsonDoc | undefined>(keysInCommand, async keys => {
      const found = new Map((await reader.byKeys(collection, keys)).map(doc => [doc._id, doc]))
      return keys.map(key => found.get(key))
    }, shard),
    // Many users who come back at once are behind by the same announcement.
    range: shareInTurn(({ from, to, limit, reverse }) => `${from}\n\n${to}\n\n${limit} ${reverse}`, async request => await reader.range(collection, request, request)),
    lasts: createBatcher(keysInCommand, async ranges => await lastsReader.read(collection, ranges), ({ from }) => shard(from)),
    insert: createBatcher(chainsInGroup,
      async chains => await insertChains(writes(shard(chains[0]?.[0]?._id)), collection, chains, mapOf(collection)), chain => shard(chain[0]?._id)),
    replace: createBatcher(chainsInGroup,
      async requests => await replaceDocs(writes(shard(requests[0]?.doc._id)), collection, requests, mapOf(collection)), ({ doc }) => shard(doc._id))
  }
}
