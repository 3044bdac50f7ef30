import fc from 'fast-check'
import t from 'tap'
import { cutRange, groupByShard, lastBefore, runsByShard, shardMapOf, shardOf, withChunks, type Chunk, type RangePiece, type ShardMap } from '../../shared/store/shard-map.js'
import { compareKeys } from '../../shared/store/key-order.js'

/** Keys that meet borders often: few letters, and what sorts oddly (NUL, TAB, both sides of the surrogates, U+10FFFF). */
const key = fc.array(fc.constantFrom('0', '1', 'a', 'g', '\0', '\t', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'), { maxLength: 4 }).map(units => units.join(''))
const shard = fc.constantFrom('north', 'south', 'east')

/** Chunks that cover all keys. */
const chunks = fc.record({ borders: fc.uniqueArray(key.filter(border => border !== ''), { maxLength: 6 }), shards: fc.array(shard, { minLength: 7, maxLength: 7 }) })
  .map(({ borders, shards }): Chunk[] => {
    const begins = ['', ...borders.sort(compareKeys)]
    return begins.map((min, at) => ({ min, max: begins[at + 1], shard: shards[at] ?? '' }))
  })
const mapOf = (from: readonly Chunk[]): ShardMap => {
  const map = shardMapOf(from)
  if (map === undefined) throw new Error('no map')
  return map
}
const map = chunks.map(mapOf)
const mapOrNone = fc.option(map, { nil: undefined })
const isIn = ({ min, max }: Chunk, at: string): boolean => compareKeys(min, at) <= 0 && (max === undefined || compareKeys(at, max) < 0)
const holds = ({ from, to, includesTo }: RangePiece, at: string): boolean => compareKeys(from, at) <= 0 && (includesTo ? compareKeys(at, to) <= 0 : compareKeys(at, to) < 0)
/** As mongos targets: the upper end counts as inclusive, whatever the operator. */
const targeted = (from: readonly Chunk[], piece: RangePiece): Set<string> =>
  new Set(from.filter(({ min, max }) => compareKeys(min, piece.to) <= 0 && (max === undefined || compareKeys(piece.from, max) < 0)).map(chunk => chunk.shard))

t.test('keys - compare as their UTF-8 bytes', async t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) =>
    Math.sign(compareKeys(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))))
  fc.assert(fc.property(key, key, (a, b) => Math.sign(compareKeys(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))))
  t.pass()
})

t.test('map - tells for every key the shard of its chunk', async t => {
  fc.assert(fc.property(chunks, key, (all, at) => shardOf(mapOf(all), at) === all.find(chunk => isIn(chunk, at))?.shard))
  fc.assert(fc.property(map, stretches => stretches.every((stretch, at) => at === 0 ? stretch.from === '' : stretch.shard !== stretches[at - 1]?.shard)))
  fc.assert(fc.property(chunks.filter(all => all.length > 1), fc.nat(), (all, at) => shardMapOf(all.filter((_, index) => index !== at % all.length)) === undefined), undefined)
  t.equal(shardMapOf([]), undefined)
  t.equal(shardMapOf([{ min: '', max: undefined, shard: 'a' }, { min: 'b', max: undefined, shard: 'b' }]), undefined, 'an overlap')
})

t.test('map - chunks that have changed since take the place of what was there', async t => {
  const change = fc.record({ min: key, max: fc.option(key, { nil: undefined }), shard })
  fc.assert(fc.property(chunks, fc.array(change, { maxLength: 4 }), key, (all, changed, at) => {
    const expected = changed.findLast(chunk => isIn(chunk, at))?.shard ?? shardOf(mapOf(all), at)
    return shardOf(withChunks(mapOf(all), changed), at) === expected
  }))
  fc.assert(fc.property(chunks, chunks, (before, after) => {
    t.strictSame(withChunks(mapOf(before), after), mapOf(after))
  }), { numRuns: 30 })
})

t.test('groups - every key in exactly one, each on one shard, the order kept', async t => {
  fc.assert(fc.property(mapOrNone, fc.array(key), (where, keys) => {
    const items = keys.map((of, at) => ({ of, at }))
    const groups = groupByShard(where, items, item => item.of)
    const seen = groups.flat().map(item => item.at).sort((a, b) => a - b)
    const shards = groups.map(group => new Set(group.map(item => where === undefined ? '' : shardOf(where, item.of))))
    return seen.length === keys.length && seen.every((at, index) => at === index) &&
      shards.every(set => set.size === 1) && new Set(shards.flatMap(set => [...set])).size === groups.length &&
      groups.every(group => group.every((item, index) => index === 0 || item.at > (group[index - 1]?.at ?? Infinity)))
  }))
  fc.assert(fc.property(mapOrNone, fc.array(key), (where, keys) => {
    const runs = runsByShard(where, keys, of => of)
    t.strictSame(runs.flat(), keys)
    const shards = runs.map(run => new Set(run.map(of => where === undefined ? '' : shardOf(where, of))))
    t.ok(shards.every(set => set.size === 1))
    t.ok(shards.every((set, at) => at === 0 || [...set][0] !== [...shards[at - 1] ?? []][0]), 'no more cuts than must be')
  }), { numRuns: 50 })
})

t.test('cuts - cover the range exactly, in order, each on one shard as mongos targets it', async t => {
  fc.assert(fc.property(chunks, key, key, key, (all, from, to, at) => {
    const pieces = cutRange(mapOf(all), { from, to })
    const isWanted = compareKeys(from, at) <= 0 && compareKeys(at, to) < 0
    return pieces.filter(piece => holds(piece, at)).length === (isWanted ? 1 : 0) &&
      pieces.every(piece => targeted(all, piece).size === 1) &&
      pieces.every((piece, index) => index === 0 || compareKeys(pieces[index - 1]?.to ?? '', piece.from) < 0)
  }), { numRuns: 2000 })
  fc.assert(fc.property(key, key, (from, to) => {
    t.strictSame(cutRange(undefined, { from, to }), compareKeys(from, to) < 0 ? [{ from, to, includesTo: false }] : [])
  }), { numRuns: 30 })
})

t.test('cuts - what ends at a border does not reach for what begins there', async t => {
  const where = mapOf([{ min: '', max: 'm', shard: 'a' }, { min: 'm', max: undefined, shard: 'b' }])
  t.strictSame(cutRange(where, { from: 'k', to: 'm' }).map(piece => piece.from), ['k'])
  t.ok(compareKeys(cutRange(where, { from: 'k', to: 'm' })[0]?.to ?? 'm', 'm') < 0)
  t.strictSame(cutRange(where, { from: 'm', to: 'n' }), [{ from: 'm', to: 'n', includesTo: false }])
})

t.test('last before a border - no key lies between', async t => {
  fc.assert(fc.property(key.filter(border => border !== ''), key, (border, at) =>
    compareKeys(lastBefore(border), border) < 0 && !(compareKeys(lastBefore(border), at) < 0 && compareKeys(at, border) < 0)), { numRuns: 2000 })
  const longest = '\u{10ffff}'.repeat(128)
  t.ok(compareKeys(`4000u:${longest}\tm${longest}`, lastBefore('4001')) < 0)
  t.ok(compareKeys(`4000u:b${longest}\tm`, lastBefore('4000u:c')) < 0)
  t.equal(lastBefore('a\0'), 'a')
  t.ok(lastBefore('\ue000').startsWith('\ud7ff'))
})
