/**
 * Entries that are stored all or none: the copies of one message, in streams that know nothing of each other. The copies are
 * tried side by side. They are given up together, and only while none is stored, may be stored, or is being tried.
 *
 *   open → begun (one is stored, or may be): the others are tried for as long as an entry of unknown outcome
 *   open → refused (nothing is stored, no try is under way): none is tried any more
 */
export interface AtomicGroup {
  state: 'open' | 'begun' | 'refused'
  /** Tries under way that may store one of them. */
  tries: number
}

export const createAtomicGroup = (): AtomicGroup => ({ state: 'open', tries: 0 })

/** One of them is stored, or may be. */
export function begin (group: AtomicGroup | undefined): void {
  // Once refused it stays refused: the answer has been given.
  if (group?.state === 'open') group.state = 'begun'
}

/** Nothing of it is stored or under way, and its sender gets that answer. */
export function refuse (group: AtomicGroup | undefined): void {
  if (group?.state === 'open') group.state = 'refused'
}
