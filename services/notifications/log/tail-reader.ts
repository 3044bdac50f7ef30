/**
 * Reads the ends of streams before something is appended. A tail is used within `headFreshMs` of being read or written. If the store
 * may purge the last entry within `extendWithinMs`, its time to live is extended first, by a conditional update. So the entry outlives
 * every memory of it, and two beginnings of one stream cannot both exist. That a stream is empty is never remembered.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { entriesAfter, ownerRange } from '../../../shared/store/keys.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import type { AppendQueue } from './append-queue.js'
import type { Tail, Tails, Trust } from './tails.js'

/** A stream that is to be appended to. */
export interface Target { readonly queue: AppendQueue, readonly tail: Tail }

export interface TailReader {
  /** Reads on those that met a conflict, reads those that are not trusted. Rejects where the store cannot be read. Undefined: nothing was to be done. */
  refresh: (targets: readonly Target[]) => Promise<void> | undefined
  /** Last entries kept from their purge since the start. */
  readonly extended: number
}

export interface TailReaderOptions {
  readonly store: Pick<Store, 'lasts' | 'range' | 'replace'>
  readonly clock: Pick<Clock, 'lived' | 'latest'>
  readonly tails: Pick<Tails, 'isTrusted'>
  readonly trust: Trust
  readonly keepMs: number
}

const page = 1_000

export function createTailReader ({ store, clock, tails, trust, keepMs }: TailReaderOptions): TailReader {
  let extended = 0

  async function refreshAll (targets: readonly Target[]): Promise<void> {
    // Now and not when it met the conflict: the less time between this and the insert, the fairer the share among writers
    // that cannot agree (NATS is away). One that paused in between could lose for seconds on end.
    await Promise.all(targets.filter(({ queue }) => queue.isBehind).map(readOn))
    await readLasts(targets.filter(({ tail }) => !tails.isTrusted(tail, trust)))
  }

  async function readLasts (untrusted: readonly Target[]): Promise<void> {
    let unread = untrusted
    while (unread.length > 0) {
      const readAt = clock.lived()
      const docs = await store.lasts('entries', unread.map(({ queue }) => ownerRange(queue.stream)))
      const now = clock.latest()
      const due: Array<{ target: Target, doc: EntryDoc }> = []
      for (const [i, target] of unread.entries()) {
        const doc = docs[i]
        if (doc !== undefined && (doc.purgeAt ?? Infinity) - now <= trust.extendWithinMs) due.push({ target, doc })
        else target.tail.confirm(doc, readAt)
      }
      unread = await extend(due, readAt, now)
    }
  }

  /** Those that are to be read again. */
  async function extend (due: ReadonlyArray<{ readonly target: Target, readonly doc: EntryDoc }>, readAt: number, now: number): Promise<Target[]> {
    if (due.length === 0) return []
    const longer = due.map(({ doc }) => ({ was: doc.v, doc: { ...doc, v: doc.v + 1, purgeAt: now + keepMs } }))
    const outcomes = await store.replace('entries', longer)
    const again = due.filter(({ target }, i) => {
      if (outcomes[i] !== 'done') return true // it changed, was purged, or nobody knows
      extended++
      target.tail.confirm(longer[i]!.doc, readAt)
      return false
    })
    if (outcomes.some(outcome => outcome === 'refused' || outcome === 'unknown')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the last entry of a stream could not be kept from its purge')
    return again.map(({ target }) => target)
  }

  /** After a conflict: what others appended behind the tail, and what of it is ours. */
  async function readOn ({ queue, tail }: Target): Promise<void> {
    let at = tail.seq
    // Nothing to read on from, or something was purged.
    const readAnew = (): void => { tail.distrust(); queue.isBehind = false }
    if (at === 0) { readAnew(); return }
    for (;;) {
      const readAt = clock.lived()
      const docs = await store.range('entries', entriesAfter(queue.stream, at), { limit: page })
      for (const doc of docs) {
        if (placeOfEntry(doc.key).prev !== at) { readAnew(); return }
        tail.advance(doc, at, readAt)
        const own = queue.pendingOf(doc.id)
        if (own !== undefined) queue.settle(own, doc, own.doubtful !== undefined)
        at = doc.seq
      }
      if (docs.length < page) { queue.isBehind = false; return }
    }
  }

  return {
    refresh: targets => targets.some(({ queue, tail }) => queue.isBehind || !tails.isTrusted(tail, trust)) ? refreshAll(targets) : undefined,
    get extended () { return extended }
  }
}
