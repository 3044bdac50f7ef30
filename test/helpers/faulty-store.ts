/** A store as one node reaches it: a test says which commands fail, and all of them do while it is away. */
import { GatepostError } from '../../shared/contract/errors.js'
import type { Store } from '../../shared/store/store.js'

export interface FaultyStore extends Store {
  isAway: boolean
  /** Asked before each command; true: it fails. */
  fails: () => boolean
}

export function createFaultyStore (store: Store): FaultyStore {
  const isFailing = (): boolean => faulty.isAway || faulty.fails()
  const check = (): void => { if (isFailing()) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the test took the store away') }
  const faulty: FaultyStore = {
    ...store,
    isAway: false,
    fails: () => false,
    status: () => ({ ...store.status(), ...faulty.isAway && { reachable: false } }),
    insertChains: async (collection, chains) => isFailing() ? chains.map(() => ({ stored: 0, stopped: 'refused' })) : await store.insertChains(collection, chains),
    ...store.insertClaimed !== undefined && { insertClaimed: async (chains, claims) => isFailing() ? chains.map(() => ({ stored: 0, stopped: 'refused' })) : await store.insertClaimed!(chains, claims) },
    replace: async (collection, replacements) => isFailing() ? replacements.map(() => 'refused') : await store.replace(collection, replacements),
    get: async (collection, keys) => { check(); return await store.get(collection, keys) },
    exist: async (collection, keys) => { check(); return await store.exist(collection, keys) },
    range: async (collection, range, options) => { check(); return await store.range(collection, range, options) },
    ranges: async (collection, ranges, options) => { check(); return await store.ranges(collection, ranges, options) },
    lasts: async (collection, ranges) => { check(); return await store.lasts(collection, ranges) },
    remove: async (collection, keys) => { check(); await store.remove(collection, keys) },
    close: async () => {}
  }
  return faulty
}
