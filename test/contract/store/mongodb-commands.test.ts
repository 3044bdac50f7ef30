import { randomBytes } from 'node:crypto'
import type { Document } from 'mongodb'
import t, { type Test } from 'tap'
import { entriesAfter, entriesBefore, entryKey, membershipKey, ownerRange } from '../../../shared/store/keys.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { inspectMongodb } from '../../../shared/store/mongodb-inspect.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import type { CollectionName } from '../../../shared/store/store.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { mongosVersions, startMongosDouble } from '../../helpers/mongos-double.js'
import { message } from './store-contract.js'

/** What is wrong with a filter: nothing, if it names keys or a range of keys. */
function faultOfFilter (filter: Document | undefined): string | undefined {
  if (filter === undefined) return 'no filter'
  if (Array.isArray(filter.$or)) {
    if (filter.$or.length === 0) return 'an empty $or'
    return (filter.$or as Document[]).map(faultOfFilter).find(fault => fault !== undefined)
  }
  const id: unknown = filter._id
  if (typeof id === 'string') return undefined
  if (typeof id !== 'object' || id === null) return `_id is ${JSON.stringify(id)}`
  const { $in, $gte, $gt, $lt, $lte } = id as { $in?: unknown, $gte?: unknown, $gt?: unknown, $lt?: unknown, $lte?: unknown }
  if (Array.isArray($in)) return $in.every(key => typeof key === 'string') ? undefined : 'a key that is no string'
  return [$gte, $gt, $lt, $lte].some(bound => typeof bound === 'string') ? undefined : `no bound: ${JSON.stringify(id)}`
}

function faultOfPipeline (pipeline: readonly Document[]): string | undefined {
  const fault = faultOfFilter(pipeline[0]?.$match as Document | undefined)
  if (fault !== undefined) return fault
  return pipeline.slice(1).map(stage => {
    if (stage.$unionWith === undefined) return undefined
    const { pipeline: inner } = stage.$unionWith as { pipeline?: Document[] }
    return faultOfPipeline(inner ?? [])
  }).find(found => found !== undefined)
}

const administrative = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions', 'createIndexes', 'listIndexes', 'enableSharding', 'shardCollection', 'split', 'moveChunk', 'listShards', 'buildInfo'])

/** What is wrong with a command: nothing, if a mongos can send it to the shards of its keys alone. */
function faultOfCommand (commandName: string, command: Document): string | undefined {
  if (administrative.has(commandName)) return undefined
  switch (commandName) {
    case 'find': return faultOfFilter(command.filter as Document)
    case 'aggregate': return faultOfPipeline(command.pipeline as Document[])
    // The cursor's own command was looked at.
    case 'getMore': case 'killCursors': return undefined
    case 'insert': return (command.documents as Document[]).every(doc => typeof doc._id === 'string') ? undefined : 'a document without a key'
    case 'update': return (command.updates as Document[]).map(({ q, multi }) => typeof (q as Document)._id === 'string' && multi !== true ? undefined : 'not one key').find(Boolean)
    case 'delete': return (command.deletes as Document[]).map(({ q }) => faultOfFilter(q as Document)).find(Boolean)
    default: return 'a command that is not known to name its keys'
  }
}

t.test('commands - the check itself finds what names no key', async t => {
  const range = { $match: { _id: { $gte: 'a', $lt: 'b' } } }
  t.equal(faultOfCommand('find', { filter: { $or: [{ _id: { $gt: 'a' } }, { _id: { $in: ['k'] } }] } }), undefined)
  t.equal(faultOfCommand('aggregate', { pipeline: [range, { $unionWith: { coll: 'entries', pipeline: [range] } }] }), undefined)
  t.ok(faultOfCommand('find', { filter: {} }))
  t.ok(faultOfCommand('find', { filter: { seq: 1 } }))
  t.ok(faultOfCommand('find', { filter: { _id: { $ne: 'a' } } }))
  t.ok(faultOfCommand('find', { filter: { $or: [{ _id: 'a' }, { id: 'b' }] } }))
  t.ok(faultOfCommand('aggregate', { pipeline: [range, { $unionWith: { coll: 'entries', pipeline: [{ $sort: { _id: 1 } }] } }] }))
  t.ok(faultOfCommand('update', { updates: [{ q: { v: 1 } }] }))
  t.ok(faultOfCommand('delete', { deletes: [{ q: {} }] }))
  t.ok(faultOfCommand('count', {}))
})

const server = await startMongodbServer(t)

/** Whatever lies between: one server, a replica set, a mongos with its shards. */
async function checkCommands (t: Test, url: string): Promise<void> {
  const sent: Array<{ commandName: string, command: Document }> = []
  // The chunk map is read now and then, from a database that is no shard's.
  const store = await openMongodbStore({ url, log: silentLog, onCommand: event => { if (event.command.$db !== 'config') sent.push(event) } })
  t.teardown(async () => { await store.close() })
  const of = (name: string): Document[] => sent.filter(({ commandName }) => commandName === name).map(({ command }) => command)
  const during = async (act: () => Promise<unknown>): Promise<Record<string, number>> => {
    const start = sent.length
    await act()
    const counts: Record<string, number> = {}
    for (const { commandName } of sent.slice(start)) if (!administrative.has(commandName)) counts[commandName] = (counts[commandName] ?? 0) + 1
    return counts
  }
  const streams = Array.from({ length: 30 }, () => userStream(randomBytes(6).toString('hex')))
  const [first, second, third] = streams as [StreamId, StreamId, StreamId]
  /** One for each shard that they lie on. */
  const shardsOf = (collection: CollectionName, keys: readonly string[]): number => new Set(keys.map(key => store.shardOf?.(collection, key) ?? '')).size
  const keysAt = (prev: number): string[] => streams.map(stream => entryKey(stream, prev))

  t.same(await during(async () => await store.insertChains('entries', streams.map(stream => [message(stream, 0, 1)]))), { insert: shardsOf('entries', keysAt(0)) }, 'one insert for the chains of one on a shard')
  t.same(await during(async () => await store.insertChains('entries', [[message(first, 1, 2), message(first, 2, 3)], [message(second, 1, 2), message(second, 2, 3)], [message(third, 1, 2)]])), { insert: 3 })
  t.ok(of('insert').every(({ writeConcern: { w, j } }) => w === 'majority' && j === true))
  t.equal(of('insert').filter(({ ordered }) => ordered === true).length, 2, 'ordered ones for the chains of several')
  t.same(await during(async () => await Promise.all(streams.map(async stream => await store.exist('entries', [entryKey(stream, 1)])))), { find: shardsOf('entries', keysAt(1)) }, 'one find for the questions of a tick')
  t.same(await during(async () => await Promise.all(streams.map(async stream => await store.get('entries', [entryKey(stream, 0)])))), { find: shardsOf('entries', keysAt(0)) })
  await store.range('entries', ownerRange(first), { limit: 10 })
  await store.range('entries', entriesBefore(first, 3), { limit: 1, reverse: true })
  t.same(await during(async () => await store.ranges('entries', streams.map(stream => entriesAfter(stream, 1)), { limit: 100 })), { find: shardsOf('entries', keysAt(1)) })
  await store.lasts('entries', streams.map(ownerRange))
  const doc = { key: membershipKey(first, 'g'), v: 0, purgeAt: null, text: '' }
  t.same(await during(async () => await store.replace('state', [{ was: undefined, doc }])), { insert: 1 })
  t.same(await during(async () => await store.replace('state', [{ was: 0, doc: { ...doc, v: 1 } }])), { update: 1 })
  const others = streams.map(stream => ({ ...doc, key: membershipKey(stream, 'h') }))
  const places = shardsOf('state', others.map(({ key }) => key))
  t.same(await during(async () => await Promise.all(others.map(async one => await store.insertChains('state', [[one]])))), { insert: places }, 'one insert for the writes of a tick')
  t.same(await during(async () => await Promise.all(others.map(async one => await store.replace('state', [{ was: 0, doc: { ...one, v: 1 } }])))), { update: places })
  await store.replace('state', [{ was: 0, doc: { ...doc, v: 1 } }, { was: 1, doc: { ...doc, v: 2 } }])
  await store.remove('entries', keysAt(0))
  await store.timeMs()

  t.same(sent.map(({ commandName, command }) => ({ commandName, fault: faultOfCommand(commandName, command) })).filter(({ fault }) => fault !== undefined), [])
  const readConcerns = new Set([...of('find'), ...of('aggregate')].map(({ readConcern }) => (readConcern as { level?: string } | undefined)?.level))
  const found = await inspectMongodb({ url })
  t.same([...readConcerns], [found.reachable && found.kind === 'one server' ? 'local' : 'majority'])
  t.equal(of('delete').length, shardsOf('entries', keysAt(0)))
}

t.test('commands - every one names its keys or key ranges, and those of a tick go together', { skip: server === undefined ? mongodbMissing : false }, async t => {
  await checkCommands(t, server?.url ?? '')
})

for (const version of mongosVersions) {
  t.test(`commands - the same on two shards, MongoDB ${version}`, async t => { await checkCommands(t, (await startMongosDouble(t, { version })).url) })
}
