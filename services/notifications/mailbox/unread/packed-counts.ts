/** The counts of a user's own stream as they are stored: a cache, of which what is missing is read again. */
import { countLimits } from './counts.js'
import { emptyTail, type OwnCounts, type Segment } from './own-counts.js'

/** Older documents have no `countedAtMs`. */
type PackedSegment = [after: number, to: number, entries: number, nextExpiryMs: number | null, counts: Array<[string, number]>, countedAtMs?: number]

interface PackedCounts { readonly segments: PackedSegment[], readonly recalled: Array<[number, number]> }

/** So many characters of counts are stored: a document has an end, and mail in ever new categories makes each of its messages a count. */
const maxPackedChars = 1 << 20

export function packCounts ({ segments, recalled }: OwnCounts): string {
  let left = maxPackedChars
  const packed = segments.map(pack)
  // The latest first: an older one for which there is no room is stored as due, and read again by who needs it.
  for (let at = packed.length - 1; at >= 0; at--) {
    const [after, to, entries, , counts] = packed[at]!
    for (const [category] of counts) left -= category.length
    if (left < 0) packed[at] = [after, to, entries, 0, []]
  }
  const document: PackedCounts = { segments: packed, recalled: [...recalled ?? []] }
  return JSON.stringify(document)
}

const pack = ({ after, to, entries, nextExpiryMs, isStale, counts, countedAtMs }: Segment): PackedSegment =>
  // A stale one is stored as due at once.
  [after, to, entries, isStale ? 0 : nextExpiryMs === Infinity ? null : nextExpiryMs, [...counts], Math.floor(countedAtMs)]

export function loadCounts (text: string, limits = countLimits): OwnCounts {
  const packed = JSON.parse(text) as PackedCounts
  const segments = packed.segments.map(([after, to, entries, nextExpiryMs, counts, countedAtMs = 0]): Segment =>
    ({ after, to, entries, nextExpiryMs: nextExpiryMs ?? Infinity, counts: new Map(counts), countedAtMs, isStale: false }))
  return { segments, sealedTo: segments.at(-1)?.to ?? 0, tail: emptyTail(), tailTotal: undefined, recalled: packed.recalled.length === 0 ? undefined : new Map(packed.recalled), unstored: 0, limits, refreshing: undefined }
}
