/**
 * What is done in several writes, each of which may be done again with no harm: marks, memberships, recalls. Once one of them is
 * stored, or may be, a refusal of another would say too much: nothing was stored.
 */
import { halfDone, isInDoubt, isSurelyNotStored } from '../../../shared/contract/errors.js'

/** What follows a write that is stored: its refusals (503) become GP_OUTCOME_UNKNOWN. */
export async function afterWriting<T> (work: () => Promise<T>): Promise<T> {
  try { return await work() } catch (error) { throw isSurelyNotStored(error) ? halfDone(error) : error }
}

/** Writes side by side: all are waited for, and a refusal stands only where no other one is stored, or may be. */
export async function allWritten (writes: ReadonlyArray<Promise<unknown>>): Promise<void> {
  const errors: Error[] = []
  for (const ended of await Promise.allSettled(writes)) if (ended.status === 'rejected') errors.push(ended.reason as Error)
  const [first] = errors
  if (first === undefined) return
  const isBegun = errors.length < writes.length || errors.some(isInDoubt)
  throw isBegun && isSurelyNotStored(first) ? halfDone(first) : first
}
