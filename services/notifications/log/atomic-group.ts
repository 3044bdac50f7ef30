/**
 * Entries that are stored all or none: the copies of one message, in streams that know nothing of each other. They are
 * tried side by side and given up together: none as long as one of them is stored, may be stored, or is being tried.
 *
 *   open → begun (one is stored, or may be): the others are tried for as long as one of unknown outcome
 *   open → refused (nothing is stored, nothing is under way): none is tried any more
 */
export interface Whole {
  state: 'open' | 'begun' | 'refused'
  /** Tries under way that may store one of them. */
  tries: number
}

export const createWhole = (): Whole => ({ state: 'open', tries: 0 })

export function begin (whole: Whole | undefined): void {
  // Once refused it stays refused: the answer has been given.
  if (whole?.state === 'open') whole.state = 'begun'
}
