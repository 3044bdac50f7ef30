/** The MongoDB that a store is carried into: whether it can be, and whether it is prepared as a node prepares it. */
import { maxClockOffMs } from '../../../shared/contract/deadlines.js'
import { withoutCredentials } from '../../../shared/platform/settings/fault.js'
import { shardKeyJson } from '../../../shared/store/mongodb-chunks.js'
import { inspectMongodb, type MongodbInspection } from '../../../shared/store/mongodb-inspect.js'
import type { MigrationTarget } from '../../../shared/store/mongodb-migration.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import type { Store } from '../../../shared/store/store.js'
import { isAtLeast, reasonOf } from '../doctor/finding.js'
import { MigrateError } from './migrate-error.js'

export type ReachedMongodb = Extract<MongodbInspection, { reachable: true }>

/** Throws MigrateError where nothing can be carried into it. */
export async function reach (url: string): Promise<ReachedMongodb> {
  const found = await inspectMongodb({ url })
  if (!found.reachable) throw new MigrateError(`MongoDB is not reached: ${withoutCredentials(reasonOf(found.cause))}. Check the address, the login in it, and that the server runs`)
  const { version, kind, shards, clockDifferenceMs } = found
  if (isAtLeast(version, [4, 4]) === false) throw new MigrateError(`MongoDB has version ${version}; use 4.4 or later`)
  if (kind === 'mongos' && shards.length === 0) throw new MigrateError('this mongos shows no shards: add them (sh.addShard), or give the login the role clusterMonitor')
  // No node would be ready, and the server deletes by its own clock.
  if (Math.abs(clockDifferenceMs) > maxClockOffMs) {
    throw new MigrateError(`the clock of MongoDB's server is ${Math.round(Math.abs(clockDifferenceMs) / 1000)} s ${clockDifferenceMs < 0 ? 'behind' : 'ahead of'} this machine's, and it deletes by it: let both be set by NTP`)
  }
  return found
}

/** Whether these two belong together, before anything is written. Resolves with what is unfinished, if anything. */
export async function checkTarget (migration: MigrationTarget, { database }: ReachedMongodb, fingerprint: string): Promise<Awaited<ReturnType<MigrationTarget['read']>>> {
  const record = await migration.read()
  if (record === undefined) {
    if (!await migration.isEmpty()) throw new MigrateError(`the database ${database} is not empty, and no migration into it is unfinished: it holds another store, or this one was carried already (--verify-only compares them). Name another database, or drop this one`)
  } else if (record.source !== fingerprint) {
    throw new MigrateError(`the database ${database} holds a part of another store, or of this one before it was written to again (begun ${record.startedAt.toISOString()}): drop the database and begin anew, or name another one`)
  }
  return record
}

/** Prepared as a node would. Throws MigrateError where that cannot be done. */
export async function openTarget (url: string, onTrouble: (text: string) => void): Promise<Store> {
  const tell = (fields: object, text: string): void => {
    const { err } = fields as { err?: unknown }
    onTrouble(err === undefined ? text : `${text}: ${withoutCredentials(reasonOf(err))}`)
  }
  const store = await openMongodbStore({ url, isMigration: true, log: { info: () => {}, warn: tell, error: tell } })
  try {
    const { reachable, missing = 'not reachable', notes } = store.status()
    if (!reachable) throw new MigrateError(`MongoDB could not be prepared: ${missing}. Start this command again when it can be`)
    const { kind, collections } = await reach(url)
    const unsharded = kind === 'mongos' ? collections.filter(collection => collection.shardKey !== shardKeyJson).map(({ name }) => name) : []
    if (unsharded.length > 0) throw new MigrateError(`${unsharded.join(', ')}: not sharded by { _id: 1 } (${notes.join('; ')}). Give the login the roles clusterManager and clusterMonitor, or shard by hand (docs/operations.md, "Logins and secrets"), then start this command again`)
    for (const note of notes) onTrouble(note)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
