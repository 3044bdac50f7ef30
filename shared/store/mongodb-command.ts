/** Write commands of the MongoDB store: one call of the store goes to one shard, and its commands share a deadline. */
import type { Db, Document } from 'mongodb'
import { createDeadline, majorityMs, serverLimit } from './mongodb-deadline.js'
import { identityFields } from './mongodb-document.js'
import { tellsOfMovedChunks } from './mongodb-errors.js'
import type { FullShards } from './mongodb-full.js'
import type { MongodbWrites, WriteReply } from './mongodb-insert.js'
import type { MongodbReader } from './mongodb-read.js'

/** Majority may be lost for a while: then the outcome of a write is unknown, and nobody waits for it without end. */
const writeConcern = { w: 'majority', j: true, wtimeout: majorityMs }

export interface WritesOptions {
  readonly db: () => Db
  readonly reader: Pick<MongodbReader, 'byKeys'>
  readonly fullShards: Pick<FullShards, 'answered' | 'failed'>
  readonly onMovedChunks: () => void
}

export function writesOf ({ db, reader, fullShards, onMovedChunks }: WritesOptions): (shard: string) => MongodbWrites {
  async function runWrite (command: Document): Promise<WriteReply> {
    try {
      return await db().command({ ...command, ...serverLimit, writeConcern }, { readPreference: 'primary' })
    } catch (error) {
      if (tellsOfMovedChunks(error)) onMovedChunks()
      // The driver throws for a write concern that was not met; the reply itself tells what was written.
      const reply = error as { name?: string, result?: WriteReply }
      if (reply.name === 'MongoWriteConcernError' && reply.result !== undefined) return reply.result
      throw error
    }
  }

  return shard => {
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
}
