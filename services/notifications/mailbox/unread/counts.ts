/** Numbers of messages by category. */
export type Counts = Map<string, number>

/** Where in a stream messages of a category may lie: in ranges (after < seq <= to), and at single seqs. */
export interface Places { readonly ranges: ReadonlyArray<{ after: number, to: number }>, readonly seqs: readonly number[] }

export function add (counts: Counts, category: string, n: number): void {
  const sum = (counts.get(category) ?? 0) + n
  if (sum === 0) counts.delete(category)
  else counts.set(category, sum)
}

export interface Unread { readonly unread: number, readonly byCategory: Readonly<Record<string, number>> }

/** So many categories are counted by their names, and no more than fits into so many bytes of an event; the rest under `rest`. */
const mostCategories = 100
const mostBytes = 30 * 1024
export const rest = 'other'

/**
 * The form of the wire. Those whose unread messages came first have their names: the counts are in that order, so every
 * node says the same, nobody takes a name's place by sending more of others, and one that is read makes room.
 * A category may be called `__proto__`: the object has no prototype to harm.
 */
export function toUnread (counts: Counts): Unread {
  let unread = 0
  let bytes = 0
  const named = new Map<string, number>()
  let others = 0
  let isFull = false
  for (const [category, n] of counts) {
    unread += n
    if (category !== rest && !isFull) {
      const size = Buffer.byteLength(JSON.stringify(category)) + 20
      isFull = named.size >= mostCategories || bytes + size > mostBytes
      if (!isFull) {
        named.set(category, n)
        bytes += size
        continue
      }
    }
    others += n
  }
  if (others > 0) named.set(rest, others)
  const byCategory: Record<string, number> = Object.create(null) as Record<string, number>
  for (const [category, n] of [...named].sort(([a], [b]) => a < b ? -1 : 1)) byCategory[category] = n
  return { unread, byCategory }
}

/**
 * In entries: how long a tail becomes before its older part is sealed, how much of it, how long merged segments grow. In segments:
 * how many are sealed between two times of storing, above how many older ones are merged.
 */
export interface CountLimits { readonly tailEntries: number, readonly segmentEntries: number, readonly mergedEntries: number, readonly storedSegments: number, readonly maxSegments: number }
export const countLimits: CountLimits = { tailEntries: 256, segmentEntries: 128, mergedEntries: 2_048, storedSegments: 2, maxSegments: 2_000 }
