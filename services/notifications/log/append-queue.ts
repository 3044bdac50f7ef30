/**
 * The entries that wait to be appended to one stream, in their order. One try of a stream is under way at a time, because its entries
 * name each other as `prev`.
 *
 *   idle → queued         an entry came
 *   queued → inFlight     a group took entries (append-groups.ts); more may come and wait
 *   inFlight → idle       nothing waits: it is forgotten, and the next entry begins a new one
 *   inFlight → queued     the try went well, and more has come
 *   inFlight → pausing    the try failed; what was not refused is back in its order
 *   pausing → queued      after a random time, longer with each failure
 *
 * Refused is what has waited too long: after `giveUpMs`, or three times that where the answer could be false or the store works. That is
 * so for an entry that may be stored, for one whose group is stored or tried in part, and after a conflict, which is no
 * fault of the store: others get on, and so will this stream.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { deadlines } from '../../../shared/contract/deadlines.js'
import { GatepostError, outcomeUnknown } from '../../../shared/contract/errors.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { ChainOutcome, EntryDoc } from '../../../shared/store/store.js'
import { loseClaim, type AtomicGroup } from './atomic-group.js'
import type { EntryDraft } from './entry.js'
import { PendingEntry } from './pending-entry.js'
import type { Placed } from './placing.js'

export type QueueState = 'idle' | 'queued' | 'inFlight' | 'pausing'

const next: Readonly<Record<QueueState, readonly QueueState[]>> = {
  idle: ['queued'],
  queued: ['inFlight'],
  inFlight: ['idle', 'queued', 'pausing'],
  pausing: ['queued']
}

/** What all queues of an appender share. */
export interface QueueContext {
  readonly clock: Pick<Clock, 'elapsed'>
  readonly giveUpMs: number
  /** What is not over, in all queues. */
  readonly backlog: Backlog
  readonly onQueued: (queue: AppendQueue) => void
  /** An entry is stored; its sender is answered afterwards. */
  readonly onStored: (stream: StreamId, pending: PendingEntry, doc: EntryDoc, isNew: boolean) => void
  /** An entry was given up that may be stored all the same. */
  readonly onUnknown: (stream: StreamId) => void
}

export interface Backlog { entries: number, chars: number }
/** How much one group may take. */
export interface Budget { entries: number, chars: number }

const maxConflictPauseMs = 50
const maxPauseMs = 500
const { unknownFactor } = deadlines.append

export class AppendQueue {
  readonly stream: StreamId
  /** The last try met a conflict: the stream has grown by others, and was not read since. */
  isBehind = false
  readonly #context: QueueContext
  readonly #onIdle: () => void
  readonly #byId = new Map<string, PendingEntry>()
  #state: QueueState = 'idle'
  #waiting: PendingEntry[] = []
  /** Tries since the last one that went well. */
  #failures = 0

  constructor (stream: StreamId, context: QueueContext, onIdle: () => void) {
    this.stream = stream
    this.#context = context
    this.#onIdle = onIdle
  }

  get state (): QueueState { return this.#state }

  /** The entry with this id that is not over. */
  pendingOf (id: string): PendingEntry | undefined { return this.#byId.get(id) }

  add (draft: EntryDraft, time: number, group: AtomicGroup | undefined): PendingEntry {
    const { clock, backlog } = this.#context
    const pending = new PendingEntry(draft, time, clock.elapsed(), group)
    this.#waiting.push(pending)
    this.#byId.set(draft.id, pending)
    backlog.entries++
    backlog.chars += draft.text.length
    if (this.#state === 'idle') this.#become('queued')
    return pending
  }

  /** Takes entries into a try, from the front, as long as something of the budget is left; `giveBack` must follow. */
  take (budget: Budget): PendingEntry[] {
    const waiting = this.#waiting
    let count = 0
    while (count < waiting.length && budget.entries > 0 && budget.chars > 0) {
      const pending = waiting[count++]!
      budget.entries--
      budget.chars -= pending.draft.text.length
      pending.startTry()
    }
    if (count === 0) return []
    this.#become('inFlight')
    this.#waiting = waiting.slice(count)
    return count === waiting.length ? waiting : waiting.slice(0, count)
  }

  settle (pending: PendingEntry, doc: EntryDoc, isNew: boolean): void {
    this.#forget(pending)
    pending.stored()
    this.#context.onStored(this.stream, pending, doc, isNew)
    pending.answer({ doc, isNew })
  }

  /** The store took all that was tried. */
  wentWell (): void { this.#failures = 0 }

  /** The store stopped before these. One without its claim is given up, and holds nobody up. */
  stoppedBefore (rest: readonly Placed[], stopped: NonNullable<ChainOutcome['stopped']>): void {
    if (stopped !== 'unclaimed' || !loseClaim(rest[0]!.pending.group)) this.#failures++
    if (stopped === 'exists') this.isBehind = true
    for (const { pending, doc } of rest) {
      pending.searched(rest[0]!.prev)
      pending.tried(doc, stopped)
    }
  }

  /** The try ended before the store was asked. */
  couldNotTry (): void { this.#failures++ }

  /** The try of these is over. Those that are neither stored nor given up are the next ones, in their order: a document that may have landed needs the same position again. */
  giveBack (taken: readonly PendingEntry[]): void {
    const now = this.#context.clock.elapsed()
    const kept = taken.filter(pending => pending.fate.is !== 'over' && !this.#isGivenUp(pending, now))
    if (kept.length > 0) this.#waiting = kept.concat(this.#waiting)
    if (this.#waiting.length === 0) this.#become('idle')
    else if (this.#failures === 0) this.#become('queued')
    else this.#pause()
  }

  #isGivenUp (pending: PendingEntry, now: number): boolean {
    const isOverdue = this.#failures > 0 && now - pending.since > this.#patienceMs(pending)
    if (!isOverdue && pending.group?.state !== 'refused') return false
    const { mayBeStored } = pending
    if (pending.fate.is === 'inDoubt') this.#context.onUnknown(this.stream)
    this.#forget(pending)
    pending.refuse(mayBeStored
      ? outcomeUnknown('the store did not say whether it took all of it')
      : new GatepostError('GP_STORE_UNAVAILABLE', 'the store did not take it; nothing was stored'))
    return true
  }

  #patienceMs ({ mayBeStored, group }: PendingEntry): number {
    const { giveUpMs } = this.#context
    return mayBeStored || this.isBehind || (group?.tries ?? 0) > 0 ? unknownFactor * giveUpMs : giveUpMs
  }

  #pause (): void {
    this.#become('pausing')
    const longestMs = Math.min(this.isBehind ? maxConflictPauseMs : maxPauseMs, 2 ** Math.min(this.#failures, 9))
    setTimeout(() => { this.#become('queued') }, Math.random() * longestMs)
  }

  #forget ({ draft }: PendingEntry): void {
    const { backlog } = this.#context
    this.#byId.delete(draft.id)
    backlog.entries--
    backlog.chars -= draft.text.length
  }

  #become (state: QueueState): void {
    if (!next[this.#state].includes(state)) throw new Error(`an append queue that is ${this.#state} cannot become ${state}`)
    this.#state = state
    if (state === 'queued') this.#context.onQueued(this)
    else if (state === 'idle') this.#onIdle()
  }
}

/** The queues of streams in which something waits or is under way. */
export interface AppendQueues {
  readonly known: (stream: StreamId) => AppendQueue | undefined
  /** For an entry that is added now: a queue is here until it is idle. */
  readonly of: (stream: StreamId) => AppendQueue
}

export function createAppendQueues (context: QueueContext): AppendQueues {
  const queues = new Map<StreamId, AppendQueue>()
  return {
    known: stream => queues.get(stream),
    of: stream => {
      let queue = queues.get(stream)
      if (queue === undefined) queues.set(stream, queue = new AppendQueue(stream, context, () => { queues.delete(stream) }))
      return queue
    }
  }
}
