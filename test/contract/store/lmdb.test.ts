import t from 'tap'
import { openTestLmdb, tempDir } from '../../helpers/lmdb-store.js'
import { storeContract } from './store-contract.js'

storeContract(t, { purges: true, appendsEach: 40 }, async t => {
  const dir = tempDir(t)
  let nowMs: number | undefined
  const open = async (): ReturnType<typeof openTestLmdb> => await openTestLmdb(t, { dir, now: () => nowMs ?? Date.now() })
  let store = await open()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await open()
      return store
    },
    purge: async at => {
      nowMs = at
      await store.sweep()
    }
  }
})
