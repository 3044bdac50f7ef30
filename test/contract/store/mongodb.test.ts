import t from 'tap'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { storeContract } from './store-contract.js'

const server = await startMongodbServer(t)
if (server === undefined) {
  t.plan(0, mongodbMissing)
} else {
  const { url, name, version, cannotShow } = server
  t.comment(`against ${name} ${version}; cannot show: ${cannotShow.join(', ')}`)
  storeContract(t, { purges: false, ordersBeyond16Bits: !cannotShow.includes('key order beyond U+FFFF') }, async t => {
    const open = async (): ReturnType<typeof openMongodbStore> => {
      const opened = await openMongodbStore({ url, log: silentLog })
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
  })
}
