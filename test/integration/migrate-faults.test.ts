/** `gatepost migrate` that is killed, refused, disturbed; and what nodes say of a database that it has left half full. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Db, Document } from 'mongodb'
import t, { type Test } from 'tap'
import { pieces } from '../../services/cli/migrate/pieces.js'
import { entryKey, ownerRange, stateBaseKey } from '../../shared/store/keys.js'
import { userStream, type StreamId } from '../../shared/contract/names.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { openMongodbStore } from '../../shared/store/mongodb-store.js'
import { collectionNames } from '../../shared/store/store.js'
import { message } from '../contract/store/store-contract.js'
import { runGatepost, tempDir } from '../helpers/deployment.js'
import { startLmdbChild } from '../helpers/lmdb-store.js'
import { checkSame, rawClient, runMigrate, startMigrate } from '../helpers/migration.js'
import { mongodbMissing, startMongodbServer, type MongodbServer } from '../helpers/mongodb-server.js'
import { silentLog } from '../helpers/mongodb-store.js'
import { mongosVersions, startMongosDouble } from '../helpers/mongos-double.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const mongodb = await startMongodbServer(t)
const skip = mongodb === undefined && mongodbMissing

let databases = 0
/** Another database of the server. */
const anotherUrl = (): string => ((mongodb as MongodbServer).url).replace(/(gatepost_test_\w+)/, `$1_${++databases}`)

const streamOf = (number: number): StreamId => userStream(`user ${number}`)

/** A folder with so many streams of `perStream` messages, and one state and one claim for each. */
async function fill (t: Test, { streams, perStream }: { streams: number, perStream: number }): Promise<string> {
  const cwd = await tempDir(t)
  const store = await openLmdbStore({ dir: join(cwd, 'data'), sweepIntervalMs: 0 })
  for (let from = 0; from < streams; from += 500) {
    const some = Array.from({ length: Math.min(500, streams - from) }, (_, at) => streamOf(from + at))
    await store.insertChains('entries', some.map(stream => Array.from({ length: perStream }, (_, at) => message(stream, at, at + 1))))
    await store.insertChains('state', some.map(stream => [{ key: stateBaseKey(stream), v: 0, purgeAt: null, text: '{"read":1}' }]))
    await store.insertChains('claims', some.map(stream => [{ key: ownerRange(stream).from + 'kx', v: 0, purgeAt: 4e12 + 0.5, text: '{}' }]))
  }
  await store.close()
  return cwd
}

async function append (cwd: string, stream: StreamId): Promise<void> {
  const store = await openLmdbStore({ dir: join(cwd, 'data'), sweepIntervalMs: 0 })
  await store.insertChains('entries', [[message(stream, 0, 1)]])
  await store.close()
}

const countIn = async (t: Test, url: string): Promise<number> => {
  const client = await rawClient(t, url)
  try {
    return (await Promise.all(collectionNames.map(async name => await client.db().collection(name).countDocuments()))).reduce((sum, count) => sum + count, 0)
  } finally { await client.close() }
}

t.test('migrate - killed in the middle it goes on from there; until it is done nobody serves the database', { skip }, async t => {
  const to = anotherUrl()
  const cwd = await fill(t, { streams: 1000, perStream: 20 })
  const total = 1000 * 22
  const client = await rawClient(t, to)
  const record = async (): Promise<Document | null> => await client.db().collection('migration').findOne()
  const carriedIn = (found: Document | null): number => Object.values((found?.pieces ?? {}) as Record<string, { carried: number }>).reduce((sum, { carried }) => sum + carried, 0)

  const first = startMigrate(t, { cwd, from: 'data', to })
  await until('some of it is there', async () => carriedIn(await record()) > 0)
  t.equal(await first.end('SIGKILL'), 'SIGKILL')
  const carried = carriedIn(await record())
  t.ok(carried > 0 && carried < total, `${carried} of ${total}`)
  t.match(await record(), { form: 1, source: /./, startedAt: Date })

  const lines: object[] = []
  const keep = (fields: object): void => { lines.push(fields) }
  const half = await openMongodbStore({ url: to, log: { ...silentLog, error: keep } })
  t.teardown(async () => { await half.close() })
  t.match(half.status(), { reachable: false, missing: 'a migration into it is not finished' })
  await t.rejects(half.get('entries', ['k']), { code: 'GP_STORE_UNAVAILABLE', message: /migration/ })
  t.match(await half.insertChains('entries', [[message(streamOf(1), 0, 1)]]), [{ stored: 0, stopped: 'refused' }])
  const port = await freePort()
  const up = runGatepost(['up', '--port', String(port), '--mongodb-url', to], { cwd })
  t.teardown(async () => { await up.end('SIGKILL') })
  const readyz = async (): Promise<{ checks: { store: string } }> => await fetch(`http://127.0.0.1:${port}/readyz`).then(async answer => await answer.json() as { checks: { store: string } }, () => ({ checks: { store: '' } }))
  await until('it says why it does not serve', async () => (await readyz()).checks.store === 'a migration into it is not finished')
  t.notOk(up.stdout().includes('"event":"ready"'))
  const doctor = runGatepost(['doctor'], { cwd, settings: { GATEPOST_MONGODB_URL: to } })
  t.equal(await doctor.exited, 1)
  t.match(doctor.stdout(), /FAIL +migration +one into this database is not finished/)

  t.match(await runMigrate({ cwd, from: 'data', to, flags: ['--dry-run'] }), { code: 0, out: /it can be gone on with: [\d,]+ of 22,000 documents are there/ })
  const second = startMigrate(t, { cwd, from: 'data', to })
  t.equal(await second.exited, 0, second.stderr())
  t.match(second.stderr(), /going on from [1-9][\d,]* of 22,000 documents, begun 20/)
  t.match(second.stdout(), /compared 22,000 documents in \d+ s: 22,000 are the same; every entry, head and chain of 1,000 streams/)
  t.equal(await record(), null)
  await until('what was waiting serves now', () => half.status().reachable)
  t.equal(lines.length, 1, 'said once')
  await up.ready
  t.equal(await up.end('SIGTERM'), 0)
  t.equal(await checkSame(t, join(cwd, 'data'), to), total)
})

t.test('migrate - a folder that is none, or is in use', { skip }, async t => {
  const to = anotherUrl()
  const cwd = await tempDir(t)
  const refused = async (from: string, got: RegExp): Promise<void> => {
    const run = await runMigrate({ cwd, from, to })
    t.match(run, { code: 2, out: '' }, from)
    t.match(run.err, got)
  }
  await refused('missing', /^--from: got "[^"]+missing", which holds no store; takes the data folder of a `gatepost up`/)
  mkdirSync(join(cwd, 'empty'))
  await refused('empty', /holds no store/)
  mkdirSync(join(cwd, 'text', 'store'), { recursive: true })
  writeFileSync(join(cwd, 'text', 'store', 'data.mdb'), 'text')
  await refused('text', /^--from: got .*data\.mdb is damaged or no data file of Gatepost/)
  const other = open({ path: join(cwd, 'other', 'store'), noSubdir: false })
  await other.put('something', 'else')
  await other.close()
  await refused('other', /holds no store/)
  const used = await fill(t, { streams: 1, perStream: 1 })
  const holder = startLmdbChild(t, 'hold', join(used, 'data'))
  await holder.nextLine()
  await refused(join(used, 'data'), new RegExp(`^--from: got .*, which process ${holder.pid} is using`))
  t.match(await runMigrate({ cwd, from: 'data', to, flags: ['--dry-run', '--verify-only'] }), { code: 2, err: /^--dry-run: got true beside --verify-only/ })
  const run = runGatepost(['migrate', '--from', 'data'], { cwd })
  t.equal(await run.exited, 2)
  t.match(run.stderr(), /^--to: got nothing, and GATEPOST_MONGODB_URL is not set either; takes an address/)
  t.equal(await countIn(t, to), 0)
})

t.test('migrate - a target that holds something else, that is away, or that is this one of before', { skip }, async t => {
  const cwd = await fill(t, { streams: 3, perStream: 2 })
  const nowhere = await runMigrate({ cwd, from: 'data', to: `mongodb://joe:hunter2@127.0.0.1:${await freePort()}/x?serverSelectionTimeoutMS=300` })
  t.match(nowhere, { code: 1, err: /^migrate: MongoDB is not reached: .*Check the address/ })
  t.notMatch(nowhere.err, /hunter2/)

  const full = anotherUrl()
  const store = await openMongodbStore({ url: full, log: silentLog })
  await store.insertChains('entries', [[message(streamOf(9), 0, 1)]])
  await store.close()
  t.match(await runMigrate({ cwd, from: 'data', to: full }), { code: 1, err: /is not empty, and no migration into it is unfinished/ })
  t.match(await runMigrate({ cwd, from: 'data', to: anotherUrl(), flags: ['--verify-only'] }), { code: 1, err: /is empty: nothing was carried into it/ })

  const to = anotherUrl()
  t.equal((await runMigrate({ cwd, from: 'data', to })).code, 0)
  t.match(await runMigrate({ cwd, from: 'data', to }), { code: 1, err: /is not empty, .*or this one was carried already/ })

  // As if that one had been killed before its end, and the folder was used again.
  const client = await rawClient(t, to)
  await client.db().collection('migration').insertOne({ _id: 'lmdb', form: 1, source: 'another', startedAt: new Date(), pieces: {} } as never)
  t.match(await runMigrate({ cwd, from: 'data', to }), { code: 1, err: /holds a part of another store, or of this one before it was written to again/ })
  await client.db().collection('migration').updateOne({}, { $set: { form: 2 } })
  t.match(await runMigrate({ cwd, from: 'data', to }), { code: 1, err: /the record of the migration: has form 2; this build reads forms up to 1/ })
})

t.test('migrate - whoever else writes to the database is noticed, and the database stays closed', { skip }, async t => {
  const cwd = await fill(t, { streams: 20, perStream: 3 })
  /** Everything is there but its end; then somebody does something. */
  const disturbed = async (disturb: (db: Db) => Promise<unknown>, isCarried: boolean): Promise<{ code: unknown, out: string, err: string }> => {
    const to = anotherUrl()
    const client = await rawClient(t, to)
    const { source } = await sourceOf(cwd)
    if (isCarried) t.equal((await runMigrate({ cwd, from: 'data', to })).code, 0)
    await client.db().collection('migration').insertOne({ _id: 'lmdb', form: 1, source, startedAt: new Date(), pieces: isCarried ? Object.fromEntries(pieces.map(({ name, range }) => [name, { after: range.to, carried: 0 }])) : {} } as never)
    await disturb(client.db())
    const run = await runMigrate({ cwd, from: 'data', to })
    t.not(await client.db().collection('migration').findOne(), null, 'no node serves it')
    return run
  }
  const entry = (_id: string): never => {
    const { key, ...fields } = message(streamOf(99), 0, 1)
    return { ...fields, _id, purgeAt: new Date(4e12) } as never
  }
  const taken = await disturbed(async db => await db.collection('entries').insertOne(entry(entryKey(streamOf(1), 0))), false)
  t.match(taken, { code: 1, err: /^migrate: entries has another document under "[^"]*user 1\\t0+": something else writes to this database/m })
  const more = await disturbed(async db => await db.collection('entries').insertOne(entry(entryKey(streamOf(99), 0))), true)
  t.match(more, { code: 1, out: /unknown to the folder: entries "[^"]*user 99\\t0+"\nNOT the same: 1 difference/ })
  const less = await disturbed(async db => await db.collection('state').deleteOne({ _id: stateBaseKey(streamOf(2)) } as never), true)
  t.match(less, { code: 1, out: /missing: state "[^"]*user 2\\tb"\nNOT the same: 1 difference/ })
  const changed = await disturbed(async db => await db.collection('entries').updateOne({ _id: entryKey(streamOf(3), 1) } as never, { $set: { seq: 7 } }), true)
  t.match(changed, { code: 1, out: /different: entries "[^"]*user 3\\t0+1"\n/ })
})

async function sourceOf (cwd: string): Promise<{ source: string }> {
  const { openSource } = await import('../../services/cli/migrate/source.js')
  const opened = await openSource(join(cwd, 'data'), '--from')
  await opened.store.close()
  return { source: opened.fingerprint }
}

t.test('migrate - what MongoDB has deleted because its time was over is no difference', { skip }, async t => {
  const cwd = await tempDir(t)
  const store = await openLmdbStore({ dir: join(cwd, 'data'), sweepIntervalMs: 0 })
  await store.insertChains('entries', [[message(streamOf(1), 0, 1, { purgeAt: Date.now() - 1000 }), message(streamOf(1), 1, 2)]])
  await store.close()
  const to = anotherUrl()
  t.equal((await runMigrate({ cwd, from: 'data', to })).code, 0)
  const client = await rawClient(t, to)
  await client.db().collection('entries').deleteOne({ _id: entryKey(streamOf(1), 0) } as never)
  t.match(await runMigrate({ cwd, from: 'data', to, flags: ['--verify-only'] }), { code: 0, out: /1 are the same, 1 have expired meanwhile/ })
})

t.test('migrate - the folder tells that it was written to', async t => {
  const cwd = await fill(t, { streams: 2, perStream: 2 })
  const first = await sourceOf(cwd)
  t.same(await sourceOf(cwd), first, 'opening it changes nothing')
  await append(cwd, streamOf(50))
  t.not((await sourceOf(cwd)).source, first.source)
})

for (const version of mongosVersions) {
  t.test(`migrate - a mongos (${version}): sharded and spread as a node does it, closed to nodes until it is done`, async t => {
    const cwd = await fill(t, { streams: 60, perStream: 5 })
    const mongos = await startMongosDouble(t, { version })
    let isHeld = true
    mongos.faults.answer = async name => {
      // The first documents: what a node that starts now sees.
      if (name !== 'insert' || !isHeld) return undefined
      isHeld = false
      const half = await openMongodbStore({ url: mongos.url, log: silentLog })
      t.match(half.status(), { reachable: false, missing: 'a migration into it is not finished' })
      await half.close()
      return undefined
    }
    const run = await runMigrate({ cwd, from: 'data', to: mongos.url })
    t.equal(run.code, 0, run.err)
    t.match(run.out, /at a mongos, version \S+, on 2 shards\n/)
    t.match(run.out, /compared 420 documents .*: 420 are the same/)
    t.equal(isHeld, false)
    for (const name of collectionNames) t.same(mongos.placesOf(name), [['', 'shard-a'], ['8000', 'shard-b']])
    const store = await openMongodbStore({ url: mongos.url, log: silentLog })
    t.teardown(async () => { await store.close() })
    t.match(store.status(), { reachable: true, notes: [] })
    t.equal((await store.range('entries', ownerRange(streamOf(7)), { limit: 99 })).length, 5)
    t.notOk(mongos.commands.some(command => command.drop !== undefined && command.drop !== 'migration'))
  })
}

t.test('migrate - a mongos whose login may not shard, one without shards', async t => {
  const cwd = await fill(t, { streams: 2, perStream: 2 })
  const mongos = await startMongosDouble(t, { version: '8.0' })
  mongos.faults.answer = name => name === 'shardCollection' ? { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not authorized' } : undefined
  t.match(await runMigrate({ cwd, from: 'data', to: mongos.url }), { code: 1, err: /^migrate: the migration could not be begun\. On a mongos the login needs clusterManager/ })
  // The record's collection is sharded already, the others are not.
  mongos.faults.answer = (name, command) => name === 'shardCollection' && !String(command.shardCollection).endsWith('.migration') ? { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not authorized' } : undefined
  t.match(await runMigrate({ cwd, from: 'data', to: mongos.url }), { code: 1, err: /entries, state, claims: not sharded by \{ _id: 1 \}.*Give the login the roles/ })
  t.notOk(mongos.commands.some(command => command.insert === 'entries'), 'nothing was carried')
  mongos.faults.answer = undefined
  t.equal((await runMigrate({ cwd, from: 'data', to: mongos.url })).code, 0, 'and it goes on when it may')

  const bare = await startMongosDouble(t, { version: '8.0' })
  bare.faults.answer = name => name === 'listShards' ? { shards: [], ok: 1 } : undefined
  t.match(await runMigrate({ cwd, from: 'data', to: bare.url }), { code: 1, err: /this mongos shows no shards/ })
})
