/**
 * Appends entries to streams. An entry's key is (stream, prev), and keys are unique. So a stream is a chain: two writers
 * with the same `prev` conflict, and no reader can pass a hole that a slower writer fills in later.
 *
 * | what | where |
 * | --- | --- |
 * | the entries of one stream wait in their order; pauses, refusals | append-queue.ts, pending-entry.ts |
 * | which queues are tried together, for each shard of the store | append-groups.ts |
 * | what is known of the ends of streams, and when it may be used | tails.ts, tail-reader.ts |
 * | where an entry goes, and what must be known before: numbers, exactly once | placing.ts (pure), duplicate-search.ts |
 * | copies of one message are stored all or none | atomic-group.ts |
 * | a group's way from its queues to the store and back | append-run.ts |
 */
import type { Log } from '../../../shared/platform/log.js'
import { fromMs, ticksPerMs, timeOfId, toMs, type Clock } from '../../../shared/contract/clock.js'
import { deadlines, lives } from '../../../shared/contract/deadlines.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { entryKey } from '../../../shared/store/keys.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import { createAppendGroups } from './append-groups.js'
import { createAppendQueues, type QueueContext } from './append-queue.js'
import { createAppendRun } from './append-run.js'
import type { AtomicGroup } from './atomic-group.js'
import { createDuplicateSearch } from './duplicate-search.js'
import type { EntryDraft } from './entry.js'
import type { Appended } from './pending-entry.js'
import { createTailReader } from './tail-reader.js'
import { createTails, type Tails, type Trust } from './tails.js'

export type { Appended } from './pending-entry.js'

export interface AppendRules extends Trust {
  /** A document stays at least so long after its creation, however short its ttl. */
  readonly keepMs: number
  /** Ids are kept in memory for so long, to recognise a retry without reading. */
  readonly recentMs: number
  /** An entry that lands later than this after its id's time gets a late pointer; so does one behind more others than `RecentIds` keeps. */
  readonly landsWithinMs: number
  /** How long an append is tried before it is refused. */
  readonly giveUpMs: number
}

export const appendRules: AppendRules = {
  headFreshMs: lives.headTrustedMs,
  extendWithinMs: lives.headExtendedWithinMs,
  keepMs: lives.documentMs,
  recentMs: lives.landsWithinMs,
  landsWithinMs: lives.landsWithinMs,
  giveUpMs: deadlines.append.giveUpMs
}

export interface AppendCounts { readonly groups: number, readonly entries: number, readonly conflicts: number, readonly searches: number, readonly extended: number }

export interface AppendOptions {
  /** What this entry belongs to: `refusalOf` has been asked for all of it. */
  readonly atomicGroup?: AtomicGroup | undefined
}

export interface Appender {
  /**
   * Resolves once the entry is durable, with the position it has. Rejects with GP_STORE_UNAVAILABLE and GP_OVERLOADED (surely not
   * stored), GP_OUTCOME_UNKNOWN (it, or another copy of the same message, may be stored: the same draft again is safe).
   */
  append: (stream: StreamId, draft: EntryDraft, options?: AppendOptions) => Promise<Appended>
  /** Why so much more is refused at once: too much waits, or the store takes no writes. */
  refusalOf: (entries: number, chars: number) => GatepostError | undefined
  readonly counts: AppendCounts
  /** Resolves when nothing is queued or in flight. */
  settled: () => Promise<void>
}

export interface AppenderOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Shared with whoever reads and hears of entries. */
  readonly tails?: Tails
  /** Called in stream order for every entry that this appender stored or found, before its promise resolves. */
  readonly onAppended: (stream: StreamId, doc: EntryDoc) => void
  /** Awaited before a group is stored that touches these streams (a node that is cut off writes their names down). */
  readonly beforeStoring?: (streams: readonly StreamId[]) => Promise<void> | undefined
  /** A stream whose last outcome stayed unknown: something may still land in it. */
  readonly onUnknown?: (stream: StreamId) => void
  /** How long each new entry took, from the call to durable, in seconds. */
  readonly onDuration?: (seconds: number) => void
  readonly rules?: AppendRules
  /** For each shard. */
  readonly maxGroupsInFlight?: number
}

/** An id further ahead would put the end of its stream out of reach: it waits until somebody has set a clock. */
const maxAheadMs = 366 * 86_400_000
const maxQueuedEntries = 50_000
const maxQueuedChars = 64 << 20

export function createAppender (options: AppenderOptions): Appender {
  const { store, clock, log, onAppended, beforeStoring, onUnknown, onDuration, rules = appendRules, maxGroupsInFlight = store.isAtomic === true ? 1 : 2 } = options
  const { tails = createTails({ clock, recentMs: rules.recentMs }) } = options
  const placingRules = { landsWithin: rules.landsWithinMs * ticksPerMs, keepMs: rules.keepMs }
  const reader = createTailReader({ store, clock, tails, trust: rules, keepMs: rules.keepMs })
  const duplicates = createDuplicateSearch({ store, landsWithin: placingRules.landsWithin })
  const { run, counts } = createAppendRun({ store, clock, log, tails, recentMs: rules.recentMs, reader, duplicates, placingRules, beforeStoring })
  const backlog = { entries: 0, chars: 0 }
  let stored = 0
  let idleWaiters: Array<() => void> = []

  const groups = createAppendGroups({
    shardOf: ({ stream }) => store.shardOf?.('entries', entryKey(stream, tails.known(stream)?.seq ?? fromMs(clock.now()))) ?? '',
    run,
    maxInFlight: maxGroupsInFlight,
    onEnd: () => {
      if (!isIdle()) return
      for (const wake of idleWaiters) wake()
      idleWaiters = []
    }
  })
  const isIdle = (): boolean => backlog.entries === 0 && !groups.isAtWork

  const context: QueueContext = {
    clock,
    giveUpMs: rules.giveUpMs,
    backlog,
    onQueued: groups.enqueue,
    onStored: (stream, { since }, doc, isNew) => {
      if (isNew) {
        stored++
        onDuration?.((clock.elapsed() - since) / 1000)
      }
      // It is stored, whatever else fails: whoever asked is answered.
      try { onAppended(stream, doc) } catch (error) { log.error({ event: 'append-not-told', stream, err: error }, 'an entry is stored, and what should have followed at once was not') }
    },
    onUnknown: stream => {
      tails.known(stream)?.distrust()
      onUnknown?.(stream)
    }
  }

  const queues = createAppendQueues(context)

  function refusalOf (entries: number, chars: number): GatepostError | undefined {
    if (backlog.entries + entries > maxQueuedEntries || backlog.chars + chars > maxQueuedChars) return new GatepostError('GP_OVERLOADED', 'the store is slower than what comes in; nothing was stored')
    const reason = store.refusal?.()
    return reason === undefined ? undefined : new GatepostError('GP_STORE_UNAVAILABLE', `${reason}; nothing was stored`)
  }

  const append: Appender['append'] = (stream, draft, { atomicGroup } = {}) => {
    const time = timeOfId(draft.id)
    if (time > fromMs(clock.latest() + maxAheadMs)) {
      return Promise.reject(new GatepostError('GP_STORE_UNAVAILABLE', `the clock of the process that took this is years ahead: it gave ${new Date(toMs(time)).toISOString()}; nothing was stored`))
    }
    const twin = queues.known(stream)?.pendingOf(draft.id)
    if (twin !== undefined) {
      twin.join(atomicGroup)
      return twin.promise.then(({ doc }) => ({ doc, isNew: false }))
    }
    const refusal = atomicGroup === undefined ? refusalOf(1, draft.text.length) : undefined
    return refusal === undefined ? queues.of(stream).add(draft, time, atomicGroup).promise : Promise.reject(refusal)
  }

  return {
    append,
    refusalOf,
    counts: {
      get groups () { return groups.begun },
      get entries () { return stored },
      get conflicts () { return counts.conflicts },
      get searches () { return counts.searches },
      get extended () { return reader.extended }
    },
    settled: async () => {
      while (!isIdle()) await new Promise<void>(resolve => idleWaiters.push(resolve))
    }
  }
}
