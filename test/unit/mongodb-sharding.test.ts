import { MongoServerError, type Document } from 'mongodb'
import t from 'tap'
import { planChunks, requireShards, shardCollections, type ShardingAdmin } from '../../shared/store/mongodb-sharding.js'
import { shardMapOf, shardOf } from '../../shared/store/shard-map.js'
import { collectionNames, type CollectionName } from '../../shared/store/store.js'

const failure = (code: number, message = 'no'): MongoServerError => new MongoServerError({ message, code })

/** Keeps the books of a mongos with two shards: what is sharded, where chunks begin, where they lie. */
function startBooks ({ full = [], fail = () => undefined }: { full?: CollectionName[], fail?: (command: Document) => Error | undefined } = {}): ShardingAdmin & { borders: Map<string, Set<string>>, places: Map<string, string>, sharded: Set<string> } {
  const sharded = new Set<string>()
  const borders = new Map<string, Set<string>>()
  const places = new Map<string, string>()
  return {
    sharded,
    shardKey: async collection => sharded.has(`gp.${collection}`) ? '{"_id":1}' : undefined,
    map: async collection => {
      const namespace = `gp.${collection}`
      const begins = [...borders.get(namespace) ?? []].sort()
      return shardMapOf(['', ...begins].map((min, at) => ({ min, max: begins[at], shard: places.get(`${namespace} ${min === '' ? '0000' : min}`) ?? 'b' })))
    },
    borders,
    places,
    database: 'gp',
    isEmpty: async collection => !full.includes(collection),
    command: async command => {
      const fault = fail(command)
      if (fault !== undefined) throw fault
      if (command.listShards !== undefined) return { shards: [{ _id: 'b' }, { _id: 'a' }] }
      if (command.shardCollection !== undefined) {
        const namespace = command.shardCollection as string
        if (sharded.has(namespace)) throw failure(20, 'sharding already enabled for collection')
        t.same(command.key, { _id: 1 })
        sharded.add(namespace)
        borders.set(namespace, new Set())
      }
      if (command.split !== undefined) {
        const begins = borders.get(command.split as string)
        const { _id } = command.middle as { _id: string }
        if (begins === undefined) throw failure(118, 'not sharded')
        if (begins.has(_id)) throw failure(72, `new split key { _id: "${_id}" } is a boundary key of existing chunk`)
        begins.add(_id)
      }
      if (command.moveChunk !== undefined) places.set(`${command.moveChunk as string} ${(command.find as { _id: string })._id}`, command.to as string)
      return { ok: 1 }
    }
  }
}

t.test('sharding - every collection by its key, split and spread; again changes nothing', async t => {
  const books = startBooks()
  t.same(await shardCollections(books), [])
  const plan = planChunks(['a', 'b'])
  const check = (): void => {
    t.same([...books.sharded], collectionNames.map(name => `gp.${name}`))
    for (const name of collectionNames) {
      t.same([...books.borders.get(`gp.${name}`) ?? []], plan.splits)
      t.same(plan.places.map(({ key }) => books.places.get(`gp.${name} ${key}`)), plan.places.map(({ shard }) => shard))
    }
  }
  check()
  t.same(await shardCollections(books), [])
  check()
})

t.test('sharding - two that start at once do not disturb each other, a busy mongos is asked again', async t => {
  let busy = 3
  const books = startBooks({ fail: command => command.moveChunk !== undefined && busy-- > 0 ? failure(117) : undefined })
  t.same(await Promise.all([shardCollections(books), shardCollections(books)]), [[], []])
  t.equal(books.places.size, collectionNames.length * planChunks(['a', 'b']).places.length)
})

t.test('sharding - what lies as planned is not asked for documents, and a plan half done is gone on with', async t => {
  const done = startBooks()
  await shardCollections(done)
  t.same(await shardCollections({ ...done, isEmpty: async () => { throw failure(1, 'asked') } }), [])
  let moves = 0
  const died = startBooks({ fail: command => command.moveChunk !== undefined && ++moves > 6 ? failure(13) : undefined })
  t.equal((await shardCollections(died)).length, collectionNames.length, 'died on its way')
  moves = -Infinity
  t.same(await shardCollections(died), [])
  for (const name of collectionNames) {
    const map = await died.map(name)
    t.same(planChunks(['a', 'b']).places.filter(({ key, shard }) => map === undefined || shardOf(map, key) !== shard), [])
  }
})

t.test('sharding - a mongos without shards is not ready yet; who may not ask goes on', async t => {
  await t.rejects(requireShards({ command: async () => ({ shards: [] }) }), { message: /no shards yet/ })
  await t.rejects(requireShards({ command: async () => { throw new Error('connection closed') } }), { message: 'connection closed' })
  await requireShards({ command: async () => { throw failure(13) } })
  await requireShards(startBooks())
})

t.test('sharding - a collection with documents is left to the balancer', async t => {
  const books = startBooks({ full: ['state'] })
  await shardCollections(books)
  t.ok(books.sharded.has('gp.state'))
  t.same([...books.borders.get('gp.state') ?? []], [])
  t.ok((books.borders.get('gp.claims')?.size ?? 0) > 0)
})

t.test('sharding - what a mongos refuses is said; no answer is tried again later', async t => {
  const forbidden = await shardCollections(startBooks({ fail: () => failure(13) }))
  t.equal(forbidden.length, 1)
  t.match(forbidden, [/no right/])
  const unneeded = startBooks({ fail: command => command.enableSharding === undefined ? undefined : failure(59) })
  t.same(await shardCollections(unneeded), [], 'enableSharding is no longer needed')
  const otherKey: ShardingAdmin = { ...startBooks({ fail: command => command.shardCollection === undefined ? undefined : failure(23, 'already sharded with other options') }), shardKey: async () => '{"_id":"hashed"}' }
  t.match(await shardCollections(otherKey), collectionNames.map(name => `${name}: sharded by {"_id":"hashed"} instead of`))
  const unmoved = startBooks({ fail: command => command.moveChunk === 'gp.state' ? failure(8, 'balancing is off') : undefined })
  t.match(await shardCollections(unmoved), [/^state: .*balancing is off/])
  t.equal(unmoved.sharded.size, collectionNames.length, 'the others are done')
  await t.rejects(shardCollections(startBooks({ fail: () => new Error('connection closed') })), { message: 'connection closed' })
})
