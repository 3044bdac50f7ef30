/**
 * Which shard keys lie on, so that every command can be kept to one: mongos sends a command that names keys of several
 * shards to all of them. Pure. A map that is out of date, or none, makes commands that go to more shards than they
 * must; it never changes what they answer.
 */
import { groupBy } from '../platform/group-by.js'
import { firstIndex } from '../platform/sorted.js'
import { compareKeys, isEmptyRange } from './key-order.js'
import type { KeyRange } from './store.js'

/** From this key on, up to the next stretch, all lies on one shard. */
export interface Stretch { readonly from: string, readonly shard: string }

/** Ascending; the first stretch begins at '', neighbours lie on different shards. */
export type ShardMap = readonly Stretch[]

/** Keys from `min` (inclusive; '' = the smallest) to `max` (exclusive; undefined = no end). */
export interface Chunk { readonly min: string, readonly max: string | undefined, readonly shard: string }

/** A part of a range that lies on one shard. */
export interface RangePiece {
  readonly from: string
  readonly to: string
  /** `to` itself belongs to it: the last key before a border. */
  readonly includesTo: boolean
}

/** Undefined where the chunks leave a hole or overlap: they were read while they changed. */
export function shardMapOf (chunks: readonly Chunk[]): ShardMap | undefined {
  const sorted = [...chunks].sort((a, b) => compareKeys(a.min, b.min))
  let end: string | undefined = ''
  for (const { min, max } of sorted) {
    if (end === undefined || min !== end) return undefined
    end = max
  }
  return end === undefined ? joined(sorted.map(({ min, shard }) => ({ from: min, shard }))) : undefined
}

/** The map after these chunks have changed. */
export function withChunks (map: ShardMap, changed: readonly Chunk[]): ShardMap {
  let stretches: Stretch[] = [...map]
  for (const { min, max, shard } of changed) {
    if (max !== undefined && compareKeys(min, max) >= 0) continue
    const before = stretches.filter(({ from }) => compareKeys(from, min) < 0)
    const after = max === undefined ? [] : [{ from: max, shard: shardOf(stretches, max) }, ...stretches.filter(({ from }) => compareKeys(from, max) > 0)]
    stretches = [...before, { from: min, shard }, ...after]
  }
  return joined(stretches)
}

const joined = (stretches: readonly Stretch[]): ShardMap => stretches.filter(({ shard }, at) => shard !== stretches[at - 1]?.shard)

/** The last stretch that begins at or before the key. */
const stretchAt = (map: ShardMap, key: string): number => Math.max(0, firstIndex(map.length, at => compareKeys(map[at]!.from, key) <= 0) - 1)

export const shardOf = (map: ShardMap, key: string): string => map[stretchAt(map, key)]?.shard ?? ''

/** One group for each shard, in each the order as it was; all in one where there is no map. */
export function groupByShard<T> (map: ShardMap | undefined, items: readonly T[], keyOf: (item: T) => string): T[][] {
  if (items.length === 0) return []
  if (map === undefined || map.length < 2) return [[...items]]
  return [...groupBy(items, item => shardOf(map, keyOf(item))).values()]
}

/** Cuts where the next item lies on another shard: what must be done in order stays in order. */
export function runsByShard<T> (map: ShardMap | undefined, items: readonly T[], keyOf: (item: T) => string): T[][] {
  if (items.length === 0) return []
  if (map === undefined || map.length < 2) return [[...items]]
  const runs: T[][] = []
  let last: string | undefined
  for (const item of items) {
    const shard = shardOf(map, keyOf(item))
    if (shard === last) runs.at(-1)?.push(item)
    else runs.push([item])
    last = shard
  }
  return runs
}

/** The range, cut where it passes from one shard to another; ascending. */
export function cutRange (map: ShardMap | undefined, range: KeyRange): RangePiece[] {
  if (isEmptyRange(range)) return []
  const pieces: RangePiece[] = []
  let { from } = range
  for (let at = map === undefined ? 0 : stretchAt(map, from); ; at++) {
    const border = map?.[at + 1]?.from
    if (border === undefined || compareKeys(border, range.to) > 0) {
      if (compareKeys(from, range.to) < 0) pieces.push({ from, to: range.to, includesTo: false })
      return pieces
    }
    // mongos takes the upper end of a range for inclusive (SERVER-20768): "below the border" would go to both shards.
    const last = lastBefore(border)
    if (compareKeys(from, last) <= 0) pieces.push({ from, to: last, includesTo: true })
    from = border
  }
}

const greatest = '\u{10ffff}'
/** No key has as many of them on end: a name has at most 128 characters, and a TAB stands between two. */
const greatestRun = greatest.repeat(256)

/** No key of Gatepost's lies between this and the border, which is not ''. */
export function lastBefore (border: string): string {
  const characters = [...border]
  const code = characters.pop()?.codePointAt(0) ?? 0
  const start = characters.join('')
  if (code === 0) return start
  // Surrogates are no characters of their own.
  return start + String.fromCodePoint(code === 0xe000 ? 0xd7ff : code - 1) + greatestRun
}
