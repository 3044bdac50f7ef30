/** The embedded store that is carried: nobody else has it, and nothing in it changes meanwhile. */
import { createHash } from 'node:crypto'
import { SettingsError } from '../../../shared/platform/settings/fault.js'
import { NoStoreError, openLmdbStore, type LmdbStore } from '../../../shared/store/lmdb-store.js'
import { collectionNames, type CollectionName } from '../../../shared/store/store.js'
import { faultOfStart } from '../start-faults.js'

export interface Source {
  readonly store: LmdbStore
  readonly counts: Readonly<Record<CollectionName, number>>
  readonly total: number
  /** Another one for another store, and for this one once it was written to. */
  readonly fingerprint: string
  /** By how much its time to delete by is behind this machine's clock, in ms; it waits then. */
  readonly purgesLateMs: number
}

/** Throws SettingsError, naming `setting`, for a folder that cannot be used. */
export async function openSource (dir: string, setting: string): Promise<Source> {
  let store: LmdbStore
  try {
    store = await openLmdbStore({ dir, mustExist: true, sweepIntervalMs: 0 })
  } catch (error) {
    if (error instanceof NoStoreError) throw new SettingsError([{ setting, origin: undefined, got: `${JSON.stringify(dir)}, which holds no store`, takes: 'the data folder of a `gatepost up` that has stored something: the one with `store` and `lock` in it' }])
    const fault = faultOfStart(error)
    throw fault === undefined ? error as Error : new SettingsError([{ ...fault, setting }])
  }
  const counts = store.counts()
  const total = collectionNames.reduce((sum, name) => sum + counts[name], 0)
  const ends = await Promise.all(collectionNames.flatMap(name => [false, true].map(async reverse => await store.range(name, { from: '0', to: 'g' }, { limit: 1, reverse }))))
  const fingerprint = createHash('sha256').update(JSON.stringify([store.lastTransaction(), counts, ends])).digest('base64url')
  return { store, counts, total, fingerprint, purgesLateMs: Date.now() - (store.purgesByMs?.() ?? Date.now()) }
}
