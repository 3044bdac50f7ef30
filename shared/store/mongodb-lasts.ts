/**
 * The last documents of many ranges. Where all data is on one server or replica set they go out as one aggregation,
 * one `$unionWith` for each range. Not on a mongos: there MongoDB promises that a `find` by shard key range goes to
 * its shard alone, but not where the inner pipelines of a `$unionWith` go; a `find` for each range it is, all at
 * once, as on servers that do not know the stage.
 */
import type { Db, Document } from 'mongodb'
import { commandMs, serverLimit, within } from './mongodb-deadline.js'
import type { BsonDoc } from './mongodb-document.js'
import type { MongodbReader } from './mongodb-read.js'
import { isEmptyRange } from './key-order.js'
import type { CollectionName, KeyRange } from './store.js'

/** MongoDB takes at most 1,000 stages in all, 200 on small servers; each range has three. */
const rangesInPipeline = 50
/** Well below the driver's 100 connections, which others need too. */
const findsAtOnce = 25
/** CommandNotFound, CommandNotSupported, NotImplemented, unrecognized stage. */
const unknownStageCodes = new Set([59, 115, 238, 40324])

export interface LastsReader {
  read: (collection: CollectionName, ranges: readonly KeyRange[]) => Promise<Array<BsonDoc | undefined>>
}

export function createLastsReader ({ db, reader, isMongos }: { db: () => Db, reader: MongodbReader, isMongos: () => Promise<boolean> }): LastsReader {
  let canUnite: boolean | undefined

  const last = async (collection: CollectionName, range: KeyRange): Promise<BsonDoc | undefined> =>
    (await reader.range(collection, range, { limit: 1, reverse: true }))[0]

  async function united (collection: CollectionName, ranges: readonly KeyRange[]): Promise<Array<BsonDoc | undefined>> {
    // `at` tells which range a document answers: two of the ranges may overlap.
    const stages = ranges.map(({ from, to }, at): Document[] => [
      { $match: { _id: { $gte: from, $lt: to } } }, { $sort: { _id: -1 } }, { $limit: 1 }, { $project: { doc: '$$ROOT', at: { $literal: at } } }
    ])
    const [first = [], ...others] = stages
    const pipeline = [...first, ...others.map(inner => ({ $unionWith: { coll: collection, pipeline: inner } }))]
    const answers = new Array<BsonDoc | undefined>(ranges.length).fill(undefined)
    const found = await within(commandMs, db().collection(collection).aggregate<{ doc: BsonDoc, at: number }>(pipeline, serverLimit).toArray())
    for (const { doc, at } of found) answers[at] = doc
    return answers
  }

  async function readPart (collection: CollectionName, ranges: readonly KeyRange[]): Promise<Array<BsonDoc | undefined>> {
    if (ranges.length > 1) {
      canUnite ??= !await isMongos()
      if (canUnite) {
        try {
          return await united(collection, ranges)
        } catch (error) {
          if (!unknownStageCodes.has((error as { code?: number }).code ?? 0)) throw error
          canUnite = false
        }
      }
    }
    const answers: Array<BsonDoc | undefined> = []
    for (let from = 0; from < ranges.length; from += findsAtOnce) {
      answers.push(...await Promise.all(ranges.slice(from, from + findsAtOnce).map(async range => await last(collection, range))))
    }
    return answers
  }

  return {
    read: async (collection, ranges) => {
      const asked = ranges.flatMap((range, at) => isEmptyRange(range) ? [] : [{ range, at }])
      const answers = new Array<BsonDoc | undefined>(ranges.length).fill(undefined)
      const parts: Array<typeof asked> = []
      for (let from = 0; from < asked.length; from += rangesInPipeline) parts.push(asked.slice(from, from + rangesInPipeline))
      await Promise.all(parts.map(async part => {
        const found = await readPart(collection, part.map(one => one.range))
        for (const [index, doc] of found.entries()) answers[part[index]?.at ?? -1] = doc
      }))
      return answers
    }
  }
}
