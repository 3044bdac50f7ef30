/**
 * Where entries go: from what this process knows of a stream's end, and without asking anybody, the documents to insert, or what must be
 * found out first. Pure but for the clock that it is given.
 *
 * Exactly once. An entry X (id and time fixed before the first try, its seq above its time) is put behind `prev` only if
 * no entry from X's time up to `prev` is X. Three ways to know:
 *   - the tail is older than X: nothing to know
 *   - the ids between are in memory: a look-up
 *   - the store was searched, in two places: X lies within `landsWithin` of its time, or it has a late pointer, which is written
 *     before X is. So a search costs the same however far the stream is ahead of X.
 *
 * Numbers. An entry's seq is the largest of the wall time, its id's time + 1 and `prev` + 1, for its stream alone. Where some
 * clock was ahead once, the stream goes on from there by `prev` + 1 until the others have caught up. No clock is asked
 * whether an entry may be stored. Entries behind `prev` may have been read and then purged: an entry stays `keepMs`
 * longer than its seq says, so a seq that is at most that far below the store's time is above everything purged.
 */
import { fromMs, toMs, type Clock } from '../../../shared/contract/clock.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { entryKey } from '../../../shared/store/keys.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { placeEntry } from './entry.js'
import type { Span } from './past-ids.js'
import type { PendingEntry } from './pending-entry.js'
import type { RecentIds } from './recent-ids.js'

/** The end of a stream: its last entry's seq, and the ids before it that are in memory. */
export interface StreamEnd { readonly seq: number, readonly ids: RecentIds }

export interface PlacingRules {
  /** Logical time: an entry lands so soon after its id's time, or leaves a late pointer. */
  readonly landsWithin: number
  /** A document stays at least so long after its creation, however short its ttl. */
  readonly keepMs: number
}

export interface Found { readonly pending: PendingEntry, readonly seq: number }

/** An entry and its document for this try. */
export interface Placed {
  readonly pending: PendingEntry
  readonly doc: EntryDoc
  /** The seq before it. */
  readonly prev: number
  /** find-messages.ts would not come upon it: it lands later than that looks, or behind more entries than are in memory. */
  readonly isLate: boolean
}

/** What to search before these entries can be placed behind `upTo`. */
export interface SearchPlan {
  readonly sought: readonly PendingEntry[]
  /** By seq, apart from each other: where they lie if they landed soon. */
  readonly spans: readonly Span[]
  /** Those that may lie behind `landsWithin`: their late pointers say where. */
  readonly late: readonly PendingEntry[]
  readonly upTo: number
}

export type Plan =
  /** These are stored, at these seqs. */
  | { readonly kind: 'found', readonly found: readonly Found[] }
  | { readonly kind: 'search', readonly search: SearchPlan }
  /** One chain, in order. May be empty. */
  | { readonly kind: 'insert', readonly placed: readonly Placed[] }

/** Entries that are over are passed over; of a group that was refused nothing is placed. */
export function planAppend (stream: StreamId, end: StreamEnd, entries: readonly PendingEntry[], rules: PlacingRules, clock: Pick<Clock, 'tick' | 'latest'>): Plan {
  const found: Found[] = []
  const sought: PendingEntry[] = []
  for (const pending of entries) {
    if (pending.fate.is === 'over') continue
    const seq = end.ids.seqOf(pending.draft.id, pending.time)
    if (seq !== undefined) found.push({ pending, seq })
    else if (end.seq > pending.searchedTo && end.ids.from > pending.searchedTo) sought.push(pending)
  }
  if (found.length > 0) return { kind: 'found', found }
  if (sought.length > 0) return { kind: 'search', search: planSearch(end, sought, rules) }
  return { kind: 'insert', placed: placeAll(stream, end, entries, rules, clock) }
}

function planSearch ({ seq, ids }: StreamEnd, sought: readonly PendingEntry[], { landsWithin }: PlacingRules): SearchPlan {
  // What lies above `ids.from` is in memory.
  const spans = sought.map(({ searchedTo, time }) => ({ from: searchedTo, to: Math.min(seq, time + landsWithin, ids.from) }))
  return { sought, spans: joinSpans(spans), late: sought.filter(({ time }) => seq > time + landsWithin), upTo: seq }
}

function placeAll (stream: StreamId, { seq, ids }: StreamEnd, entries: readonly PendingEntry[], rules: PlacingRules, clock: Pick<Clock, 'tick' | 'latest'>): Placed[] {
  const placed: Placed[] = []
  let prev = seq
  for (const pending of entries) {
    if (pending.fate.is === 'over' || pending.group?.state === 'refused') continue
    const again = pending.doubtful
    const doc = again !== undefined && placeOfEntry(again.key).prev === prev ? again : placeBehind(stream, prev, pending, rules, clock)
    placed.push({ pending, doc, prev, isLate: doc.seq > pending.time + rules.landsWithin || ids.from > pending.time })
    prev = doc.seq
  }
  return placed
}

function placeBehind (stream: StreamId, prev: number, { draft, time }: PendingEntry, { keepMs }: PlacingRules, clock: Pick<Clock, 'tick' | 'latest'>): EntryDoc {
  const latestMs = clock.latest()
  // Half of `keepMs`: this clock knows the store's time with an error, which differs from shard to shard.
  const seq = Math.max(clock.tick(), fromMs(latestMs - keepMs / 2), prev + 1, time + 1)
  return placeEntry(draft, entryKey(stream, prev), seq, Math.max(draft.expiresAt, Math.max(latestMs, toMs(seq)) + keepMs))
}

/** Without those that are empty; those that overlap as one. */
function joinSpans (spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const { from, to } of spans.filter(({ from, to }) => from < to).sort((one, other) => one.from - other.from)) {
    const last = joined.at(-1)
    if (last === undefined || from > last.to) joined.push({ from, to })
    else if (to > last.to) joined[joined.length - 1] = { from: last.from, to }
  }
  return joined
}
