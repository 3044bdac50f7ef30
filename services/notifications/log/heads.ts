/**
 * The heads that this node has seen, for reading: a hint until it is asked for, then checked. Whether a stream has
 * grown is the cheapest question of all: does an entry lie behind its head? It is valid only while the head's own
 * document has an hour to live, and the head was known to be the last one less than an hour ago: the entry behind it may
 * be short-lived and gone again, with more behind that. Otherwise the head is read. A wall clock that was set back makes
 * neither hour longer.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { lives } from '../../../shared/contract/deadlines.js'
import { entryKey, ownerRange } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'

export interface Heads {
  /** The seqs of these streams' last entries (0 = empty), as true as a read that begins now. */
  fresh: (streams: readonly StreamId[]) => Promise<number[]>
  /** Takes note of an entry seen. */
  see: (stream: StreamId, doc: EntryDoc) => void
}

interface Seen {
  seq: number
  purgeAt: number
  /** By `clock.lived`, when nothing lay behind it. */
  lastAt: number
}

const maxSeen = 200_000
const minLifeMs = lives.headTrustedMs
const maxAgeMs = lives.headTrustedMs

export function createHeads ({ store, clock }: { store: Store, clock: Clock }): Heads {
  const seen = new Map<StreamId, Seen>()

  const remember = (stream: StreamId, { seq, purgeAt }: EntryDoc, lastAt: number): void => {
    if (seen.size >= maxSeen) seen.delete(seen.keys().next().value!)
    seen.set(stream, { seq, purgeAt: purgeAt ?? Infinity, lastAt })
  }

  return {
    see: (stream, doc) => {
      const known = seen.get(stream)
      if (known === undefined) remember(stream, doc, clock.lived())
      else if (known.seq < doc.seq) {
        known.seq = doc.seq
        known.purgeAt = doc.purgeAt ?? Infinity
        known.lastAt = clock.lived()
      }
    },
    fresh: async streams => {
      const heads: number[] = new Array<number>(streams.length).fill(0)
      const unknown: number[] = []
      const asked: number[] = []
      const askedAt = clock.lived()
      const now = clock.latest()
      for (const [i, stream] of streams.entries()) {
        const known = seen.get(stream)
        if (known === undefined || known.purgeAt - now < minLifeMs || askedAt - known.lastAt >= maxAgeMs) unknown.push(i)
        else { heads[i] = known.seq; asked.push(i) }
      }
      const grown = await store.exist('entries', asked.map(i => entryKey(streams[i]!, heads[i]!)))
      for (const [k, i] of asked.entries()) {
        const known = seen.get(streams[i]!)
        if (grown[k] === true) unknown.push(i)
        else if (known !== undefined && known.seq === heads[i]) known.lastAt = Math.max(known.lastAt, askedAt)
      }
      if (unknown.length === 0) return heads
      const docs = await store.lasts('entries', unknown.map(i => ownerRange(streams[i]!)))
      for (const [k, i] of unknown.entries()) {
        const doc = docs[k]
        if (doc === undefined) { heads[i] = 0; seen.delete(streams[i]!); continue }
        heads[i] = doc.seq
        remember(streams[i]!, doc, askedAt)
      }
      return heads
    }
  }
}
