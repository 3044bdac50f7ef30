import type { Test } from 'tap'
import { openMongodbStore } from '../../shared/store/mongodb-store.js'
import type { Store } from '../../shared/store/store.js'

/** What tests of the MongoDB store share. */
export const silentLog = { info: (): void => {}, warn: (): void => {}, error: (): void => {} }

interface ContractedStore { readonly store: Store, readonly second: () => Promise<Store>, readonly reopen: () => Promise<Store> }

/** A store as the contract takes it; all that it opens ends with the test. */
export async function openForContract (t: Test, options: Pick<Parameters<typeof openMongodbStore>[0], 'url'>): Promise<ContractedStore> {
  const open = async (): Promise<Store> => {
    const opened = await openMongodbStore({ ...options, log: silentLog })
    t.teardown(async () => { await opened.close() })
    return opened
  }
  let store = await open()
  return {
    store,
    second: open,
    reopen: async () => {
      await store.close()
      store = await open()
      return store
    }
  }
}
