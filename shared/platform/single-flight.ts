/**
 * Work that is asked for again while nobody knows its outcome: done once, and every caller gets its outcome. Doing it twice
 * would be no double (its ids are fixed), but one of the two could be answered as refused while the other one succeeds.
 */
import { deadlines } from '../contract/deadlines.js'

export type SingleFlight<T> = (name: string, begin: () => Promise<T>) => Promise<T>

/** What took longer than `slowMs` is remembered for `keepMs` after its end: the next request may be on its way. */
export function createSingleFlight<T> ({ slowMs, keepMs = deadlines.outcomeKeptMs }: { slowMs: number, keepMs?: number }): SingleFlight<T> {
  const known = new Map<string, Promise<T>>()
  return (name, begin) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const begunAt = performance.now()
    const work = begin()
    known.set(name, work)
    const end = (): void => {
      if (performance.now() - begunAt < slowMs) known.delete(name)
      else setTimeout(() => { known.delete(name) }, keepMs).unref()
    }
    work.then(end, end)
    return work
  }
}
