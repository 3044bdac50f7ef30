import { MongoServerError, type Document } from 'mongodb'
import t from 'tap'
import { nextStep, planShares, requireShards, shardCollections, type ShardingAdmin } from '../../shared/store/mongodb-sharding.js'
import type { Chunk } from '../../shared/store/shard-map.js'
import { collectionNames } from '../../shared/store/store.js'

const failure = (code?: number, message = 'no'): MongoServerError => new MongoServerError({ message, ...code !== undefined && { code } })
const shares = planShares(['b', 'a'])
const chunks = (...list: Array<[string, string]>): Chunk[] => list.map(([min, shard], at) => ({ min, max: list[at + 1]?.[0], shard }))

t.test('sharding - the next step: cut, then move, whatever is cut finer', async t => {
  t.same(nextStep('gp.x', shares, chunks(['', 'b'])), { split: 'gp.x', middle: { _id: '8000' } })
  t.same(nextStep('gp.x', shares, chunks(['', 'b'], ['8000', 'b'])), { moveChunk: 'gp.x', find: { _id: '0000' }, to: 'a' })
  t.same(nextStep('gp.x', shares, chunks(['', 'a'], ['8000', 'a'])), { moveChunk: 'gp.x', find: { _id: '8000' }, to: 'b' })
  t.equal(nextStep('gp.x', shares, chunks(['', 'a'], ['8000', 'b'])), undefined)
  t.same(nextStep('gp.x', shares, chunks(['', 'a'], ['2000', 'b'], ['8000', 'b'])), { moveChunk: 'gp.x', find: { _id: '2000' }, to: 'a' })
  t.same(nextStep('gp.x', shares, chunks(['', 'a'], ['8000', 'b'], ['c000', 'a'])), { moveChunk: 'gp.x', find: { _id: 'c000' }, to: 'b' })
  t.equal(nextStep('gp.x', shares, chunks(['', 'b'], ['00', 'a'], ['8000', 'b'])), undefined, 'no key lies before 0000')
  t.equal(nextStep('gp.x', planShares(['a']), chunks(['', 'a'], ['5', 'a'])), undefined)
})

interface Books extends ShardingAdmin { readonly sharded: Map<string, Chunk[]>, readonly sent: Document[] }

/** Does what it is asked at once; `fail` speaks first. */
function startBooks ({ full = [], fail = () => undefined }: { full?: string[], fail?: (command: Document) => Error | undefined } = {}): Books {
  const sharded = new Map<string, Chunk[]>()
  const sent: Document[] = []
  return {
    sharded,
    sent,
    database: 'gp',
    shardKey: async name => sharded.has(name) ? '{"_id":1}' : undefined,
    chunks: async name => sharded.get(name) ?? [],
    isEmpty: async name => !full.includes(name),
    command: async command => {
      sent.push(command)
      const fault = fail(command)
      if (fault !== undefined) throw fault
      if (command.listShards !== undefined) return { shards: [{ _id: 'b' }, { _id: 'a' }, { _id: 'c', draining: true }] }
      const name = String(command.shardCollection ?? command.split ?? command.moveChunk ?? '').slice(3)
      if (command.shardCollection !== undefined) sharded.set(name, chunks(['', 'b']))
      if (command.split !== undefined) sharded.set(name, chunks(['', 'b'], ['8000', 'b']))
      if (command.moveChunk !== undefined) sharded.set(name, chunks(['', 'a'], ['8000', 'b']))
      return { ok: 1 }
    }
  }
}
const done = chunks(['', 'a'], ['8000', 'b'])
const none = (): { leftMs: number } => ({ leftMs: 0 })

t.test('sharding - every collection by its key, an even share for each shard that stays; again changes nothing', async t => {
  const books = startBooks()
  t.same(await shardCollections(books), [])
  t.same([...books.sharded], collectionNames.map(name => [name, done]))
  books.sent.length = 0
  t.same(await shardCollections({ ...books, isEmpty: async () => { throw failure(1, 'asked') } }), [], 'what lies as planned is not asked for documents')
  t.same(books.sent, [{ listShards: 1 }])
})

t.test('sharding - what a refusal says is not believed: what is there counts, with a code or without one', async t => {
  for (const code of [undefined, 20, 23, 72, 117]) {
    const books: Books = startBooks({
      fail: command => {
        const name = String(command.split ?? command.shardCollection ?? command.moveChunk ?? '').slice(3)
        if (name === '') return undefined
        // Another has done it a moment ago.
        books.sharded.set(name, done)
        return failure(code, 'new split key { _id: "8000" } is a boundary key of existing chunk')
      }
    })
    t.same(await shardCollections(books, none()), [], `code ${code}`)
    t.same([...books.sharded.values()], collectionNames.map(() => done))
  }
})

t.test('sharding - tried again while there is patience, over all collections together', async t => {
  let busy = 3
  const books = startBooks({ fail: command => command.moveChunk !== undefined && busy-- > 0 ? failure(117) : undefined })
  t.same(await shardCollections(books), [])
  const patience = { leftMs: 400 }
  const unmoved = startBooks({ fail: command => command.moveChunk === undefined ? undefined : failure(undefined, 'balancing is off') })
  t.same(await shardCollections(unmoved, patience), collectionNames.map(name => `${name}: not sharded or not spread: balancing is off`))
  t.ok(patience.leftMs <= 0 && unmoved.sent.filter(command => command.moveChunk !== undefined).length <= 6)
  const idle = { ...startBooks(), chunks: async () => chunks(['', 'b']) }
  t.match(await shardCollections(idle, none()), [/^entries: .*was answered with ok and did nothing/, /^state/, /^claims/])
})

t.test('sharding - a mongos without shards is not ready yet; who may not ask goes on', async t => {
  await t.rejects(requireShards({ command: async () => ({ shards: [] }) }), { message: /no shards yet/ })
  await t.rejects(requireShards({ command: async () => { throw new Error('connection closed') } }), { message: 'connection closed' })
  await requireShards({ command: async () => { throw failure(13) } })
  await requireShards({ command: async () => { throw failure() } })
  await requireShards(startBooks())
})

t.test('sharding - a collection with documents is left to the balancer', async t => {
  const books = startBooks({ full: ['state'] })
  await shardCollections(books)
  t.same(books.sharded.get('state'), chunks(['', 'b']))
  t.same(books.sharded.get('claims'), done)
})

t.test('sharding - what a mongos refuses is said; no answer is tried again later', async t => {
  t.match(await shardCollections(startBooks({ fail: () => failure(13) })), [/^gp: no right/])
  const forbidden = startBooks({ fail: command => command.shardCollection === undefined ? undefined : failure(13) })
  t.match(await shardCollections(forbidden), collectionNames.map(name => `${name}: no right to shard`))
  t.equal(forbidden.sent.filter(command => command.shardCollection !== undefined).length, collectionNames.length, 'each asked for once')
  t.same(await shardCollections(startBooks({ fail: command => command.enableSharding === undefined ? undefined : failure(59) })), [], 'enableSharding is no longer needed')
  const otherKey: ShardingAdmin = { ...startBooks(), shardKey: async () => '{"_id":"hashed"}' }
  t.match(await shardCollections(otherKey), collectionNames.map(name => `${name}: sharded by {"_id":"hashed"} instead of`))
  t.match(await shardCollections({ ...startBooks(), chunks: async () => [] }), collectionNames.map(name => `${name}: not sharded or not spread: config.chunks shows no chunk`))
  await t.rejects(shardCollections(startBooks({ fail: () => new Error('connection closed') })), { message: 'connection closed' })
})
