/**
 * The heads of streams for reading: a tail in memory (tails.ts) is a hint until it is asked for, then checked. Whether a stream has
 * grown is the cheapest read of all: does an entry lie behind its tail? The answer is valid only for a trusted tail: the
 * entry behind it may be short-lived and gone again, with more behind that. Otherwise the last entry is read.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { lives } from '../../../shared/contract/deadlines.js'
import { entryKey, ownerRange } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import { createTails, type Tails, type Trust } from './tails.js'

export interface Heads {
  /** The seqs of these streams' last entries (0 = empty), as true as a read that begins now. */
  fresh: (streams: readonly StreamId[]) => Promise<number[]>
  /** Takes note of an entry seen. */
  see: (stream: StreamId, doc: EntryDoc) => void
}

const trust: Trust = { headFreshMs: lives.headTrustedMs, extendWithinMs: lives.headTrustedMs }

/** `tails`: shared with the appender, where there is one. */
export function createHeads ({ store, clock, tails = createTails({ clock }) }: { store: Pick<Store, 'exist' | 'lasts'>, clock: Clock, tails?: Tails }): Heads {
  return {
    see: tails.see,
    fresh: async streams => {
      const heads: number[] = new Array<number>(streams.length).fill(0)
      const unknown: number[] = []
      const asked: number[] = []
      const askedAt = clock.lived()
      for (const [i, stream] of streams.entries()) {
        const tail = tails.known(stream)
        if (tail === undefined || !tails.isTrusted(tail, trust)) unknown.push(i)
        else { heads[i] = tail.seq; asked.push(i) }
      }
      const grown = await store.exist('entries', asked.map(i => entryKey(streams[i]!, heads[i]!)))
      for (const [k, i] of asked.entries()) {
        if (grown[k] === true) unknown.push(i)
        else tails.known(streams[i]!)?.wasLast(heads[i]!, askedAt)
      }
      if (unknown.length === 0) return heads
      const docs = await store.lasts('entries', unknown.map(i => ownerRange(streams[i]!)))
      for (const [k, i] of unknown.entries()) {
        const doc = docs[k]
        heads[i] = doc?.seq ?? 0
        const tail = doc === undefined ? tails.known(streams[i]!) : tails.of(streams[i]!)
        tail?.confirm(doc, askedAt)
      }
      return heads
    }
  }
}
