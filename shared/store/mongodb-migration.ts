/**
 * A migration into this database (services/cli/migrate). The collection `migration` is there from before the first document is
 * carried until all are there and were compared, and holds one record of how far it came. While it is there no node serves
 * (mongodb-store.ts): a store that was carried in part is never taken for a whole one.
 *
 * On a mongos it is sharded like the others, so that the config servers alone tell of it: a shard that is away neither hides it nor keeps
 * a node from serving what lies on the others.
 */
import type { Collection, Db } from 'mongodb'
import { checkForm, currentForm } from '../contract/form.js'
import { configReaderOf, isSharded } from './mongodb-chunks.js'
import { createClient, hello, isMongos } from './mongodb-connection.js'
import { commandMs, within } from './mongodb-deadline.js'
import { isAnswer } from './mongodb-errors.js'
import { shardKeyOf, shardOne } from './mongodb-sharding.js'
import { collectionNames } from './store.js'

/** What no node serves: it would show a part of what there is, and number anew what is still to come. */
export class UnfinishedMigrationError extends Error {
  constructor () {
    super('a migration into this database is not finished')
    this.name = 'UnfinishedMigrationError'
  }
}

/** How far a piece of a collection was carried. */
export interface PieceRecord { /** The last key that is there; '' before the first. */ readonly after: string, /** Documents that are there. */ readonly carried: number }

export interface MigrationRecord {
  /** Absent = 1. */
  readonly form?: number
  /** Tells one source from another, and from itself after it was written to. */
  readonly source: string
  readonly startedAt: Date
  /** By the name of the piece (services/cli/migrate/pieces.ts). */
  readonly pieces: Readonly<Record<string, PieceRecord>>
}

export interface MigrationTarget {
  /** The record of an unfinished migration. Throws GP_STORE_UNAVAILABLE for one of a newer form. */
  read: () => Promise<MigrationRecord | undefined>
  /** No document is in any collection of the store. */
  isEmpty: () => Promise<boolean>
  /** From here on no node serves. Durable when it resolves; so is `save`. */
  begin: (record: MigrationRecord) => Promise<void>
  save: (record: MigrationRecord) => Promise<void>
  /** All is there: nodes may serve. */
  end: () => Promise<void>
  close: () => Promise<void>
}

const name = 'migration'
const recordId = 'lmdb'
type RecordDoc = MigrationRecord & { _id: string }
const durably = { writeConcern: { w: 'majority', j: true } } as const

/** Throws UnfinishedMigrationError. `onMongos`: this is one. */
export async function checkMigration (db: Db, onMongos: boolean): Promise<void> {
  if (await isMigrating(db, onMongos)) throw new UnfinishedMigrationError()
}

export async function isMigrating (db: Db, onMongos: boolean): Promise<boolean> {
  if (onMongos) {
    try {
      // An old answer could hide one that has just begun.
      return isSharded(await configReaderOf(() => db, 'primaryPreferred').collection(name))
    } catch (error) {
      if (!isAnswer(error)) throw error // else: no right to read it
    }
  }
  return await within(commandMs, recordsOf(db).findOne({ _id: recordId }, { projection: { _id: 1 } })) !== null
}

/** One server without a replica set has no majority to read from. */
const local = { readConcern: { level: 'local' } } as const
const recordsOf = (db: Db): Collection<RecordDoc> => db.collection<RecordDoc>(name, local)

/** Throws for a malformed URL; rejects where the server cannot be reached. */
export async function openMigrationTarget (url: string): Promise<MigrationTarget> {
  const { client, db } = createClient(url)
  let onMongos = false
  try {
    await client.connect()
    onMongos = isMongos(await hello(db))
  } catch (error) {
    await client.close()
    throw error
  }
  const put = async (record: MigrationRecord): Promise<void> => {
    await recordsOf(db).replaceOne({ _id: recordId }, { ...record, form: currentForm }, { upsert: true, ...durably })
  }
  return {
    read: async () => {
      const found = await recordsOf(db).findOne({ _id: recordId })
      if (found === null) return undefined
      checkForm('the record of the migration', found.form)
      return found
    },
    isEmpty: async () => {
      for (const collection of collectionNames) {
        if (await db.collection(collection, local).findOne({}, { projection: { _id: 1 } }) !== null) return false
      }
      return true
    },
    begin: async record => {
      if (onMongos) {
        const config = configReaderOf(() => db, 'primary')
        await shardOne({ database: db.databaseName, command: async command => await db.admin().command(command), shardKey: async of => await shardKeyOf(config, of) }, name)
      }
      await put(record)
    },
    save: put,
    end: async () => { await recordsOf(db).drop(durably) },
    close: async () => { await client.close() }
  }
}
