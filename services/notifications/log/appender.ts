/**
 * Appends entries to streams. Because an entry's key is (stream, prev) and unique, a stream is a chain: two writers
 * with the same `prev` conflict, and no reader can pass a hole that a slower writer fills in later.
 *
 * One chain (a stream in this node's memory) goes round:
 *   idle → (an append comes) queued → (next group) in flight → idle, or queued again with what conflicted.
 * A group takes whatever is queued, of one place in the store (a shard), in all chains that are not in flight: one call of
 * the store for all of them. A shard that is away holds up its own groups only.
 *
 * Numbers. An entry's seq is the largest of the wall time, its id's time + 1 and `prev` + 1, for its stream alone. Where some
 * clock was ahead once, the stream goes on from there by `prev` + 1 until the others have caught up. No clock is asked
 * whether an entry may be stored. What was behind `prev` may have been purged, and read before that: an entry is kept for
 * `keepMs` longer than its seq says, so a seq that is no more than that below the store's time is above all that is purged.
 *
 * Exactly once. An entry X (id and time fixed before the first try, its seq above its time) is put behind `prev` only
 * by who knows that no entry from X's time up to `prev` is X:
 *   - the head is older than X: nothing to know;
 *   - the ids between are in memory (`recent`): a look-up;
 *   - otherwise the store is asked, in two places: X lies within `locateWithinMs` of its time, or it has a locator, which is
 *     written before X is. So that costs the same however far the head is ahead of X, and what was read of a stretch is
 *     kept for the next one (`past`). Finding X is success.
 *
 * Refused or stored. What was tried without an outcome may be stored, now or in a moment: it is asked after for longer, by the
 * same document at the same place wherever that is free. Copies of one message share their fate: whole.ts.
 *
 * Freshness. A head in memory is used within `headFreshMs` of being read or written; one that the store may purge
 * within `prolongWithinMs` is first prolonged by a conditional update. So a head outlives every memory of it, and two
 * beginnings of one stream cannot both exist. That a stream is empty is never remembered. How old a memory is goes by
 * `clock.lived`, when the store may purge by `clock.latest`: a wall clock that was set back makes neither seem younger.
 */
import type { Log } from '../../../shared/platform/log.js'
import { decodeTime, encodeTime, fromMs, timeOfId, toMs, ticksPerMs, type Clock } from '../../../shared/contract/clock.js'
import { deadlines, lives } from '../../../shared/contract/deadlines.js'
import { GatepostError, outcomeUnknown } from '../../../shared/contract/errors.js'
import { entriesAfter, entriesBefore, entryKey, locatorKey, ownerRange } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { placeEntry, type EntryDraft } from './entry.js'
import { PastIds, type Span } from './past-ids.js'
import { RecentIds } from './recent-ids.js'
import { begin, type Whole } from './whole.js'

export interface AppendRules {
  /** A head in memory is trusted for so long after it was read or written. */
  readonly headFreshMs: number
  /** A head that may be purged sooner than this is prolonged before it is used. */
  readonly prolongWithinMs: number
  /** A document stays at least so long after its creation, however short its ttl. */
  readonly keepMs: number
  /** Ids are kept in memory for so long, to recognise a retry without reading. */
  readonly recentMs: number
  /** An entry that lands later than this after its id's time gets a locator; so does one behind more others than `RecentIds` keeps. */
  readonly locateWithinMs: number
  /** How long an append is tried before it is refused. */
  readonly giveUpMs: number
}

/** An id further ahead would put the end of its stream out of reach: it waits until somebody has set a clock. */
const maxAheadMs = 366 * 86_400_000
export const appendRules: AppendRules = {
  headFreshMs: lives.headTrustedMs,
  prolongWithinMs: lives.headProlongedWithinMs,
  keepMs: lives.documentMs,
  recentMs: lives.landsWithinMs,
  locateWithinMs: lives.landsWithinMs,
  giveUpMs: deadlines.append.giveUpMs
}

/** `isNew` is false where the entry was there already, by an earlier try. */
export interface Appended { readonly doc: EntryDoc, readonly isNew: boolean }

export interface AppendCounts { groups: number, entries: number, conflicts: number, deepLooks: number, prolonged: number }

export interface AppendOptions {
  /** What this entry belongs to: `refusalOf` has been asked for all of it. */
  readonly whole?: Whole | undefined
}

export interface Appender {
  /**
   * Resolves once the entry is durable, with the place it has. Rejects with GP_STORE_UNAVAILABLE and GP_OVERLOADED (surely not
   * stored), GP_OUTCOME_UNKNOWN (it, or another copy of the same message, may be stored: the same draft again is safe).
   */
  append: (stream: StreamId, draft: EntryDraft, options?: AppendOptions) => Promise<Appended>
  /** Why so much more is refused at once: too much waits, or the store takes no writes. */
  refusalOf: (entries: number, chars: number) => GatepostError | undefined
  /** Whether this node knows the head of the stream well enough to append without reading. */
  knows: (stream: StreamId) => boolean
  /** Takes note of an entry that another node appended. */
  observe: (stream: StreamId, doc: EntryDoc) => void
  readonly counts: Readonly<AppendCounts>
  /** Resolves when nothing is queued or in flight. */
  settled: () => Promise<void>
}

export interface AppenderOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Called in stream order for every entry that this appender stored or found, before its promise resolves. */
  readonly onAppended: (stream: StreamId, doc: EntryDoc) => void
  /** Awaited before a group is stored that touches these streams (a node that is cut off writes their names down). */
  readonly beforeStoring?: (streams: readonly StreamId[]) => Promise<void> | undefined
  /** A stream whose last outcome stayed unknown: something may still land in it. */
  readonly onUnknown?: (stream: StreamId) => void
  /** How long each new entry took, from the call to durable, in seconds. */
  readonly onDuration?: (seconds: number) => void
  readonly rules?: AppendRules
  /** For each place. */
  readonly maxGroupsInFlight?: number
}

const maxGroupEntries = 1_000
const maxGroupChars = 4 << 20
const maxQueuedEntries = 50_000
const maxQueuedChars = 64 << 20
const maxChains = 100_000
const lookPage = 1_000
/** A stream with more entries in a minute is read again for each group. */
const maxPastIds = 65_536
const maxConflictPauseMs = 50
/** An answer that refuses what may have been stored would be wrong if it was. */
const { unknownFactor } = deadlines.append

interface Head { readonly seq: number, readonly purgeAt: number, /** By `clock.lived`. */ readonly confirmedAt: number }

interface Pending {
  readonly draft: EntryDraft
  /** The logical time of its id. */
  readonly time: number
  /** By `clock.elapsed`. */
  readonly since: number
  whole: Whole | undefined
  /** No entry with a seq from `time` up to here is this one. */
  clearedTo: number
  /** Placed by a try whose outcome is unknown: the same document is tried again. */
  placed: EntryDoc | undefined
  /** Some try had no outcome: whatever came after it, the entry may be stored. */
  isInDoubt: boolean
  /** Stored, found or refused. */
  isOver: boolean
  readonly promise: Promise<Appended>
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: Error) => void
}

interface Chain {
  readonly stream: StreamId
  head: Head | undefined
  readonly recent: RecentIds
  /** Where the stream is ahead of the clock. */
  past: PastIds | undefined
  /** The last try met a conflict: read on before the next one. */
  isBehind: boolean
  queue: Pending[]
  /** What is not over. */
  readonly byId: Map<string, Pending>
  state: 'idle' | 'queued' | 'inFlight' | 'pausing'
  failures: number
}

/** A chain's part of a group. */
interface Batch {
  readonly chain: Chain
  readonly entries: readonly Pending[]
  /** Those that got a place, and their documents. */
  placed: readonly Pending[]
  docs: readonly EntryDoc[]
}

/** Where the store keeps streams that are stored together. */
interface Place { readonly queued: Set<Chain>, inFlight: number }

export function createAppender (options: AppenderOptions): Appender {
  const { store, clock, log, onAppended, beforeStoring, onUnknown, onDuration, rules = appendRules, maxGroupsInFlight = store.isAtomic === true ? 1 : 4 } = options
  const chains = new Map<StreamId, Chain>()
  const places = new Map<string, Place>()
  const counts: AppendCounts = { groups: 0, entries: 0, conflicts: 0, deepLooks: 0, prolonged: 0 }
  const landsWithin = rules.locateWithinMs * ticksPerMs
  let waitingEntries = 0
  let waitingChars = 0
  let isScheduled = false
  const idleWaiters: Array<() => void> = []

  function chainOf (stream: StreamId): Chain {
    let chain = chains.get(stream)
    if (chain === undefined) {
      if (chains.size >= maxChains) forgetOneIdle()
      chain = { stream, head: undefined, recent: new RecentIds(), past: undefined, isBehind: false, queue: [], byId: new Map(), state: 'idle', failures: 0 }
      chains.set(stream, chain)
    }
    return chain
  }

  function forgetOneIdle (): void {
    for (const [stream, chain] of chains) {
      if (chain.state === 'idle') { chains.delete(stream); return }
    }
  }

  function refusalOf (entries: number, chars: number): GatepostError | undefined {
    if (waitingEntries + entries > maxQueuedEntries || waitingChars + chars > maxQueuedChars) return new GatepostError('GP_OVERLOADED', 'the store is slower than what comes in; nothing was stored')
    const reason = store.refusal?.()
    return reason === undefined ? undefined : new GatepostError('GP_STORE_UNAVAILABLE', `${reason}; nothing was stored`)
  }

  const append: Appender['append'] = (stream, draft, { whole } = {}) => {
    const time = timeOfId(draft.id)
    if (time > fromMs(clock.latest() + maxAheadMs)) {
      return Promise.reject(new GatepostError('GP_STORE_UNAVAILABLE', `the clock of the process that took this is years ahead: it gave ${new Date(toMs(time)).toISOString()}; nothing was stored`))
    }
    const chain = chainOf(stream)
    const twin = chain.byId.get(draft.id)
    if (twin !== undefined) {
      twin.whole ??= whole
      return twin.promise.then(({ doc }) => ({ doc, isNew: false }))
    }
    const refusal = whole === undefined ? refusalOf(1, draft.text.length) : undefined
    if (refusal !== undefined) return Promise.reject(refusal)
    const { promise, resolve, reject } = withResolvers<Appended>()
    const pending: Pending = { draft, time, since: clock.elapsed(), whole, clearedTo: time, placed: undefined, isInDoubt: false, isOver: false, promise, resolve, reject }
    chain.queue.push(pending)
    chain.byId.set(draft.id, pending)
    waitingEntries++
    waitingChars += draft.text.length
    if (chain.state === 'idle') enqueue(chain)
    return promise
  }

  function enqueue (chain: Chain): void {
    chain.state = 'queued'
    const name = store.placeOf?.('entries', entryKey(chain.stream, chain.head?.seq ?? fromMs(clock.now()))) ?? ''
    let place = places.get(name)
    if (place === undefined) places.set(name, place = { queued: new Set(), inFlight: 0 })
    place.queued.add(chain)
    schedule()
  }

  const isIdle = (): boolean => waitingEntries === 0 && [...places.values()].every(({ inFlight }) => inFlight === 0)

  const isDue = ({ queued, inFlight }: Place): boolean => queued.size > 0 && inFlight < maxGroupsInFlight

  function schedule (): void {
    if (isScheduled || ![...places.values()].some(isDue)) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      for (const place of places.values()) if (isDue(place)) startGroup(place)
    })
  }

  function startGroup (place: Place): void {
    const group: Batch[] = []
    let count = 0
    let chars = 0
    for (const chain of place.queued) {
      const { queue } = chain
      let taken = 0
      while (taken < queue.length && count < maxGroupEntries && chars < maxGroupChars) {
        const { draft, whole } = queue[taken++]!
        count++
        chars += draft.text.length
        if (whole !== undefined) whole.tries++
      }
      if (taken === 0) break
      chain.queue = queue.slice(taken)
      chain.state = 'inFlight'
      place.queued.delete(chain)
      group.push({ chain, entries: taken === queue.length ? queue : queue.slice(0, taken), placed: [], docs: [] })
    }
    if (group.length === 0) return
    place.inFlight++
    counts.groups++
    void runGroup(group).finally(() => {
      place.inFlight--
      schedule()
      if (isIdle()) {
        for (const wake of idleWaiters.splice(0)) wake()
      }
    })
    schedule()
  }

  async function runGroup (group: readonly Batch[]): Promise<void> {
    try {
      const naming = beforeStoring?.(group.map(({ chain }) => chain.stream))
      if (naming !== undefined) await naming
      // Now and not when it met the conflict: the less time between this and the insert, the fairer the share among writers
      // that cannot agree (NATS is away). One that paused in between could lose for seconds on end.
      const behind = group.filter(({ chain }) => chain.isBehind)
      if (behind.length > 0) await Promise.all(behind.map(async ({ chain }) => { await readOn(chain) }))
      const stale = group.filter(({ chain }) => !isFresh(chain))
      if (stale.length > 0) await readHeads(stale.map(({ chain }) => chain))
      const unclear = group.filter(({ chain, entries }) => entries.some(pending => !isClear(chain, pending)))
      if (unclear.length > 0) await Promise.all(unclear.map(lookDeep))
      const known = group.filter(({ chain, entries }) => entries.some(pending => isKnown(chain, pending)))
      if (known.length > 0) await Promise.all(known.map(settleKnown))
      for (const batch of group) place(batch)
      const filled = group.filter(({ docs }) => docs.length > 0)
      if (filled.length > 0) await storePlaced(filled)
    } catch (error) {
      for (const { chain } of group) chain.failures++
      log.warn({ err: error, streams: group.length }, 'a group of appends could not be prepared')
    }
    for (const { entries } of group) for (const { whole } of entries) if (whole !== undefined) whole.tries--
    for (const batch of group) requeue(batch)
  }

  async function storePlaced (group: readonly Batch[]): Promise<void> {
    // Those that find-messages.ts would not come upon: later than it looks, or behind more others than are known by heart.
    const late = group.flatMap(({ chain: { recent }, placed, docs }) =>
      docs.filter(({ seq }, at) => seq > placed[at]!.time + landsWithin || recent.from > placed[at]!.time))
    if (late.length > 0) await writeLocators(late)
    const outcomes = await store.insertChains('entries', group.map(({ docs }) => docs))
    for (let i = 0; i < group.length; i++) {
      const { chain, placed, docs } = group[i]!
      const { stored, stopped, cause } = outcomes[i]!
      for (let at = 0; at < stored; at++) {
        advance(chain, docs[at]!)
        settle(chain, placed[at]!, docs[at]!, true)
      }
      if (stopped === undefined) { chain.failures = 0; continue }
      counts.conflicts++
      chain.failures++
      if (stopped !== 'exists') log.warn({ stream: chain.stream, stopped, err: cause }, 'an append met trouble in the store')
      for (let at = stored; at < docs.length; at++) {
        const pending = placed[at]!
        if (stopped === 'unknown') {
          pending.isInDoubt = true
          begin(pending.whole)
        }
        // What may lie at its place is tried there again, though a later try was refused: at another seq it would be another entry.
        pending.placed = stopped !== 'exists' && pending.isInDoubt ? docs[at] : undefined
      }
      if (stopped === 'exists') chain.isBehind = true
    }
  }

  /** Puts back what is not settled, in its order; refuses what has waited too long. */
  function requeue ({ chain, entries }: Batch): void {
    const left = entries.filter(({ isOver }) => !isOver)
    if (left.length > 0) putBack(chain, left)
    if (chain.queue.length === 0) { chain.state = 'idle'; return }
    if (chain.failures === 0) { enqueue(chain); return }
    chain.state = 'pausing'
    const pauseMs = Math.random() * Math.min(chain.isBehind ? maxConflictPauseMs : 500, 2 ** Math.min(chain.failures, 9))
    setTimeout(() => { enqueue(chain) }, pauseMs)
  }

  function putBack (chain: Chain, left: readonly Pending[]): void {
    const now = clock.elapsed()
    const kept: Pending[] = []
    for (const pending of left) {
      if (pending.whole?.state === 'refused' || (chain.failures > 0 && now - pending.since > patienceMs(chain, pending))) {
        if (pending.isInDoubt) { chain.head = undefined; onUnknown?.(chain.stream) }
        if (pending.whole?.state === 'open') pending.whole.state = 'refused'
        release(chain, pending)
        pending.reject(pending.isInDoubt || pending.whole?.state === 'begun'
          ? outcomeUnknown('the store did not say whether it took all of it')
          : new GatepostError('GP_STORE_UNAVAILABLE', 'the store did not take it; nothing was stored'))
      } else kept.push(pending)
    }
    // A document that may have landed keeps its place in front, so that its second try names the same key.
    chain.queue = [...kept, ...chain.queue]
  }

  function patienceMs ({ isBehind }: Chain, { isInDoubt, whole }: Pending): number {
    // A conflict is no fault of the store's: others get on, and so will this one.
    return isBehind || isInDoubt || whole?.state === 'begun' || (whole?.tries ?? 0) > 0 ? unknownFactor * rules.giveUpMs : rules.giveUpMs
  }

  function release (chain: Chain, pending: Pending): void {
    pending.isOver = true
    chain.byId.delete(pending.draft.id)
    waitingEntries--
    waitingChars -= pending.draft.text.length
  }

  function settle (chain: Chain, pending: Pending, doc: EntryDoc, isNew: boolean): void {
    release(chain, pending)
    begin(pending.whole)
    if (isNew) {
      counts.entries++
      onDuration?.((clock.elapsed() - pending.since) / 1000)
    }
    // It is stored, whatever else fails: whoever asked is answered.
    try { onAppended(chain.stream, doc) } catch (error) { log.error({ event: 'append-not-told', stream: chain.stream, err: error }, 'an entry is stored, and what should have been told of it at once was not') }
    pending.resolve({ doc, isNew })
  }

  const isFresh = (chain: Chain): boolean => {
    const { head } = chain
    return head !== undefined && clock.lived() - head.confirmedAt < rules.headFreshMs && head.purgeAt - clock.latest() > rules.prolongWithinMs
  }

  /** Reads the heads of these chains and prolongs those that the store may purge soon. */
  async function readHeads (stale: readonly Chain[]): Promise<void> {
    let unread = stale
    while (unread.length > 0) {
      const readAt = clock.lived()
      const docs = await store.lasts('entries', unread.map(chain => ownerRange(chain.stream)))
      const now = clock.latest()
      const due: Array<{ chain: Chain, doc: EntryDoc }> = []
      for (const [i, chain] of unread.entries()) {
        const doc = docs[i]
        if (doc !== undefined && (doc.purgeAt ?? Infinity) - now <= rules.prolongWithinMs) due.push({ chain, doc })
        else takeHead(chain, doc, readAt)
      }
      if (due.length === 0) return
      const longer = due.map(({ doc }) => ({ was: doc.v, doc: { ...doc, v: doc.v + 1, purgeAt: now + rules.keepMs } }))
      const outcomes = await store.replace('entries', longer)
      unread = due.filter(({ chain }, i) => {
        if (outcomes[i] !== 'done') return true // it changed, was purged, or nobody knows: read again
        counts.prolonged++
        takeHead(chain, longer[i]!.doc, readAt)
        return false
      }).map(({ chain }) => chain)
      if (outcomes.some(outcome => outcome === 'refused' || outcome === 'unknown')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'a head could not be prolonged')
    }
  }

  function takeHead (chain: Chain, doc: EntryDoc | undefined, readAt: number): void {
    if (doc === undefined) {
      // Good for the one try that follows: confirmedAt in the past lets nobody use it again.
      chain.head = { seq: 0, purgeAt: Infinity, confirmedAt: -Infinity }
      chain.recent.restart(0)
      return
    }
    if (chain.head?.seq !== doc.seq) {
      chain.recent.restart(placeOfEntry(doc.key).prev)
      chain.recent.add(doc.id, doc.seq)
    }
    chain.head = { seq: doc.seq, purgeAt: doc.purgeAt ?? Infinity, confirmedAt: readAt }
  }

  /** The chain's head moves on by one known entry. */
  function advance (chain: Chain, doc: EntryDoc): void {
    if (chain.head === undefined) return
    const now = clock.lived()
    chain.head = { seq: doc.seq, purgeAt: doc.purgeAt ?? Infinity, confirmedAt: now }
    chain.recent.add(doc.id, doc.seq)
    chain.recent.prune(now, rules.recentMs)
  }

  /** After a conflict: what others appended behind our head. */
  async function readOn (chain: Chain): Promise<void> {
    if (chain.head === undefined || chain.head.seq === 0) { chain.head = undefined; chain.isBehind = false; return }
    for (;;) {
      const docs: EntryDoc[] = await store.range('entries', entriesAfter(chain.stream, chain.head.seq), { limit: lookPage })
      for (const doc of docs) {
        if (placeOfEntry(doc.key).prev !== chain.head?.seq) { chain.head = undefined; chain.isBehind = false; return }
        advance(chain, doc)
        const own = chain.byId.get(doc.id)
        if (own !== undefined) settle(chain, own, doc, own.placed !== undefined)
      }
      if (docs.length < lookPage) { chain.isBehind = false; return }
    }
  }

  const isClear = (chain: Chain, pending: Pending): boolean => {
    const head = chain.head!.seq
    return head <= pending.clearedTo || chain.recent.from <= pending.clearedTo
  }

  const isKnown = (chain: Chain, pending: Pending): boolean => !pending.isOver && chain.recent.seqOf(pending.draft.id, pending.time) !== undefined

  /** Looks for entries where they may lie behind what is known, and settles what is found. */
  async function lookDeep ({ chain, entries }: Batch): Promise<void> {
    counts.deepLooks++
    const head = chain.head!.seq
    const sought = entries.filter(pending => !isClear(chain, pending))
    // What is above is known by heart.
    const windows = joinSpans(sought.map(({ clearedTo, time }) => ({ from: clearedTo, to: Math.min(head, time + landsWithin, chain.recent.from) })))
    const late = sought.filter(({ time }) => head > time + landsWithin)
    await Promise.all([lookLate(chain, late, head), lookThrough(chain, windows, sought)])
    for (const pending of sought) pending.clearedTo = head
  }

  /** What it reads is remembered: in a busy stream that is ahead, each append would read the same minute again. */
  async function lookThrough (chain: Chain, windows: readonly Span[], sought: readonly Pending[]): Promise<void> {
    for (const window of windows) {
      const past = chain.past ??= new PastIds()
      for (const span of past.missingOf(window)) await lookIn(chain, span, sought, past)
      if (sought.every(({ isOver }) => isOver)) return // and not all of it was read
      past.cover(window, landsWithin)
      await settleAt(chain, sought.flatMap(pending => {
        const seq = pending.isOver ? undefined : past.seqOf(pending.draft.id)
        return seq === undefined ? [] : { pending, seq }
      }))
      if (past.size > maxPastIds) chain.past = undefined
    }
  }

  /** Looks at the entries with from < seq <= to, as long as some of `sought` is not found. */
  async function lookIn (chain: Chain, { from, to }: Span, sought: readonly Pending[], past?: PastIds): Promise<void> {
    const byId = new Map(sought.map(pending => [pending.draft.id, pending]))
    const found = (doc: EntryDoc): void => {
      past?.add(doc.id, doc.seq)
      const pending = byId.get(doc.id)
      if (pending?.isOver === false) settle(chain, pending, doc, pending.placed !== undefined)
    }
    const [before] = await store.lasts('entries', [entriesBefore(chain.stream, from)])
    if (before !== undefined) found(before)
    const end = entryKey(chain.stream, to)
    for (let at = from; at < to && sought.some(({ isOver }) => !isOver);) {
      const docs = await store.range('entries', { from: entryKey(chain.stream, at), to: end }, { limit: lookPage })
      for (const doc of docs) { found(doc); at = doc.seq }
      if (docs.length < lookPage) break
    }
  }

  /** Those that were tried late before lie at the place that their locator names, or behind it. */
  async function lookLate (chain: Chain, late: readonly Pending[], head: number): Promise<void> {
    const locators = await store.get('claims', late.map(({ draft }) => locatorKey(chain.stream, draft.id)))
    const tried = late.filter((_, i) => locators[i] !== undefined)
    if (tried.length === 0) return
    await lookIn(chain, { from: Math.min(...locators.map(locator => locator === undefined ? Infinity : decodeTime(locator.text))), to: head }, tried)
  }

  /** Settles what the ids in memory show to be in the chain already. */
  async function settleKnown ({ chain, entries }: Batch): Promise<void> {
    await settleAt(chain, entries.filter(pending => isKnown(chain, pending)).map(pending => ({ pending, seq: chain.recent.seqOf(pending.draft.id, pending.time)! })))
  }

  async function settleAt (chain: Chain, known: ReadonlyArray<{ readonly pending: Pending, readonly seq: number }>): Promise<void> {
    if (known.length === 0) return
    // The entry with seq s is the last one whose prev is below s.
    const docs = await store.lasts('entries', known.map(({ seq }) => entriesBefore(chain.stream, seq)))
    for (const [i, { pending }] of known.entries()) {
      const doc = docs[i]
      if (doc?.id === pending.draft.id) settle(chain, pending, doc, pending.placed !== undefined)
      else throw new GatepostError('GP_STORE_UNAVAILABLE', 'an entry that is in the chain could not be read')
    }
  }

  /** Gives places to what is left of a batch. */
  function place (batch: Batch): void {
    const { chain } = batch
    const placed: Pending[] = []
    const docs: EntryDoc[] = []
    const head = chain.head!.seq
    let prev = head
    for (const pending of batch.entries) {
      // Found meanwhile, or given up with the other copies of its message.
      if (pending.isOver || pending.whole?.state === 'refused') continue
      pending.clearedTo = Math.max(pending.clearedTo, head)
      if (head <= pending.time) chain.past = undefined
      const doc = placedBehind(prev, pending) ?? placeBehind(chain.stream, prev, pending)
      placed.push(pending)
      docs.push(doc)
      prev = doc.seq
    }
    batch.placed = placed
    batch.docs = docs
  }

  const placedBehind = (prev: number, { placed }: Pending): EntryDoc | undefined => placed !== undefined && placeOfEntry(placed.key).prev === prev ? placed : undefined

  function placeBehind (stream: StreamId, prev: number, { draft, time }: Pending): EntryDoc {
    // Half of `keepMs`, since the store's time is known to this clock with an error, and differs from shard to shard.
    const abovePurged = fromMs(clock.latest() - rules.keepMs / 2)
    const seq = Math.max(clock.tick(), abovePurged, prev + 1, time + 1)
    const purgeAt = Math.max(draft.expiresAt, Math.max(clock.latest(), toMs(seq)) + rules.keepMs)
    return placeEntry(draft, entryKey(stream, prev), seq, purgeAt)
  }

  async function writeLocators (docs: readonly EntryDoc[]): Promise<void> {
    const locators = docs.map(doc => {
      const { stream, prev } = placeOfEntry(doc.key)
      return { key: locatorKey(stream, doc.id), v: 0, purgeAt: doc.purgeAt, text: encodeTime(prev) }
    })
    const outcomes = await store.insertChains('claims', locators.map(locator => [locator]))
    // One that exists names an earlier place: reading on from there finds the entry as well.
    if (outcomes.some(({ stopped }) => stopped === 'refused' || stopped === 'unknown')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'a locator could not be stored')
  }

  return {
    append,
    refusalOf,
    knows: stream => { const chain = chains.get(stream); return chain !== undefined && isFresh(chain) },
    observe: (stream, doc) => {
      const chain = chains.get(stream)
      if (chain === undefined || chain.state !== 'idle' || chain.head === undefined || doc.seq <= chain.head.seq) return
      if (placeOfEntry(doc.key).prev === chain.head.seq) advance(chain, doc)
      else chain.head = undefined
    },
    counts,
    settled: async () => {
      while (!isIdle()) await new Promise<void>(resolve => idleWaiters.push(resolve))
    }
  }
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

function withResolvers<T> (): { promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((_resolve, _reject) => { resolve = _resolve; reject = _reject })
  return { promise, resolve, reject }
}
