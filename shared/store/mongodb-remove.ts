/** Deletes by one key each: mongos sends a delete of many, were its map newer than ours, to all shards. */
import type { MongodbWrites } from './mongodb-insert.js'
import { groupByShard, type ShardMap } from './shard-map.js'
import type { CollectionName } from './store.js'

const keysInCommand = 1000

/** Rejects where not all could be removed. */
export async function removeKeys (writes: Pick<MongodbWrites, 'run'>, collection: CollectionName, keys: readonly string[], map?: ShardMap): Promise<void> {
  await Promise.all(groupByShard(map, [...new Set(keys)], key => key).map(async group => {
    for (let from = 0; from < group.length; from += keysInCommand) {
      const deletes = group.slice(from, from + keysInCommand).map(key => ({ q: { _id: key }, limit: 1 }))
      const reply = await writes.run({ delete: collection, ordered: false, deletes })
      const fault = reply.writeErrors?.[0] ?? reply.writeConcernError
      if (fault !== undefined) throw new Error('not all could be removed', { cause: fault })
    }
  }))
}
