/**
 * Unread messages of a user's own stream, exact without reading it again: the stream is cut into segments of a few
 * hundred entries, each with its unread counts by category and the time at which the first of them expires. A segment
 * that a mark, a recall or an expiry may have changed is read again when a count is asked for, it alone. What came
 * after the last segment, the tail, is in memory.
 */
import { flagsOf, marksIn, untouchedAbove, type UserState } from '../state/user-state.js'
import type { StreamId } from '../../../../shared/contract/names.js'
import { firstIndex } from '../../../../shared/platform/sorted.js'
import type { EntryDoc, MessageDoc } from '../../../../shared/store/store.js'
import { readAfter } from '../../log/read.js'
import { forgotten, type StoredChange } from '../../log/change.js'
import type { Store } from '../../../../shared/store/store.js'
import { add, countLimits, type CountLimits, type Counts, type Places } from './counts.js'

/** What is counted, and ms since 1970 from when that is too high; Infinity where nothing is. */
interface Counted {
  counts: Map<string, number>
  nextExpiryMs: number
  /** Wall time of the count: a clock that was ahead has left out what lives. */
  countedAtMs: number
}

/** Clocks of nodes differ by seconds; what one of them counts out so much too early is over by the time that another looks. */
export const clocksDifferMs = 5_000
const isDue = ({ nextExpiryMs, countedAtMs }: Counted, now: number): boolean => nextExpiryMs <= now || countedAtMs > now + clocksDifferMs

export interface Segment extends Counted {
  /** Entries with after < seq <= to. */
  readonly after: number
  readonly to: number
  readonly entries: number
  isStale: boolean
}

/**
 * Three numbers for each entry, in one array: its seq, when it expires, and the index of its category, -1 where it is nothing to
 * count. An object for each would outlive the young generation, hundreds for each user; and a node that pushes to many users
 * waits for memory more than it computes, so what belongs together lies together.
 */
interface Tail {
  readonly values: number[]
  readonly categories: string[]
}
const width = 3
const uncounted = -1

interface TailTotal extends Counted { readonly state: UserState }

export interface OwnCounts {
  readonly segments: Segment[]
  /** The seq up to which entries are in segments: what a reload need not read. */
  sealedTo: number
  /** Every entry after the last segment. */
  tail: Tail
  /** What the tail counts to in this state, kept while only messages come. */
  tailTotal: TailTotal | undefined
  /** Recalled messages by seq, until they expire: perhaps not erased yet when their segment is read again. */
  recalled: Map<number, number> | undefined
  /** Segments since the counts were worth storing: who reads them again reads these again, too. */
  unstored: number
  readonly limits: CountLimits
  /** While stale segments are read. */
  refreshing: Promise<void> | undefined
}

export const emptyCounts = (limits = countLimits): OwnCounts => ({ segments: [], sealedTo: 0, tail: emptyTail(), tailTotal: undefined, recalled: undefined, unstored: 0, limits, refreshing: undefined })
export const emptyTail = (): Tail => ({ values: [], categories: [] })
const lengthOf = ({ values }: Tail): number => values.length / width

/** What counting needs to know of a message: a segment is read without keeping its texts. */
type Countable = Pick<MessageDoc, 'seq' | 'category' | 'expiresAt' | 'boxes' | 'recalled'>
const countableOf = ({ seq, category, expiresAt, boxes, recalled }: MessageDoc): Countable => ({ seq, category, expiresAt, boxes, recalled })
const isReceived = ({ boxes, recalled }: Countable): boolean => boxes === 'inbox' && recalled === 0

/** Takes the next entry of the own stream, in order. Returns true when enough was sealed to be worth storing. */
export function countEntry (counts: OwnCounts, doc: EntryDoc, change: StoredChange | undefined, state: UserState, now: () => number): boolean {
  const { tail } = counts
  if (doc.kind === 'message' && isReceived(doc)) {
    tail.values.push(doc.seq, doc.expiresAt, indexOfCategory(tail, doc.category))
    addToTotal(counts, doc, state)
  } else tail.values.push(doc.seq, doc.expiresAt, uncounted)
  if (change !== undefined) noteChange(counts, change, state.stream)
  if (lengthOf(tail) < counts.limits.tailEntries) return false
  seal(counts, state, now())
  counts.unstored++
  if (counts.unstored < counts.limits.storedSegments) return false
  counts.unstored = 0
  return true
}

function indexOfCategory ({ categories }: Tail, category: string): number {
  const known = categories.indexOf(category)
  return known === -1 ? categories.push(category) - 1 : known
}

function addToTotal ({ tailTotal }: OwnCounts, doc: MessageDoc, state: UserState): void {
  if (tailTotal?.state === state && isUnread(state, doc.seq, doc.category)) countDoc(tailTotal, doc)
}

function countDoc (counted: Counted, { category, expiresAt }: Countable): void {
  add(counted.counts, category, 1)
  counted.nextExpiryMs = Math.min(counted.nextExpiryMs, expiresAt)
}

/** What the first `entries` of the tail count to. */
function countTail (counted: Counted, { values, categories }: Tail, entries: number, state: UserState, now: number): void {
  const floor = untouchedAbove(state, state.stream)
  const counts = categories.map(() => 0)
  let nextExpiryMs = Infinity
  for (let at = 0; at < entries * width; at += width) {
    const seq = values[at]!
    const expiresAt = values[at + 1]!
    const category = values[at + 2]!
    if (category === uncounted || expiresAt <= now) continue
    if (seq <= floor && !isUnread(state, seq, categories[category]!)) continue
    counts[category]!++
    if (expiresAt < nextExpiryMs) nextExpiryMs = expiresAt
  }
  counted.counts = new Map(categories.flatMap((category, i) => counts[i] === 0 ? [] : [[category, counts[i]!]]))
  counted.nextExpiryMs = nextExpiryMs
  counted.countedAtMs = now
}

function seal (counts: OwnCounts, state: UserState, now: number): void {
  const { segmentEntries, mergedEntries } = counts.limits
  const to = counts.tail.values[(segmentEntries - 1) * width]!
  const segment: Segment = { after: counts.sealedTo, to, entries: segmentEntries, counts: new Map(), nextExpiryMs: Infinity, countedAtMs: now, isStale: false }
  countTail(segment, counts.tail, segmentEntries, state, now)
  counts.tail = restOf(counts.tail, segmentEntries)
  counts.sealedTo = to
  for (const [seq, expiresAt] of counts.recalled ?? []) if (expiresAt <= now) counts.recalled?.delete(seq)
  counts.tailTotal = undefined
  const last = counts.segments.at(-1)
  if (last !== undefined && isEmpty(last) && isEmpty(segment) && last.entries < mergedEntries) {
    counts.segments[counts.segments.length - 1] = { ...segment, countedAtMs: Math.max(last.countedAtMs, now), after: last.after, entries: last.entries + segment.entries }
  } else counts.segments.push(segment)
  if (counts.segments.length > counts.limits.maxSegments) mergeTwo(counts)
}

/** The first two neighbours that are not too long together: who reads nothing for years has few segments, each read again at once where it must be. */
function mergeTwo ({ segments, limits }: OwnCounts): void {
  const at = segments.findIndex(({ entries }, i) => entries + (segments[i + 1]?.entries ?? Infinity) <= limits.mergedEntries)
  if (at < 0) return
  const [one, next] = [segments[at]!, segments[at + 1]!]
  const counts = new Map(one.counts)
  for (const [category, n] of next.counts) add(counts, category, n)
  segments.splice(at, 2, {
    after: one.after,
    to: next.to,
    entries: one.entries + next.entries,
    counts,
    nextExpiryMs: Math.min(one.nextExpiryMs, next.nextExpiryMs),
    countedAtMs: Math.max(one.countedAtMs, next.countedAtMs),
    isStale: one.isStale || next.isStale
  })
}

/** Without the first `entries`, and without the categories that only they had. */
function restOf ({ values, categories }: Tail, entries: number): Tail {
  const rest: Tail = { values: values.slice(entries * width), categories: [] }
  for (let at = 2; at < rest.values.length; at += width) {
    const category = rest.values[at]!
    if (category !== uncounted) rest.values[at] = indexOfCategory(rest, categories[category]!)
  }
  return rest
}

const isEmpty = (segment: Segment): boolean => segment.counts.size === 0 && !segment.isStale

function countDocs (counted: Counted, docs: readonly Countable[], state: UserState, now: number): void {
  counted.counts = new Map()
  counted.nextExpiryMs = Infinity
  counted.countedAtMs = now
  for (const doc of docs) if (doc.expiresAt > now && isUnread(state, doc.seq, doc.category)) countDoc(counted, doc)
}

function isUnread (state: UserState, seq: number, category: string): boolean {
  const { read, archived, deleted } = flagsOf(state, state.stream, seq, category)
  return !read && !archived && !deleted
}

/** What a change does to the segments: the counts that it settles are set, the others are read again when asked for. */
function noteChange (counts: OwnCounts, change: StoredChange, own: StreamId): void {
  counts.tailTotal = undefined
  switch (change.type) {
    case 'mark': {
      const mayAdd = change.read === false || change.archived === false
      for (const message of change.messages) if (message.stream === own) markStale(counts, message.seq, mayAdd)
      return
    }
    case 'recall':
      markStale(counts, change.message.seq, false)
      counts.recalled ??= new Map()
      counts.recalled.set(change.message.seq, change.message.expiresAt)
      dropFromTail(counts.tail, change.message.seq)
      return
    case 'readTo': {
      const to = change.readTo[own]
      if (to !== undefined) noteReadTo(counts, to, change.category)
      return
    }
    case 'membership': return
    default: forgotten(change)
  }
}

function noteReadTo (counts: OwnCounts, to: number, category: string | undefined): void {
  for (const segment of counts.segments) {
    if (segment.after >= to) break
    if (segment.to > to) {
      if (!isEmpty(segment)) segment.isStale = true
    } else if (category !== undefined) {
      segment.counts.delete(category)
    } else {
      segment.counts = new Map()
      segment.isStale = false
      segment.nextExpiryMs = Infinity
    }
  }
}

function dropFromTail (tail: Tail, seq: number): void {
  const { values } = tail
  const at = width * firstIndex(lengthOf(tail), i => values[i * width]! < seq)
  if (values[at] === seq) values[at + 2] = uncounted
}

function markStale (counts: OwnCounts, seq: number, mayAdd: boolean): void {
  const { segments } = counts
  const segment = segments[firstIndex(segments.length, at => segments[at]!.to < seq)]
  if (segment !== undefined && seq > segment.after && (mayAdd || !isEmpty(segment))) segment.isStale = true
}

/** Reads again what is stale or has expired, once for all who ask meanwhile; undefined when there is nothing to read. */
export function refreshCounts (counts: OwnCounts, stateOf: () => UserState, store: Store, now: () => number): Promise<void> | undefined {
  if (nextDue(counts, now()) === undefined) return undefined
  counts.refreshing ??= (async () => {
    for (let due = nextDue(counts, now()); due !== undefined; due = nextDue(counts, now())) await recount(counts, due, stateOf, store, now)
  })().finally(() => { counts.refreshing = undefined })
  return counts.refreshing
}

const nextDue = (counts: OwnCounts, now: number): Segment | undefined => counts.segments.find(segment => segment.isStale || isDue(segment, now))

/** Where the own stream may hold messages of this category that are not read; `refreshCounts` goes before. */
export function ownPlaces ({ segments, sealedTo, tail }: OwnCounts, state: UserState, category: string): Places {
  const ranges = segments.filter(({ counts, isStale }) => isStale || counts.has(category)).map(({ after, to }) => ({ after, to }))
  if (tail.categories.includes(category)) ranges.push({ after: sealedTo, to: Infinity })
  // An archived one is not counted, and may not be read.
  return { ranges, seqs: marksIn(state, state.stream).filter(mark => mark.category === category).map(({ seq }) => seq) }
}

/** The counts now; `refreshCounts` goes before. */
export function ownUnread (counts: OwnCounts, state: UserState, now: number): Counts {
  const total: Counts = new Map()
  for (const segment of counts.segments) for (const [category, n] of segment.counts) add(total, category, n)
  for (const [category, n] of tailTotal(counts, state, now).counts) add(total, category, n)
  return total
}

/** Of a user without mail nothing is kept. */
const nothingCounted: Readonly<Counted> = { counts: new Map(), nextExpiryMs: Infinity, countedAtMs: -Infinity }

function tailTotal (counts: OwnCounts, state: UserState, now: number): Readonly<Counted> {
  if (lengthOf(counts.tail) === 0) return nothingCounted
  const known = counts.tailTotal
  if (known?.state === state && !isDue(known, now)) return known
  const total: TailTotal = { state, counts: new Map(), nextExpiryMs: Infinity, countedAtMs: now }
  countTail(total, counts.tail, lengthOf(counts.tail), state, now)
  counts.tailTotal = total
  return total
}

/** When the counts change by themselves: the next expiry of something counted. */
export function nextOwnExpiry (counts: OwnCounts, state: UserState, now: number): number {
  let next = tailTotal(counts, state, now).nextExpiryMs
  for (const segment of counts.segments) next = Math.min(next, segment.nextExpiryMs)
  return next
}

/**
 * A change may come in while the segment is read: the state and the recalls are looked at after that, and in the turn
 * in which the segment stops being stale. One at a time: a second reader could forget a recall before the first,
 * which read the message as it was, has counted.
 */
async function recount (counts: OwnCounts, segment: Segment, stateOf: () => UserState, store: Store, now: () => number): Promise<void> {
  const found: Countable[] = []
  for (let at = segment.after; at < segment.to;) {
    const docs = await readAfter(store, stateOf().stream, at, counts.limits.segmentEntries)
    for (const doc of docs) if (doc.seq <= segment.to && doc.kind === 'message') found.push(countableOf(doc))
    const last = docs.at(-1)
    if (last === undefined) break
    at = last.seq
  }
  countDocs(segment, found.filter(doc => isReceived(doc) && counts.recalled?.has(doc.seq) !== true), stateOf(), now())
  segment.isStale = false
  for (const doc of found) if (doc.recalled > 0) counts.recalled?.delete(doc.seq)
}
