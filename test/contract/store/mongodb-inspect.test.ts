import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import { collectionNames } from '../../../shared/store/store.js'
import { inspectMongodb } from '../../../shared/store/mongodb-inspect.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { mongosVersions, startMongosDouble } from '../../helpers/mongos-double.js'

const server = await startMongodbServer(t)
const skip = server === undefined ? mongodbMissing : false
const url = server?.url ?? ''

t.test('inspection - tells a fresh database from a prepared one', { skip }, async t => {
  const before = await inspectMongodb({ url })
  t.match(before, { reachable: true, version: server?.version })
  if (!before.reachable) return
  t.ok(before.database.startsWith('gatepost_test_'))
  t.ok(Math.abs(before.clockDifferenceMs) < 5000)
  t.same(before.collections.map(({ name, exists }) => ({ name, exists })), collectionNames.map(name => ({ name, exists: false })))

  const store = await openMongodbStore({ url, log: silentLog })
  t.teardown(async () => { await store.close() })
  const after = await inspectMongodb({ url })
  if (!after.reachable) throw new Error('not reachable', { cause: after.cause })
  t.ok(after.collections.every(collection => collection.exists))
  const hasTtl = after.collections.every(collection => collection.hasTtlIndex)
  t.equal(hasTtl, !store.status().notes.some(note => note.startsWith('no TTL index')), 'the store says the same of the TTL index')
  if (server?.isFake === false) t.ok(hasTtl)
})

t.test('inspection - a clock that differs, and a server that is not there', { skip }, async t => {
  const ahead = await inspectMongodb({ url, now: () => Date.now() + 60_000 })
  t.ok(ahead.reachable && Math.abs(ahead.clockDifferenceMs + 60_000) < 5000)
  const nowhere = await inspectMongodb({ url: 'mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300' })
  t.match(nowhere, { reachable: false, cause: { name: 'MongoServerSelectionError' } })
  await t.rejects(inspectMongodb({ url: 'mongodb://' }))
})

async function checkSharded (t: Test, url: string): Promise<void> {
  const stores = await Promise.all([openMongodbStore({ url, log: silentLog }), openMongodbStore({ url, log: silentLog })])
  t.teardown(async () => { await Promise.all(stores.map(async store => { await store.close() })) })
  const found = await inspectMongodb({ url })
  if (!found.reachable) throw new Error('not reachable', { cause: found.cause })
  t.equal(found.kind, 'mongos')
  for (const { shardKey, chunksByShard } of found.collections) {
    t.equal(shardKey, '{"_id":1}')
    t.same(Object.keys(chunksByShard).sort(), found.shards)
  }
}

t.test('mongos - every collection is sharded by its key and spread over all shards', { skip: skip === false && server?.cannotShow.includes('mongos') === true ? 'needs a mongos' : skip }, async t => { await checkSharded(t, url) })
for (const version of mongosVersions) {
  t.test(`mongos - the same on the double of ${version}`, async t => { await checkSharded(t, (await startMongosDouble(t, { version })).url) })
}

t.test('TTL - the server deletes what is due', { skip: skip === false && server?.cannotShow.includes('ttl') === true ? 'needs a server with TTL indexes' : skip }, async t => {
  const store = await openMongodbStore({ url, log: silentLog })
  const client = new MongoClient(url)
  t.teardown(async () => { await store.close(); await client.close() })
  const indexes = await client.db(new URL(url).pathname.slice(1)).collection('entries').listIndexes().toArray()
  t.match(indexes.find(index => index.name === 'purgeAt'), { key: { purgeAt: 1 }, expireAfterSeconds: 0 })
})
