/**
 * What this process knows of the ends of streams: one table for the writer (appender.ts) and for whoever asks whether a stream has
 * grown (heads.ts). A tail is never the truth, which is in the store. It says: at `confirmedAt` or later, this entry was the last.
 *
 * | who | what it takes for granted |
 * | --- | --- |
 * | appender.ts | an entry behind a trusted tail is either stored there or refused, because the key (stream, seq) is unique |
 * | heads.ts | a trusted tail is still the last entry if no entry has it as its `prev` |
 *
 * Both hold while nothing behind the tail may have been purged. Every entry stays 25 hours, so a tail is trusted for an hour after
 * it was confirmed, and only if its own entry stays long enough. A broadcast moves a tail on and confirms nothing: a process
 * that was suspended for a day reads old broadcasts when it wakes. What comes behind a confirmed tail is younger than that.
 *
 * Two positions look like tails and are not. The hub's is how far readers were sent a stream (realtime/hub.ts), a view's how
 * far it was folded (mailbox/state/user-views.ts): both may lag behind the end and must not jump.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { lives } from '../../../shared/contract/deadlines.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { MeasuredCache } from '../../../shared/platform/measured-cache.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import type { PastIds } from './past-ids.js'
import { RecentIds } from './recent-ids.js'

export class Tail {
  /** The last entry's; 0 where the stream is empty, or nothing is known of it. */
  seq = 0
  /** The last entry's, in ms since 1970. */
  purgeAt = Infinity
  /** By `clock.lived`: the entry was the last one then, or at some time since. -Infinity where it may not be used again. */
  confirmedAt = -Infinity
  /** Entries that were read while the stream was ahead of the clock. */
  past: PastIds | undefined
  #ids: RecentIds | undefined

  /** What it takes in memory with its place in the table, about. */
  get bytes (): number { return this.#ids === undefined ? tailBytes : tailBytes + idsBytes + this.#ids.size * idBytes }

  /** From now on it knows the ids of its last entries: only the writer needs them. To be called before the tail is read. */
  keepIds (): RecentIds {
    if (this.#ids === undefined) {
      this.#ids = new RecentIds()
      if (this.confirmedAt !== -Infinity) this.#ids.restart(this.seq)
    }
    return this.#ids
  }

  /** A read that began at `readAt` (by `clock.lived`) found this as the last entry; undefined: it found none. */
  confirm (doc: EntryDoc | undefined, readAt: number): void {
    const seq = doc?.seq ?? 0
    // It has grown since the read began.
    if (seq < this.seq && readAt < this.confirmedAt) return
    if (doc === undefined) {
      this.#ids?.restart(0)
      // Good for the one try that follows: somebody else may begin the stream.
      this.#become(0, Infinity, -Infinity)
      return
    }
    if (this.#ids !== undefined && (seq !== this.seq || this.#ids.from === Infinity)) {
      this.#ids.restart(placeOfEntry(doc.key).prev)
      this.#ids.add(doc.id, seq)
    }
    this.#become(seq, doc.purgeAt ?? Infinity, seq === this.seq ? Math.max(readAt, this.confirmedAt) : readAt)
  }

  /** Nothing lay behind the entry with this seq at `askedAt`. */
  wasLast (seq: number, askedAt: number): void {
    if (seq === this.seq) this.confirmedAt = Math.max(this.confirmedAt, askedAt)
  }

  /** The stream has this entry, whose `prev` is given. `confirmedAt`: it was the last one then, where that is known. */
  advance (doc: EntryDoc, prev: number, confirmedAt = this.confirmedAt): void {
    if (doc.seq <= this.seq) return
    if (this.#ids !== undefined) {
      if (prev !== this.seq) this.#ids.restart(prev)
      this.#ids.add(doc.id, doc.seq)
    }
    this.#become(doc.seq, doc.purgeAt ?? Infinity, confirmedAt)
  }

  /** Forgets ids that are older than `keepMs`. `nowMs`: by `clock.lived`. */
  prune (nowMs: number, keepMs: number): void { this.#ids?.prune(nowMs, keepMs) }

  /** It must be read before it is used again. */
  distrust (): void { this.confirmedAt = -Infinity }

  #become (seq: number, purgeAt: number, confirmedAt: number): void {
    this.seq = seq
    this.purgeAt = purgeAt
    this.confirmedAt = confirmedAt
  }
}

/** Measured of 50,000 in one heap. */
const tailBytes = 250
const idsBytes = 190
const idBytes = 56

export interface Trust {
  /** A tail is trusted for so long after it was confirmed. */
  readonly headFreshMs: number
  /** One that may be purged sooner than this is not. */
  readonly extendWithinMs: number
}

export interface Tails {
  /** The tail of this stream; a new one where none is known. */
  of: (stream: StreamId) => Tail
  known: (stream: StreamId) => Tail | undefined
  /** Takes note of an entry that is durable, wherever it was appended. */
  see: (stream: StreamId, doc: EntryDoc) => void
  isTrusted: (tail: Tail, trust: Trust) => boolean
}

export interface TailsOptions {
  readonly clock: Pick<Clock, 'lived' | 'latest'>
  /** Ids are kept for so long. */
  readonly recentMs?: number
  /** By Tail.bytes. Above it those are forgotten that were not used of late. */
  readonly maxBytes?: number
}

export function createTails ({ clock, recentMs = lives.landsWithinMs, maxBytes }: TailsOptions): Tails {
  const tails = new MeasuredCache<StreamId, Tail>({ maxBytes, bytesOf: ({ bytes }) => bytes })
  return {
    of: stream => tails.get(stream) ?? tails.add(stream, new Tail()),
    known: stream => tails.get(stream),
    see: (stream, doc) => {
      const tail = tails.peek(stream)
      // Of a stream that was never read or written nothing is known: an entry of it may be as old as it likes.
      if (tail === undefined) return
      if (doc.seq > tail.seq) {
        tail.advance(doc, placeOfEntry(doc.key).prev)
        tail.prune(clock.lived(), recentMs)
      }
      tails.measure(stream) // also what the writer has added
    },
    isTrusted: ({ confirmedAt, purgeAt }, { headFreshMs, extendWithinMs }) =>
      clock.lived() - confirmedAt < headFreshMs && purgeAt - clock.latest() > extendWithinMs
  }
}
