import { randomBytes } from 'node:crypto'
import { MongoClient, type Document } from 'mongodb'
import t, { type Test } from 'tap'
import { entriesAfter, entriesBefore, entryKey, membershipKey, ownerRange } from '../../../shared/store/keys.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { collectionNames, type CollectionName, type Store } from '../../../shared/store/store.js'
import { evenPlaces, shardsOfCommand, type Places } from '../../helpers/chunk-map.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { openForContract, silentLog } from '../../helpers/mongodb-store.js'
import { mongosVersions, startMongosDouble, type MongosDouble, type MongosVersion } from '../../helpers/mongos-double.js'
import { until } from '../../helpers/until.js'
import { message, storeContract } from './store-contract.js'

const server = await startMongodbServer(t)
const freshStream = (): StreamId => userStream(randomBytes(6).toString('hex'))
const byKey = (a: StreamId, b: StreamId): number => Buffer.compare(Buffer.from(entryKey(a, 0)), Buffer.from(entryKey(b, 0)))

interface Sent { readonly name: string, readonly collection: CollectionName, readonly command: Document }

async function startPlaced (t: Test, version: MongosVersion, places: Places): Promise<MongosDouble> {
  const mongos = await startMongosDouble(t, { version })
  for (const name of collectionNames) mongos.place(name, places)
  return mongos
}

async function openRouted (t: Test, mongos: MongosDouble): Promise<{ store: Store, sent: Sent[] }> {
  const sent: Sent[] = []
  const store = await openMongodbStore({
    url: mongos.url,
    log: silentLog,
    onCommand: ({ commandName: name, command }) => {
      const collection = command[name] as CollectionName
      if (['find', 'aggregate', 'insert', 'update', 'delete'].includes(name) && collectionNames.includes(collection)) sent.push({ name, collection, command })
    }
  })
  t.teardown(async () => { await store.close() })
  sent.length = 0
  return { store, sent }
}
const many = (sent: readonly Sent[], places: (collection: CollectionName) => Places): unknown[] =>
  sent.filter(({ collection, command }) => shardsOfCommand(places(collection), command).size !== 1).map(({ name, command }) => ({ name, command }))

/** What a busy node does, over many streams. */
async function beBusy (store: Store): Promise<void> {
  const streams = Array.from({ length: 60 }, freshStream)
  const fresh = streams.slice(0, 20)
  await store.insertChains('entries', streams.map(stream => [message(stream, 0, 1)]))
  await Promise.all([
    store.insertChains('entries', fresh.map(stream => [message(stream, 1, 2), message(stream, 2, 3), message(stream, 3, 4)])),
    ...streams.map(async stream => await store.insertChains('state', [[{ key: membershipKey(stream, 'g'), v: 0, purgeAt: null, text: '' }]])),
    store.insertChains('claims', streams.map(stream => [{ key: entryKey(stream, 0), v: 0, purgeAt: null, text: '' }]))
  ])
  await Promise.all([
    ...streams.map(async stream => await store.exist('entries', [entryKey(stream, 0), entryKey(stream, 9)])),
    ...streams.map(async stream => await store.get('entries', [entryKey(stream, 0)])),
    ...streams.map(async stream => await store.replace('state', [{ was: 0, doc: { key: membershipKey(stream, 'g'), v: 1, purgeAt: null, text: 'x' } }])),
    // Half of these do not match: what took their place is read.
    store.replace('claims', streams.map((stream, at) => ({ was: at % 2, doc: { key: entryKey(stream, 0), v: at % 2 + 1, purgeAt: null, text: 'y' } }))),
    store.ranges('entries', streams.map(ownerRange), { limit: 500 }),
    store.lasts('entries', streams.map(ownerRange)),
    store.range('state', ownerRange(streams[0] ?? freshStream()), { limit: 10 })
  ])
  await store.remove('entries', streams.map(stream => entryKey(stream, 0)))
}

t.test('routing - the reckoning itself: a range that ends at a border reaches for what begins there', async t => {
  const places: Places = [['', 'a'], ['m', 'b']]
  t.same([...shardsOfCommand(places, { find: 'x', filter: { _id: { $gte: 'k', $lt: 'm' } } })], ['a', 'b'])
  t.same([...shardsOfCommand(places, { find: 'x', filter: { _id: { $gte: 'k', $lt: 'l' } } })], ['a'])
  t.same([...shardsOfCommand(places, { insert: 'x', documents: [{ _id: 'n' }, { _id: 'a' }] })], ['b', 'a'])
  t.same([...shardsOfCommand(places, { delete: 'x', deletes: [{ q: { _id: 'm' } }] })], ['b'])
})

for (const version of mongosVersions) {
  t.test(`routing - ${version}: all keys of every command lie on one shard`, async t => {
    const { store, sent } = await openRouted(t, await startPlaced(t, version, evenPlaces))
    await beBusy(store)
    t.same(many(sent, () => evenPlaces), [])
    const grouped = sent.filter(({ name, command }) => name === 'insert' && command.ordered === false)
    t.same(grouped.map(({ collection }) => collection).sort(), ['claims', 'claims', 'entries', 'entries', 'state', 'state'], 'one for each shard, no more')
    t.ok(['find', 'insert', 'update', 'delete'].every(name => sent.some(one => one.name === name)))
  })
}

t.test('routing - without a map nothing is kept to one shard, and all is answered', async t => {
  const mongos = await startPlaced(t, '4.4', evenPlaces)
  mongos.faults.hidesChunks = true
  const { store, sent } = await openRouted(t, mongos)
  await beBusy(store)
  t.ok(many(sent, () => evenPlaces).length > 0)
})

t.test('routing - a stream that is split in the middle is one chain, read and written shard by shard', async t => {
  const stream = freshStream()
  const places: Places = [['', 'shard-a'], [entryKey(stream, 10), 'shard-b'], [entryKey(stream, 20), 'shard-a'], [entryKey(stream, 25), 'shard-b']]
  const mongos = await startPlaced(t, '4.4', places)
  // Not empty: left where it lies.
  const client = new MongoClient(mongos.url)
  t.teardown(async () => { await client.close() })
  for (const name of collectionNames) await client.db().collection<{ _id: string }>(name).insertOne({ _id: '0' })
  const { store, sent } = await openRouted(t, mongos)
  await until('looked over', () => sent.filter(({ command }) => (command.projection as { _id?: number } | undefined)?._id === 1).length === collectionNames.length)
  sent.length = 0
  const chain = Array.from({ length: 30 }, (_, at) => message(stream, at, at + 1))
  t.same(await store.insertChains('entries', [chain]), [{ stored: 30 }])
  t.same(sent.map(({ command }) => (command.documents as Document[]).length), [10, 10, 5, 5], 'one part after the other')
  t.same(await store.insertChains('entries', [[message(stream, 9, 31), message(stream, 10, 32)]]), [{ stored: 0, stopped: 'exists' }], 'and none behind what was not stored')

  const seqs = async (reading: Promise<Array<{ seq: number }>>): Promise<number[]> => (await reading).map(({ seq }) => seq)
  const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at + 1)
  const finds = (): number => sent.splice(0).filter(({ name, command }) => name === 'find' && shardsOfCommand(places, command).size === 1).length
  sent.length = 0
  t.same(await seqs(store.range('entries', ownerRange(stream), { limit: 100 })), upTo(0, 30))
  t.equal(finds(), 4)
  t.same(await seqs(store.range('entries', ownerRange(stream), { limit: 100, reverse: true })), upTo(0, 30).reverse())
  t.equal(finds(), 4)
  t.same(await seqs(store.range('entries', entriesAfter(stream, 8), { limit: 4 })), upTo(8, 12))
  t.equal(finds(), 2, 'it stops where the limit is reached')
  t.same(await seqs(store.range('entries', entriesBefore(stream, 22), { limit: 4, reverse: true })), upTo(18, 22).reverse())
  t.equal(finds(), 2)
  t.same(await seqs(store.range('entries', { from: entryKey(stream, 3), to: entryKey(stream, 10) }, { limit: 100 })), upTo(3, 10), 'up to a border')
  t.equal(finds(), 1)
  t.same(await seqs(store.ranges('entries', [entriesAfter(stream, 24), { from: entryKey(stream, 8), to: entryKey(stream, 12) }], { limit: 6 })), [9, 10, 11, 12, 25, 26])
  t.equal(finds(), 2)
  t.same((await store.lasts('entries', [ownerRange(stream), entriesBefore(stream, 10), entriesBefore(stream, 11), entriesBefore(stream, 20)])).map(doc => doc?.seq), [30, 10, 11, 20])
  t.same(await store.exist('entries', [0, 10, 20, 25, 30].map(prev => entryKey(stream, prev))), [true, true, true, true, false])
  await store.remove('entries', chain.map(doc => doc.key))
  t.same(await store.range('entries', ownerRange(stream), { limit: 100 }), [])
  t.same(many(sent, () => places), [])
})

t.test('routing - chunks that have moved since cost more shards, not another answer, until the map is read again', async t => {
  const streams = Array.from({ length: 40 }, freshStream).sort(byKey)
  const mongos = await startPlaced(t, '5.0', evenPlaces)
  const { store } = await openRouted(t, mongos)
  const moved: Places = evenPlaces.map(([from, shard]) => [from, from === '4000' ? 'shard-b' : shard] as const)
  mongos.move('entries', '4000', 'shard-b')
  t.same(await store.insertChains('entries', streams.map(stream => [message(stream, 0, 1)])), streams.map(() => ({ stored: 1 })))
  t.same((await store.ranges('entries', streams.map(ownerRange), { limit: 100 })).map(doc => doc.key), streams.map(stream => entryKey(stream, 0)))
  await store.close()
  const { store: again, sent } = await openRouted(t, mongos)
  t.ok((await again.exist('entries', streams.map(stream => entryKey(stream, 0)))).every(Boolean))
  t.same(many(sent, () => moved), [])
})

// The whole contract again, with documents on two shards.
storeContract(t, { purges: false, ordersBeyond16Bits: true }, async t => await openForContract(t, { url: (await startPlaced(t, '4.4', evenPlaces)).url }))

const asItCounts = (urlOf: (t: Test) => Promise<string>) => async (t: Test): Promise<void> => {
  const url = await urlOf(t)
  const client = new MongoClient(url)
  t.teardown(async () => { await client.close() })
  const counts = async (): Promise<Record<string, { allShards: number, manyShards: number, oneShard: number }>> => {
    const { shardingStatistics } = await client.db('admin').command({ serverStatus: 1 }) as { shardingStatistics: { numHostsTargeted: Record<string, { allShards: number, manyShards: number, oneShard: number }> } }
    return shardingStatistics.numHostsTargeted
  }
  const store = await openMongodbStore({ url, log: silentLog })
  t.teardown(async () => { await store.close() })
  const before = await counts()
  await beBusy(store)
  const after = await counts()
  for (const [name, { allShards, manyShards, oneShard }] of Object.entries(after)) {
    t.equal(Number(allShards), Number(before[name]?.allShards), `${name}: all shards`)
    t.equal(Number(manyShards), Number(before[name]?.manyShards), `${name}: many shards`)
    if (['find', 'insert', 'update', 'delete'].includes(name)) t.ok(Number(oneShard) > Number(before[name]?.oneShard), `${name}: one shard`)
  }
}

const noMongos = server === undefined ? mongodbMissing : server.cannotShow.includes('mongos') ? 'needs a mongos' : false
t.test('mongos - as it counts them itself, no command of a busy run goes to all shards', { skip: noMongos }, asItCounts(async () => server?.url ?? ''))
t.test('mongos - the double counts the same', asItCounts(async t => (await startMongosDouble(t, { version: '4.4' })).url))
