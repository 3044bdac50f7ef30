/**
 * Entries that are stored all or none: the copies of one message, in streams that know nothing of each other. The copies are
 * tried side by side. They are given up together, and only while none is stored, may be stored, or is being tried.
 *
 *   open → begun (one is stored, or may be): the others are tried for as long as an entry of unknown outcome
 *   open → refused (nothing is stored, no try is under way): none is tried any more
 */
import type { EntryClaim } from '../../../shared/store/store.js'

export interface AtomicGroup {
  state: 'open' | 'begun' | 'refused'
  /** Tries under way that may store one of them. */
  tries: number
  /** Stored with the first of them, or none of them is. */
  readonly claim: Claim | undefined
}

export interface Claim extends EntryClaim {
  /** Something else has its key; nothing was stored. */
  isLost: boolean
}

export const createAtomicGroup = (claim?: Claim): AtomicGroup => ({ state: 'open', tries: 0, claim })

/** One of them is stored, or may be. */
export function begin (group: AtomicGroup | undefined): void {
  // Once refused it stays refused: the answer has been given.
  if (group?.state === 'open') group.state = 'begun'
}

/** Nothing of it is stored or under way, and its sender gets that answer. */
export function refuse (group: AtomicGroup | undefined): void {
  if (group?.state === 'open') group.state = 'refused'
}

/** Something else has the key of its claim. False where one of them is stored or may be: then the store says no more of it. */
export function loseClaim (group: AtomicGroup | undefined): boolean {
  refuse(group)
  if (group?.claim === undefined || group.state !== 'refused') return false
  group.claim.isLost = true
  return true
}
