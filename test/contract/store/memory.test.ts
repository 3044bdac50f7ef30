/** The store that unit tests rest on does what its port demands, as the other two adapters do. */
import t from 'tap'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { storeContract } from './store-contract.js'

storeContract(t, { purges: true, appendsEach: 40 }, async () => {
  let nowMs: number | undefined
  const store = createMemoryStore({ now: () => nowMs ?? Date.now() })
  return {
    store,
    // It holds its data for as long as the process lives, and is open to all of it.
    reopen: async () => {
      await store.close()
      store.reopen()
      return store
    },
    second: async () => store,
    purge: async at => {
      nowMs = at
      store.purge()
    }
  }
})
