/**
 * What a group goes through, from its queues to the store and back: the ends of its streams are read where they are not known, what
 * may be stored already is searched, each entry gets its position, all are inserted in one call, and each queue gets its batch back.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { Log } from '../../../shared/platform/log.js'
import type { EntryClaim, EntryDoc, Store } from '../../../shared/store/store.js'
import type { Batch } from './append-groups.js'
import type { DuplicateSearch, LatePointer } from './duplicate-search.js'
import type { PendingEntry } from './pending-entry.js'
import { planAppend, type Placed, type PlacingRules, type Plan } from './placing.js'
import type { RecentIds } from './recent-ids.js'
import type { TailReader, Target } from './tail-reader.js'
import type { Tails } from './tails.js'

export interface AppendRun {
  /** Never rejects. */
  readonly run: (group: readonly Batch[]) => Promise<void>
  readonly counts: { readonly conflicts: number, readonly searches: number }
}

export interface AppendRunOptions {
  /** With `insertClaimed` where entries come with claims. */
  readonly store: Pick<Store, 'insertChains' | 'insertClaimed'>
  readonly clock: Clock
  readonly log: Log
  readonly tails: Pick<Tails, 'of'>
  readonly recentMs: number
  readonly reader: Pick<TailReader, 'refresh'>
  readonly duplicates: DuplicateSearch
  readonly placingRules: PlacingRules
  readonly beforeStoring: ((streams: readonly StreamId[]) => Promise<void> | undefined) | undefined
}

/** A batch and what is known of the end of its stream. */
interface Attempt extends Batch, Target { readonly ids: RecentIds }
/** Those of an attempt that got positions: at least one. */
interface Insertion extends Target { readonly placed: readonly Placed[] }

export function createAppendRun ({ store, clock, log, tails, recentMs, reader, duplicates, placingRules, beforeStoring }: AppendRunOptions): AppendRun {
  const counts = { conflicts: 0, searches: 0 }

  async function run (group: readonly Batch[]): Promise<void> {
    try {
      const naming = beforeStoring?.(group.map(({ queue }) => queue.stream))
      if (naming !== undefined) await naming
      const attempts = group.map(({ queue, entries }): Attempt => {
        const tail = tails.of(queue.stream)
        return { queue, entries, tail, ids: tail.keepIds() }
      })
      const refreshing = reader.refresh(attempts)
      if (refreshing !== undefined) await refreshing
      const insertions = await placeAll(attempts)
      if (insertions.length > 0) await insert(insertions)
    } catch (error) {
      for (const { queue } of group) queue.couldNotTry()
      log.warn({ err: error, streams: group.length }, 'a group of appends could not be prepared')
    }
    // All tries end before any entry is given up: an atomic group goes by how many of its entries are being tried.
    for (const { entries } of group) for (const pending of entries) pending.endTry()
    for (const { queue, entries } of group) queue.giveBack(entries)
  }

  /** Finds out what must be known, and then gives all of them their positions at once. */
  async function placeAll (attempts: readonly Attempt[]): Promise<Insertion[]> {
    for (;;) {
      const insertions: Insertion[] = []
      const lookups: Array<Promise<void>> = []
      for (const attempt of attempts) {
        const { queue, tail, ids, entries } = attempt
        const plan = planAppend(queue.stream, { seq: tail.seq, ids }, entries, placingRules, clock)
        if (plan.kind !== 'insert') lookups.push(lookUp(attempt, plan))
        else if (plan.placed.length > 0) insertions.push({ queue, tail, placed: plan.placed })
        if (tail.past !== undefined && entries.some(({ time }) => tail.seq <= time)) tail.past = undefined // the clock has caught up
      }
      if (lookups.length === 0) return insertions
      await Promise.all(lookups)
    }
  }

  async function lookUp ({ queue, tail }: Attempt, plan: Exclude<Plan, { kind: 'insert' }>): Promise<void> {
    const { stream } = queue
    if (plan.kind === 'found') { await duplicates.read(stream, plan.found, settleFound); return }
    counts.searches++
    await duplicates.search(stream, tail, plan.search, settleFound)

    function settleFound (pending: PendingEntry, doc: EntryDoc): void { queue.settle(pending, doc, pending.doubtful !== undefined) }
  }

  async function insert (insertions: readonly Insertion[]): Promise<void> {
    const late = lateOf(insertions)
    if (late.length > 0) await duplicates.leavePointers(late)
    const chains = insertions.map(({ placed }) => placed.map(({ doc }) => doc))
    const claims = claimsOf(insertions)
    const outcomes = await (claims === undefined ? store.insertChains('entries', chains) : store.insertClaimed!(chains, claims))
    const now = clock.lived()
    for (const [i, { queue, tail, placed }] of insertions.entries()) {
      const { stored, stopped, cause } = outcomes[i]!
      for (let at = 0; at < stored; at++) {
        const { pending, doc, prev } = placed[at]!
        tail.advance(doc, prev, now)
        tail.prune(now, recentMs)
        queue.settle(pending, doc, true)
      }
      if (stopped === undefined) { queue.wentWell(); continue }
      if (stopped !== 'unclaimed') counts.conflicts++
      if (stopped === 'refused' || stopped === 'unknown') log.warn({ stream: queue.stream, stopped, err: cause }, 'an append met trouble in the store')
      queue.stoppedBefore(placed.slice(stored), stopped)
    }
  }

  return { run, counts }
}

function lateOf (insertions: readonly Insertion[]): LatePointer[] {
  const late: LatePointer[] = []
  for (const { queue: { stream }, placed } of insertions) {
    for (const { doc, isLate } of placed) if (isLate) late.push({ stream, doc, behind: placed[0]!.prev })
  }
  return late
}

/** By the key of the entry that needs it. */
function claimsOf (insertions: readonly Insertion[]): Map<string, EntryClaim> | undefined {
  let claims: Map<string, EntryClaim> | undefined
  for (const { placed } of insertions) {
    for (const { pending: { group }, doc: { key } } of placed) if (group?.claim !== undefined) (claims ??= new Map()).set(key, group.claim)
  }
  return claims
}
