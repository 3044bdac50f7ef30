import t from 'tap'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { openForContract } from '../../helpers/mongodb-store.js'
import { storeContract } from './store-contract.js'

const server = await startMongodbServer(t)
if (server === undefined) {
  t.plan(0, mongodbMissing)
} else {
  const { url, name, version, cannotShow } = server
  t.comment(`against ${name} ${version}; cannot show: ${cannotShow.join(', ')}`)
  storeContract(t, { purges: false, ordersBeyond16Bits: !cannotShow.includes('key order beyond U+FFFF') }, async t => await openForContract(t, { url }))
}
