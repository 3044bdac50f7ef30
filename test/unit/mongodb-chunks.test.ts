import { MaxKey, MinKey, MongoServerError, Timestamp, UUID, type Document } from 'mongodb'
import t from 'tap'
import { createShardMaps, readChunks, toChunk, type ConfigReader } from '../../shared/store/mongodb-chunks.js'
import { until } from '../helpers/until.js'

const at = (version: number): Timestamp => new Timestamp({ t: version, i: 1 })
const uuid = new UUID()
/** As from MongoDB 5.0 on. */
const sharded = { _id: 'gp.entries', key: { _id: 1 }, uuid, lastmodEpoch: 1, timestamp: at(1) }
const chunk = (min: unknown, max: unknown, shard: string, version: number): Document => ({ min: { _id: min }, max: { _id: max }, shard, lastmod: at(version) })
const two = [chunk('m', new MaxKey(), 'b', 2), chunk(new MinKey(), 'm', 'a', 1)]

/** A config database that can be changed, and a count of what is asked of it. */
type NamedBy = 'uuid' | 'ns'

function startConfig (by: () => NamedBy = () => 'uuid'): { read: ConfigReader, config: { entry: Document | null, chunks: Document[], fault: Error | undefined }, asked: Array<{ since: boolean }> } {
  const config = { entry: sharded as Document | null, chunks: two, fault: undefined as Error | undefined }
  const asked: Array<{ since: boolean }> = []
  return {
    config,
    asked,
    read: {
      collection: async name => {
        if (config.fault !== undefined) throw config.fault
        return name === 'entries' ? config.entry : null
      },
      chunks: async (owner, { since, limit = Infinity }) => {
        asked.push({ since: since !== undefined })
        const { uuid, _id } = config.entry ?? {}
        if (by() === 'uuid' ? owner.uuid !== uuid : owner.ns !== _id) return []
        return config.chunks.filter(one => since === undefined || (one.lastmod as Timestamp).greaterThanOrEqual(since))
          .sort((a, b) => (b.lastmod as Timestamp).compare(a.lastmod as Timestamp)).slice(0, limit)
      }
    }
  }
}

t.test('chunk map - read whole once, then only what has changed', async t => {
  const { read, config, asked } = startConfig()
  const maps = createShardMaps(read)
  t.teardown(maps.close)
  t.equal(maps.of('entries'), undefined)
  await maps.refresh()
  t.same(maps.of('entries'), [{ from: '', shard: 'a' }, { from: 'm', shard: 'b' }])
  t.equal(maps.of('state'), undefined, 'not sharded')
  config.chunks = [...two.slice(1), chunk('m', 'q', 'c', 4), chunk('q', new MaxKey(), 'b', 5)]
  await maps.refresh()
  t.same(maps.of('entries'), [{ from: '', shard: 'a' }, { from: 'm', shard: 'c' }, { from: 'q', shard: 'b' }])
  const last = maps.of('entries')
  await maps.refresh()
  t.equal(maps.of('entries'), last)
  t.same(asked, [{ since: false }, { since: true }, { since: true }])
  t.equal(maps.note(), undefined)
})

t.test('chunk map - read whole again where the collection is another one, or the newest change is gone', async t => {
  const { read, config, asked } = startConfig()
  const maps = createShardMaps(read)
  t.teardown(maps.close)
  await maps.refresh()
  config.chunks = [chunk(new MinKey(), new MaxKey(), 'c', 1)]
  await maps.refresh()
  t.same(maps.of('entries'), [{ from: '', shard: 'c' }])
  config.entry = { ...sharded, uuid: new UUID() }
  config.chunks = two
  await maps.refresh()
  t.same(maps.of('entries')?.length, 2)
  t.same(asked.map(({ since }) => since), [false, true, false, false])
})

t.test('chunk map - chunks that are named by namespace, whatever config.collections has, and by uuid after an upgrade', async t => {
  // 4.4 has a uuid in config.collections, and chunks by namespace.
  let by: NamedBy = 'ns'
  const { read, config, asked } = startConfig(() => by)
  const { timestamp, ...old } = sharded
  const maps = createShardMaps(read)
  t.teardown(maps.close)
  config.entry = old
  await maps.refresh()
  t.same(maps.of('entries')?.length, 2)
  t.same(asked, [{ since: false }], 'at the first question')
  config.chunks = [...two.slice(1), chunk('m', 'q', 'c', 4), chunk('q', new MaxKey(), 'b', 5)]
  await maps.refresh()
  t.same(maps.of('entries')?.length, 3, 'changes too')
  by = 'uuid'
  config.entry = { ...old, timestamp }
  config.chunks = two
  await maps.refresh()
  t.same(maps.of('entries')?.length, 2, 'upgraded')

  const odd = startConfig(() => 'ns')
  t.same(await readChunks(odd.read, sharded), { owner: { ns: sharded._id }, chunks: two }, 'the form that is not expected')
  odd.config.entry = { ...old, uuid: undefined }
  t.same(await readChunks(odd.read, odd.config.entry), { owner: { ns: sharded._id }, chunks: two })
})

t.test('chunk map - sharded, and no chunk shows: said once, and once when it is over', async t => {
  const { read, config } = startConfig()
  const notes: Array<string | undefined> = []
  const maps = createShardMaps(read, { onNote: note => { notes.push(note) } })
  t.teardown(maps.close)
  config.chunks = []
  await maps.refresh()
  await maps.refresh()
  t.match(notes, [/^entries: sharded, but config\.chunks shows no chunk/])
  t.equal(maps.note(), notes[0])
  config.chunks = two
  await maps.refresh()
  t.same(notes.slice(1), [undefined])
})

t.test('chunk map - none where it is not sharded by the key alone', async t => {
  const { read, config } = startConfig()
  const maps = createShardMaps(read)
  t.teardown(maps.close)
  for (const entry of [null, { ...sharded, unsplittable: true }, { ...sharded, dropped: true }, { ...sharded, key: { _id: 'hashed' } }, { ...sharded, key: { _id: 1, seq: 1 } }]) {
    config.entry = sharded
    await maps.refresh()
    t.ok(maps.of('entries'))
    config.entry = entry
    await maps.refresh()
    t.equal(maps.of('entries'), undefined)
  }
})

t.test('chunk map - a fault leaves what is known, and is said where nothing is', async t => {
  const { read, config } = startConfig()
  const maps = createShardMaps(read)
  t.teardown(maps.close)
  config.fault = new MongoServerError({ message: 'not authorized on config', code: 13 })
  await maps.refresh()
  t.match(maps.note(), /no right to read config\.collections and config\.chunks/)
  t.equal(maps.of('entries'), undefined)
  config.fault = new Error('closed')
  await maps.refresh()
  t.match(maps.note(), /could not be read.*closed/)
  config.fault = undefined
  await maps.refresh()
  t.equal(maps.note(), undefined)
  config.fault = new Error('closed')
  await maps.refresh()
  t.equal(maps.of('entries')?.length, 2)
  t.equal(maps.note(), undefined)
  config.fault = undefined
  config.chunks = [chunk('m', new MaxKey(), 'b', 9)]
  config.entry = { ...sharded, lastmodEpoch: 2 }
  await maps.refresh()
  t.equal(maps.of('entries')?.length, 2, 'a hole: read while it changed')
})

t.test('chunk map - read again in time, and sooner after a surprise', async t => {
  const { read, asked } = startConfig()
  const maps = createShardMaps(read, { timing: { refreshMs: 50, soonMs: 1 } })
  t.teardown(maps.close)
  maps.refreshSoon()
  t.same(asked, [], 'not before it was asked for')
  await maps.refresh()
  await until('it is read again', () => asked.length >= 3)
  maps.close()

  const slow = startConfig()
  const rare = createShardMaps(slow.read, { timing: { refreshMs: 3_600_000, soonMs: 5 } })
  t.teardown(rare.close)
  await rare.refresh()
  rare.refreshSoon()
  rare.refreshSoon()
  await until('it is read again', () => slow.asked.length === 2)
  rare.refreshSoon()
  await until('and again', () => slow.asked.length === 3)
})

t.test('chunks - bounds that are no strings lie before or behind all strings', async t => {
  const of = (min: unknown, max: unknown): unknown => toChunk(chunk(min, max, 's', 1))
  t.same(of(new MinKey(), new MaxKey()), [{ min: '', max: undefined, shard: 's' }])
  t.same(of(5, 'a'), [{ min: '', max: 'a', shard: 's' }])
  t.same(of('z', new UUID()), [{ min: 'z', max: undefined, shard: 's' }])
  t.same(of(new MinKey(), 7), [])
  t.same(of(new UUID(), new MaxKey()), [])
})
