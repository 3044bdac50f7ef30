/** How nodes prepare a sharded MongoDB, several at once, on every version's own answers. */
import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import { entryKey, ownerRange } from '../../../shared/store/keys.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { beginMongodbStore, openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { planShares } from '../../../shared/store/mongodb-sharding.js'
import { collectionNames, type Store } from '../../../shared/store/store.js'
import { checkMongodb } from '../../../services/cli/doctor/check-mongodb.js'
import { mongosVersions, startMongosDouble, type MongosDouble } from '../../helpers/mongos-double.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { until } from '../../helpers/until.js'
import { message } from './store-contract.js'

const freshStream = (): StreamId => userStream(randomBytes(6).toString('hex'))
const planned = planShares(['shard-a', 'shard-b']).map(({ from, shard }, at) => [at === 0 ? '' : from, shard])

interface Line { readonly level: 'info' | 'warn' | 'error', readonly event: string | undefined, readonly fields: object }

function keepLog (): { lines: Line[], log: typeof silentLog } {
  const lines: Line[] = []
  const keep = (level: Line['level']) => (fields: object): void => { lines.push({ level, event: (fields as { event?: string }).event, fields }) }
  return { lines, log: { info: keep('info'), warn: keep('warn'), error: keep('error') } as never }
}

async function openAll (t: Test, mongos: MongosDouble, count: number): Promise<{ stores: Store[], lines: Line[] }> {
  const { lines, log } = keepLog()
  const stores = await Promise.all(Array.from({ length: count }, async () => await openMongodbStore({ url: mongos.url, log })))
  t.teardown(async () => { await Promise.all(stores.map(async store => { await store.close() })) })
  return { stores, lines }
}

for (const version of mongosVersions) {
  t.test(`${version} - several start at once on an empty database: ready at the first try, sharded and spread once`, async t => {
    const mongos = await startMongosDouble(t, { version, stepMs: 20 })
    const begun = performance.now()
    const { stores, lines } = await openAll(t, mongos, 4)
    t.comment(`${(performance.now() - begun).toFixed(0)} ms, ${mongos.commands.length} commands`)
    t.same(stores.map(store => store.status()), stores.map(() => ({ kind: 'mongodb', reachable: true, missing: undefined, refusesWrites: undefined, notes: [] })))
    t.same(lines.filter(({ level }) => level !== 'info'), [])
    for (const name of collectionNames) t.same(mongos.placesOf(name), planned)
    const counts = (name: string): number => mongos.commands.filter(command => command[name] !== undefined).length
    t.ok(counts('moveChunk') >= collectionNames.length && counts('split') >= collectionNames.length)

    const streams = Array.from({ length: 40 }, freshStream)
    for (const store of stores) await store.insertChains('entries', streams.splice(0, 10).map(stream => [message(stream, 0, 1)]))
    const client = new MongoClient(mongos.url)
    t.teardown(async () => { await client.close() })
    const { shardingStatistics: { numHostsTargeted } } = await client.db('admin').command({ serverStatus: 1 }) as { shardingStatistics: { numHostsTargeted: Record<string, object> } }
    t.match(numHostsTargeted.insert, { allShards: 0, manyShards: 0, unsharded: 0 }, 'the map is known: each command to one shard')
  })

  t.test(`${version} - again on a full database: served at once, nothing is made, cut or moved, and nothing is said`, async t => {
    const mongos = await startMongosDouble(t, { version })
    const [first] = (await openAll(t, mongos, 1)).stores
    const streams = Array.from({ length: 20 }, freshStream)
    await first?.insertChains('entries', streams.map(stream => [message(stream, 0, 1)]))
    mongos.move('entries', '8000', 'shard-a')
    const before = mongos.commands.length
    const { stores, lines } = await openAll(t, mongos, 3)
    for (const store of stores) t.same(await store.exist('entries', streams.map(stream => entryKey(stream, 0))), streams.map(() => true))
    await until('looked over', () => mongos.commands.slice(before).filter(command => command.listIndexes === 'claims').length === 3)
    await Promise.all(stores.map(async store => { await store.close() }))
    t.same(mongos.commands.slice(before).flatMap(command => Object.keys(command)[0] ?? '').filter(name => !['find', 'listShards', 'listIndexes'].includes(name)), [])
    t.same(lines.filter(({ level }) => level !== 'info'), [])
    t.same(mongos.placesOf('entries'), [['', 'shard-a'], ['8000', 'shard-a']], 'left where the balancer has put it')
  })

  t.test(`${version} - done already is done, and what is busy is asked again, whatever the words`, async t => {
    const mongos = await startMongosDouble(t, { version })
    // As by a node of a build that cut finer, ended in between.
    for (const name of collectionNames) mongos.place(name, [['', 'shard-b'], ['2000', 'shard-b'], ['4000', 'shard-a'], ['8000', 'shard-b'], ['c000', 'shard-b']])
    let busy = 2
    mongos.faults.answer = name => {
      if (name === 'moveChunk' && busy-- > 0) return busy === 1 ? { ok: 0, code: 46, codeName: 'LockBusy', errmsg: 'could not acquire collection lock' } : { ok: 0, code: 117, codeName: 'ConflictingOperationInProgress', errmsg: 'migration in progress' }
      if (name === 'split') return { ok: 0, errmsg: 'asked to split again' }
      return undefined
    }
    const { stores, lines } = await openAll(t, mongos, 2)
    // It lies on both shards: that is served already, and spread evenly afterwards.
    const even = [['', 'shard-a'], ['2000', 'shard-a'], ['4000', 'shard-a'], ['8000', 'shard-b'], ['c000', 'shard-b']]
    await until('spread evenly', () => collectionNames.every(name => JSON.stringify(mongos.placesOf(name)) === JSON.stringify(even)))
    await Promise.all(stores.map(async store => { await store.close() }))
    t.same(stores.map(store => store.status().notes), [[], []])
    t.same(lines.filter(({ level }) => level !== 'info'), [])
  })

  t.test(`${version} - a split that another finished, answered without a code, is done`, async t => {
    const mongos = await startMongosDouble(t, { version })
    mongos.faults.answer = async (name, command) => {
      if (name !== 'split') return undefined
      const ns = command.split as string
      mongos.place(ns.slice(mongos.database.length + 1), [['', 'shard-a'], ['8000', 'shard-b']])
      return { ok: 0, errmsg: 'new split key { _id: "8000" } is a boundary key of existing chunk [{ _id: MinKey },{ _id: "8000" })' }
    }
    t.same((await openAll(t, mongos, 1)).stores[0]?.status().notes, [])
  })

  t.test(`${version} - a sharded collection that shows no chunk: said by the log, once, and by the doctor`, async t => {
    const mongos = await startMongosDouble(t, { version })
    for (const name of collectionNames) mongos.place(name, [['', 'shard-a'], ['8000', 'shard-b']])
    const well = await checkMongodb(mongos.url)
    t.same(well.filter(({ check }) => check === 'shard key').map(({ level, text }) => [level, text]), collectionNames.map(name => ['ok', `${name}: { _id: 1 }, chunks: shard-a 1, shard-b 1`]))
    mongos.faults.hidesChunks = true
    const findings = (await checkMongodb(mongos.url)).filter(({ check }) => check === 'shard key')
    t.match(findings, collectionNames.map(name => ({ level: 'warn', text: new RegExp(`^${name}: .* config.chunks shows no chunk`) })))
    const { stores, lines } = await openAll(t, mongos, 1)
    const said = (): Line[] => lines.filter(({ event }) => event === 'mongodb-chunks')
    t.match(said(), [{ level: 'warn', fields: { note: /^entries, state, claims: sharded, but config\.chunks shows no chunk/ } }])
    t.ok(stores[0]?.status().notes.some(note => note.includes('shows no chunk')))
    const stream = freshStream()
    t.same(await stores[0]?.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 1 }], 'and all is answered')
    t.equal((await stores[0]?.range('entries', ownerRange(stream), { limit: 9 }))?.length, 1)
  })
}

t.test('start - a mongos that refuses for reasons of its own: said, and served all the same', async t => {
  const mongos = await startMongosDouble(t, { version: '5.0' })
  mongos.faults.answer = name => name === 'moveChunk' ? { ok: 0, errmsg: 'no reason' } : undefined
  const { stores } = await openAll(t, mongos, 1)
  t.match(stores[0]?.status(), { reachable: true, missing: undefined, notes: collectionNames.map(name => `${name}: not sharded or not spread: no reason`) })
})

t.test('start - there at once, refusing, until it is prepared', async t => {
  const mongos = await startMongosDouble(t, { version: '4.4', stepMs: 50 })
  const { store, hasTried } = beginMongodbStore({ url: mongos.url, log: silentLog })
  t.teardown(async () => { await store.close() })
  const stream = freshStream()
  t.match(store.status(), { reachable: false, missing: 'preparing the store' })
  t.match(await store.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 0, stopped: 'refused' }])
  t.same(await store.replace('state', [{ was: 0, doc: { key: 'k', v: 1, purgeAt: null, text: '' } }]), ['refused'])
  await t.rejects(store.get('entries', ['k']), { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(store.remove('entries', ['k']), { code: 'GP_STORE_UNAVAILABLE' })
  await until('it is reached', () => mongos.commands.some(command => command.shardCollection !== undefined))
  t.match(store.status(), { reachable: false, missing: 'preparing the store' })
  await hasTried
  t.match(store.status(), { reachable: true, missing: undefined })
  t.notOk(mongos.commands.some(command => command.insert !== undefined), 'nothing came before the collections were spread')
  t.same(await store.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 1 }])
})

t.test('start - closed in the middle: it waits neither for an answer nor for what is busy', async t => {
  for (const answer of [async () => await new Promise<undefined>(() => {}), () => ({ ok: 0, code: 117, codeName: 'ConflictingOperationInProgress', errmsg: 'migration in progress' })]) {
    const mongos = await startMongosDouble(t, { version: '4.4' })
    mongos.faults.answer = name => name === 'moveChunk' ? answer() : undefined
    const { store, hasTried } = beginMongodbStore({ url: mongos.url, log: silentLog })
    await until('a move is asked for', () => mongos.commands.some(command => command.moveChunk !== undefined))
    await store.close()
    await hasTried
    t.match(store.status(), { reachable: false })
  }
})

t.test('full disk - a shard that refuses writes: surely not stored, said once, read all along, written again by itself', async t => {
  const mongos = await startMongosDouble(t, { version: '4.4' })
  const { stores: [store], lines } = await openAll(t, mongos, 1)
  if (store === undefined) return
  const streams = Array.from({ length: 40 }, freshStream)
  const on = (shard: string): StreamId[] => streams.filter(stream => (entryKey(stream, 0) < '8' ? 'shard-a' : 'shard-b') === shard)
  const put = async (seq: number): Promise<Array<string | undefined>> => (await store.insertChains('entries', streams.map(stream => [message(stream, seq, seq + 1)]))).map(({ stopped }) => stopped)
  const state = (stream: StreamId, v: number): { key: string, v: number, purgeAt: null, text: string } => ({ key: entryKey(stream, 0), v, purgeAt: null, text: '' })
  t.same(await put(0), streams.map(() => undefined))
  await store.insertChains('state', streams.map(stream => [state(stream, 0)]))

  mongos.faults.full.add('shard-a')
  t.same(await put(1), streams.map(stream => on('shard-a').includes(stream) ? 'refused' : undefined))
  t.same(await put(1), streams.map(stream => on('shard-a').includes(stream) ? 'refused' : 'exists'))
  t.same(await store.insertChains('entries', [on('shard-a').map((_, at) => message(on('shard-a')[0]!, at + 1, at + 2))]).then(([outcome]) => outcome?.stopped), 'refused', 'a chain too')
  t.same(await store.replace('state', streams.map(stream => ({ was: 0, doc: state(stream, 1) }))), streams.map(stream => on('shard-a').includes(stream) ? 'refused' : 'done'))
  t.same((await store.lasts('entries', streams.map(ownerRange))).map(doc => doc?.seq), streams.map(stream => on('shard-a').includes(stream) ? 1 : 2), 'reading goes on, and what was refused is not there')
  const errors = (): Line[] => lines.filter(({ level }) => level === 'error')
  t.match(errors(), [{ event: 'mongodb-full', fields: { shard: 'shard-a', err: { code: 14031 } } }], 'one line')
  t.match(store.status(), { reachable: true, refusesWrites: /for want of room/ })

  mongos.faults.full.clear()
  t.same(await put(1), streams.map(stream => on('shard-a').includes(stream) ? undefined : 'exists'))
  t.same(await store.replace('state', on('shard-a').map(stream => ({ was: 0, doc: state(stream, 1) }))), on('shard-a').map(() => 'done'))
  t.equal(errors().length, 1)
  t.match(store.status(), { refusesWrites: undefined })
  t.match(lines.filter(({ event }) => event === 'mongodb-room'), [{ level: 'info', fields: { shard: 'shard-a' } }])
  mongos.faults.full.add('shard-b')
  await put(2)
  t.equal(errors().length, 2, 'said again where it begins again')
})

t.test('full disk - a write block and a service\'s quota are the same', async t => {
  for (const refusal of [{ ok: 0, code: 371, codeName: 'UserWritesBlocked', errmsg: 'User writes blocked' }, { ok: 0, code: 8000, codeName: 'AtlasError', errmsg: 'you are over your space quota, using 513 MB of 512 MB' }]) {
    const mongos = await startMongosDouble(t, { version: '8.0' })
    const { stores: [store], lines } = await openAll(t, mongos, 1)
    mongos.faults.answer = name => name === 'insert' ? refusal : undefined
    t.match(await store?.insertChains('entries', [[message(freshStream(), 0, 1)]]), [{ stored: 0, stopped: 'refused' }])
    t.match(lines.filter(({ level }) => level === 'error'), [{ event: 'mongodb-full' }])
    mongos.faults.answer = undefined
    t.match(await store?.insertChains('entries', [[message(freshStream(), 0, 1)]]), [{ stored: 1 }])
  }
})
