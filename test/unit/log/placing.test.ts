/** Where entries go, without a store: whatever the stream, whatever of it is in memory, and whatever waits. */
import fc from 'fast-check'
import t from 'tap'
import { createMessageId, epochMs, fromMs, ticksPerMs, toMs } from '../../../shared/contract/clock.js'
import { entryKey } from '../../../shared/store/keys.js'
import { placeOfEntry } from '../../../shared/store/store.js'
import { createAtomicGroup, type AtomicGroup } from '../../../services/notifications/log/atomic-group.js'
import { placeEntry, type EntryDraft } from '../../../services/notifications/log/entry.js'
import { PendingEntry } from '../../../services/notifications/log/pending-entry.js'
import { planAppend, type Placed, type Plan, type PlacingRules } from '../../../services/notifications/log/placing.js'
import { RecentIds } from '../../../services/notifications/log/recent-ids.js'
import { annStream } from '../../helpers/entry-drafts.js'

const hourMs = 3_600_000
const rules: PlacingRules = { landsWithin: 60 * ticksPerMs, keepMs: 25 * hourMs }
const baseMs = Date.UTC(2025, 0, 1)
const at = (ms: number): number => fromMs(baseMs + ms)

const draftAt = (time: number): EntryDraft => ({ kind: 'log', id: createMessageId(time, undefined), expiresAt: 0, text: '' })
const pendingAt = (time: number, group?: AtomicGroup): PendingEntry => new PendingEntry(draftAt(time), time, 0, group)

/** A stream as the store has it: ids with their times, in the order of their seqs. */
interface Entry { readonly id: string, readonly time: number, readonly seq: number }

function stream (gaps: ReadonlyArray<{ readonly gapMs: number, readonly lagMs: number }>): Entry[] {
  let seq = at(0)
  return gaps.map(({ gapMs, lagMs }) => {
    seq += 1 + Math.round(gapMs * ticksPerMs)
    const time = seq - 1 - Math.round(lagMs * ticksPerMs)
    return { id: createMessageId(time, undefined), time, seq }
  })
}

/** The ids of the last `count` entries are in memory. */
function endOf (entries: readonly Entry[], count: number): { seq: number, ids: RecentIds } {
  const ids = new RecentIds()
  const known = entries.slice(Math.max(0, entries.length - count))
  ids.restart(entries[entries.length - known.length - 1]?.seq ?? 0)
  for (const { id, seq } of known) ids.add(id, seq)
  return { seq: entries.at(-1)?.seq ?? 0, ids }
}

const anyEntries = fc.array(fc.record({ gapMs: fc.constantFrom(0, 1, 20, 100), lagMs: fc.constantFrom(0, 5, 59, 61, 300) }), { maxLength: 30 })
const anyWaiting = fc.array(fc.oneof(
  fc.record({ kind: fc.constant('stored' as const), which: fc.nat(29) }),
  fc.record({ kind: fc.constant('new' as const), beforeEndMs: fc.constantFrom(-50, -1, 0, 1, 30, 100, 2_000) }),
  fc.record({ kind: fc.constant('refused' as const), beforeEndMs: fc.constantFrom(-50, 30) }),
  fc.record({ kind: fc.constant('inDoubt' as const), isAtEnd: fc.boolean() })), { maxLength: 8 })
const anyScene = fc.record({ entries: anyEntries, known: fc.nat(30), waiting: anyWaiting, nowMs: fc.constantFrom(-40 * 24 * hourMs, 0, 1_000, 40 * 24 * hourMs), behindStoreMs: fc.constantFrom(0, 0, 40 * 24 * hourMs) })

interface Scene { readonly entries: Entry[], readonly end: { seq: number, ids: RecentIds }, readonly waiting: PendingEntry[], readonly clock: { tick: () => number, latest: () => number } }

function setUp ({ entries: gaps, known, waiting, nowMs, behindStoreMs }: typeof anyScene extends fc.Arbitrary<infer T> ? T : never): Scene {
  const entries = stream(gaps)
  const end = endOf(entries, known)
  const last = end.seq === 0 ? at(0) : end.seq
  const seen = new Set<string>()
  const pending = waiting.flatMap(one => {
    if (one.kind === 'stored') {
      const entry = entries[one.which]
      if (entry === undefined || seen.has(entry.id)) return []
      seen.add(entry.id)
      return [new PendingEntry({ ...draftAt(entry.time), id: entry.id }, entry.time, 0, undefined)]
    }
    if (one.kind === 'inDoubt') {
      const doubtful = pendingAt(last - 1)
      doubtful.tried(placeEntry(doubtful.draft, entryKey(annStream, one.isAtEnd ? end.seq : end.seq + 7), last + 9, null), 'unknown')
      return [doubtful]
    }
    const refused: AtomicGroup = { ...createAtomicGroup(), state: 'refused' }
    return [pendingAt(last - one.beforeEndMs * ticksPerMs, one.kind === 'refused' ? refused : undefined)]
  })
  let ticks = fromMs(baseMs + nowMs)
  return { entries, end, waiting: pending, clock: { tick: () => ++ticks, latest: () => baseMs + nowMs + behindStoreMs } }
}

const planOf = ({ end, waiting, clock }: Scene): Plan => planAppend(annStream, end, waiting, rules, clock)

/** Does what a plan asks for as a store with these entries would, until all is placed. */
function placedOf (scene: Scene): readonly Placed[] {
  for (let rounds = 0; ; rounds++) {
    const plan = planOf(scene)
    if (plan.kind === 'insert') return plan.placed
    if (rounds > 2) throw new Error('more is asked each time')
    if (plan.kind === 'found') {
      for (const { pending, seq } of plan.found) {
        if (scene.entries.find(entry => entry.id === pending.draft.id)?.seq !== seq) throw new Error('found where it is not')
        pending.stored()
      }
      continue
    }
    const { sought, spans, late, upTo } = plan.search
    if (spans.some(({ from, to }, i) => from >= to || from <= (spans[i - 1]?.to ?? -1))) throw new Error('spans are empty, touch, or are out of order')
    for (const pending of sought) {
      const entry = scene.entries.find(({ id }) => id === pending.draft.id)
      // What landed late left a pointer: only who is sent to look for it finds it.
      const isReached = entry !== undefined && (spans.some(({ from, to }) => entry.seq > from && entry.seq <= to) || (entry.seq > entry.time + rules.landsWithin && late.includes(pending)))
      if (entry !== undefined && !isReached) throw new Error('an entry that is stored is not searched where it lies')
      if (entry !== undefined) pending.stored()
      pending.searched(upTo)
    }
  }
}

t.test('placing - whatever is stored is found, whatever is not gets a position, once, in its order, behind the end', t => {
  fc.assert(fc.property(anyScene, generated => {
    const scene = setUp(generated)
    const { entries, end, waiting, clock } = scene
    const placed = placedOf(scene)
    const storedIds = new Set(entries.map(({ id }) => id))
    const expected = waiting.filter(({ draft, group }) => !storedIds.has(draft.id) && group?.state !== 'refused')
    if (placed.length !== expected.length || placed.some(({ pending }, i) => pending !== expected[i])) throw new Error('not exactly those that are new, in their order')
    let last = end.seq
    for (const { pending, doc, prev } of placed) {
      if (prev !== last || placeOfEntry(doc.key).prev !== last || placeOfEntry(doc.key).stream !== annStream) throw new Error('not behind the one before')
      if (doc.seq <= last || doc.seq <= pending.time) throw new Error('a seq that does not grow, or lies before its id')
      if (doc !== pending.doubtful) {
        if (doc.seq < fromMs(clock.latest() - rules.keepMs / 2)) throw new Error('where entries may have been purged')
        if (doc.purgeAt === null || doc.purgeAt < clock.latest() + rules.keepMs || doc.purgeAt < toMs(doc.seq) + rules.keepMs) throw new Error('purged too early')
      }
      last = doc.seq
    }
  }), { numRuns: 5_000 })
  t.end()
})

t.test('placing - an entry gets a late pointer where who looks for it by its id would not come upon it', t => {
  fc.assert(fc.property(anyScene, generated => {
    const scene = setUp(generated)
    for (const { pending, doc, isLate } of placedOf(scene)) {
      const isFar = doc.seq > pending.time + rules.landsWithin
      if (isLate !== (isFar || scene.end.ids.from > pending.time)) throw new Error('late where it is not, or the other way')
    }
  }), { numRuns: 2_000 })
  t.end()
})

t.test('placing - an entry that may be stored is tried as the same document while its position is free, and as another one when it is not', t => {
  fc.assert(fc.property(anyScene, generated => {
    const scene = setUp(generated)
    for (const { pending, doc, prev } of placedOf(scene)) {
      const again = pending.doubtful
      if (again !== undefined && (placeOfEntry(again.key).prev === prev) !== (doc === again)) throw new Error('another document at the same position, or the same at another')
    }
  }), { numRuns: 2_000 })
  t.end()
})

t.test('placing - nothing is asked of a stream that is older than what waits, or whose ids since are in memory', t => {
  const entries = stream(Array.from({ length: 10 }, () => ({ gapMs: 10, lagMs: 0 })))
  const clock = { tick: () => at(1_000), latest: () => baseMs + 1_000 }
  t.equal(planAppend(annStream, endOf(entries, 0), [pendingAt(entries[9]!.seq)], rules, clock).kind, 'insert')
  t.equal(planAppend(annStream, endOf(entries, 5), [pendingAt(entries[5]!.seq)], rules, clock).kind, 'insert')
  t.equal(planAppend(annStream, endOf(entries, 5), [pendingAt(entries[3]!.seq)], rules, clock).kind, 'search')
  t.equal(planAppend(annStream, { seq: 0, ids: endOf([], 0).ids }, [pendingAt(at(0))], rules, clock).kind, 'insert', 'an empty stream')
  t.end()
})

t.test('placing - where the clock stood still or was set back the stream goes on by one', t => {
  const entries = stream([{ gapMs: 10, lagMs: 0 }])
  const clock = { tick: () => fromMs(epochMs), latest: () => epochMs }
  const waiting = [pendingAt(entries[0]!.seq), pendingAt(entries[0]!.seq)]
  const plan = planAppend(annStream, endOf(entries, 1), waiting, rules, clock)
  t.same(plan.kind === 'insert' && plan.placed.map(({ doc }) => doc.seq), [entries[0]!.seq + 1, entries[0]!.seq + 2])
  t.end()
})
