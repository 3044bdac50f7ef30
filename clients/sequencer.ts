/**
 * Decides what to do with an entry that came in, from whichever socket: it is the next of its stream, it was seen
 * already, or something before it is missing. This is what makes an at-least-once wire exactly once, in order.
 */
import { groupStream, type Cursors, type Entry } from './protocol.js'

export type Verdict = 'next' | 'seen' | 'hole'

export interface Sequencer {
  /** False until the reader knows where it begins. */
  readonly hasBegun: boolean
  begin (cursors: Cursors): void
  /** The last entry taken of each stream. */
  tails (): Cursors
  /**
   * `asked`: the cursors of the `sync` that this entry answers. What is first after a cursor in such an
   * answer is the next one whatever its `prev` says, for to ask again would bring the same.
   */
  take (entry: Entry, asked?: Cursors): Verdict
  /** Forgets the streams that the user does not see any more. */
  keepOnly (heads: Cursors): void
}

export interface Tails {
  all (): Cursors
  /** Never back. */
  move (entry: Entry): void
}

/** Where a reader stands that has had these entries, whatever is missing between them. */
export function createTails (start: Cursors = {}): Tails {
  const tails = new Map(Object.entries(start))
  return {
    all: () => Object.fromEntries(tails),
    move (entry) { move(tails, entry) }
  }
}

function move (tails: Map<string, number>, entry: Entry): void {
  tails.set(entry.stream, Math.max(entry.seq, tails.get(entry.stream) ?? 0))
  const start = startOfGroup(entry)
  if (start !== undefined) tails.set(start.stream, Math.max(start.after, tails.get(start.stream) ?? 0))
}

export function createSequencer (): Sequencer {
  const tails = new Map<string, number>()
  return {
    get hasBegun () { return tails.size > 0 },
    begin (cursors) { for (const [stream, seq] of Object.entries(cursors)) tails.set(stream, seq) },
    tails () { return Object.fromEntries(tails) },
    take (entry, asked) {
      const tail = tails.get(entry.stream)
      if (tail !== undefined && entry.seq <= tail) return 'seen'
      // prev 0 above the tail: all before has expired, a new beginning.
      const fits = entry.prev === tail || entry.prev === 0 || (asked !== undefined && asked[entry.stream] === tail)
      if (!fits) return 'hole'
      move(tails, entry)
      return 'next'
    },
    keepOnly (heads) {
      for (const stream of tails.keys()) if (!Object.hasOwn(heads, stream)) tails.delete(stream)
    }
  }
}

/** The cursors of a reader that had `cursors` and has now had this entry too. */
export function advance (cursors: Cursors, entry: Entry): Cursors {
  const start = startOfGroup(entry)
  return {
    ...cursors,
    [entry.stream]: entry.seq,
    // The group's first entries may overtake the entry that tells of the joining: never back.
    ...(start === undefined ? {} : { [start.stream]: Math.max(start.after, cursors[start.stream] ?? 0) })
  }
}

function startOfGroup (entry: Entry): { stream: string, after: number } | undefined {
  if (entry.type !== 'change' || entry.joined !== true || entry.group === undefined || entry.after === undefined) return undefined
  return { stream: groupStream(entry.group), after: entry.after }
}

/** Cursors that were kept somewhere: only what can be one is taken. */
export function asCursors (value: unknown): Cursors | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value).filter(([stream, seq]) => /^(all|[ug]:\P{Cc}+)$/u.test(stream) && Number.isSafeInteger(seq) && (seq as number) >= 0)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
