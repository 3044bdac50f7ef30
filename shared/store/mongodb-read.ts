/** Reads of the MongoDB store. Each command names its keys or key ranges, and where the chunk map is known, those of one shard. */
import type { Db, Document } from 'mongodb'
import { commandMs, createDeadline, serverLimit, type Deadline } from './mongodb-deadline.js'
import type { BsonDoc } from './mongodb-document.js'
import { cutRange, groupByShard, type RangePiece, type ShardMap } from './shard-map.js'
import { compareKeys, sortRanges } from './key-order.js'
import type { CollectionName, KeyRange } from './store.js'

const rangesInCommand = 200

export interface MongodbReader {
  /** In no order; absent ones are missing. */
  readonly byKeys: (collection: CollectionName, keys: readonly string[], options?: { projection?: Document, deadline?: Deadline }) => Promise<BsonDoc[]>
  readonly range: (collection: CollectionName, range: KeyRange, options: { limit: number, reverse: boolean, projection?: Document }) => Promise<BsonDoc[]>
  readonly ranges: (collection: CollectionName, ranges: readonly KeyRange[], limit: number) => Promise<BsonDoc[]>
}

export const pieceFilter = ({ from, to, includesTo }: RangePiece): Document => ({ _id: includesTo ? { $gte: from, $lte: to } : { $gte: from, $lt: to } })

export function createReader ({ db, mapOf }: { db: () => Db, mapOf: (collection: CollectionName) => ShardMap | undefined }): MongodbReader {
  async function find (collection: CollectionName, filter: Document, { limit, projection, sort, deadline = createDeadline(commandMs) }: {
    limit: number, projection?: Document | undefined, sort?: 1 | -1, deadline?: Deadline | undefined
  }): Promise<BsonDoc[]> {
    return await deadline.within(db().collection<BsonDoc>(collection).find(filter, {
      limit, batchSize: limit + 1, ...serverLimit, ...projection !== undefined && { projection }, ...sort !== undefined && { sort: { _id: sort } }
    }).toArray())
  }

  return {
    byKeys: async (collection, keys, { projection, deadline } = {}) => {
      const groups = groupByShard(mapOf(collection), [...new Set(keys)], key => key)
      return (await Promise.all(groups.map(async group => await find(collection, { _id: { $in: group } }, { limit: group.length, projection, deadline })))).flat()
    },

    // One after the other: mostly the first piece has all. A border within a stream is the key of an entry, so what
    // comes before it is complete: no entry can appear there once the next piece is read.
    range: async (collection, range, { limit, reverse, projection }) => {
      const pieces = limit <= 0 ? [] : cutRange(mapOf(collection), range)
      if (reverse) pieces.reverse()
      const found: BsonDoc[] = []
      for (const piece of pieces) {
        if (found.length >= limit) break
        found.push(...await find(collection, pieceFilter(piece), { limit: limit - found.length, sort: reverse ? -1 : 1, projection }))
      }
      return found
    },

    // All shards at once, as mongos does it: the first `limit` of all are among the first `limit` of each.
    ranges: async (collection, ranges, limit) => {
      if (limit <= 0) return []
      const map = mapOf(collection)
      const pieces = sortRanges(ranges).flatMap(range => cutRange(map, range))
      const groups = groupByShard(map, pieces, piece => piece.from)
      const found = await Promise.all(groups.map(async group => {
        const docs: BsonDoc[] = []
        for (let at = 0; at < group.length && docs.length < limit; at += rangesInCommand) {
          const filters = group.slice(at, at + rangesInCommand).map(pieceFilter)
          docs.push(...await find(collection, filters.length === 1 ? filters[0] ?? {} : { $or: filters }, { limit: limit - docs.length, sort: 1 }))
        }
        return docs
      }))
      return found.length === 1 ? found[0] ?? [] : found.flat().sort((a, b) => compareKeys(a._id, b._id)).slice(0, limit)
    }
  }
}
