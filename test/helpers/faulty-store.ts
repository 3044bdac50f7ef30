/** A store as one node reaches it: a test says which commands fail, and all of them do while it is away. */
import { GatepostError } from '../../shared/errors.js'
import type { Store } from '../../shared/store/store.js'

export interface FaultyStore extends Store {
  isAway: boolean
  /** Asked before each command; true: it fails. */
  fails: () => boolean
}

export function createFaultyStore (store: Store): FaultyStore {
  const isFailing = (): boolean => faulty.isAway || faulty.fails()
  const reading = <A extends unknown[], T>(read: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
    if (isFailing()) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the test took the store away')
    return await read(...args)
  }
  const faulty: FaultyStore = {
    ...store,
    isAway: false,
    fails: () => false,
    insertChains: async (collection, chains) => isFailing() ? chains.map(() => ({ stored: 0, stopped: 'refused' })) : await store.insertChains(collection, chains),
    replace: async (collection, replacements) => isFailing() ? replacements.map(() => 'refused') : await store.replace(collection, replacements),
    get: reading(store.get) as Store['get'],
    exist: reading(store.exist),
    range: reading(store.range) as Store['range'],
    ranges: reading(store.ranges) as Store['ranges'],
    lasts: reading(store.lasts) as Store['lasts'],
    remove: reading(store.remove),
    close: async () => {}
  }
  return faulty
}
