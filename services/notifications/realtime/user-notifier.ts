/**
 * The unread number that the sockets of one user were sent last, and when they may be sent the next. `become` alone changes its state.
 *
 * | state | means | left by |
 * | --- | --- | --- |
 * | `idle` | no news | something may have changed the number → `due` |
 * | `due` | the number waits for an entry to go with | it went with one → `resting`; none came → `reading` |
 * | `reading` | it is counted, from the store where it must be; others do not wait for it | it was sent, or failed → `resting` |
 * | `resting` | it was sent a moment ago | time → `idle` |
 */
import { userStream, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { CountedUnread } from '../mailbox/unread/unread.js'
import type { Frame } from './transport/frame.js'

/** One of a user's sockets. */
export interface NumberReader {
  /** False where it is to be tried again later. */
  readonly deliverLatest: (frame: Frame) => boolean
}

/** Gives the number to an entry's frame. */
export type Ride = (notifier: UserNotifier, by: NumberReader) => Frame | undefined

type State = 'idle' | 'due' | 'reading' | 'resting'

const arrows: Readonly<Record<State, readonly State[]>> = {
  idle: ['due'],
  due: ['reading', 'resting'],
  reading: ['resting'],
  resting: ['idle']
}

export class UserNotifier {
  readonly user: UserId
  /** The user's own stream. */
  readonly own: StreamId
  readonly readers: ReadonlySet<NumberReader>
  /** What all its sockets were sent last; undefined when that is not known of each. */
  lastUnread: string | undefined
  /** Something may have changed the number since it was counted. */
  isTouched = false
  #state: State = 'idle'
  #until = 0
  #nextExpiryMs = Infinity
  readonly #ride: Ride

  constructor (user: UserId, readers: ReadonlySet<NumberReader>, { ride }: { readonly ride: Ride }) {
    this.user = user
    this.own = userStream(user)
    this.readers = readers
    this.#ride = ride
  }

  get state (): State { return this.#state }
  /** `performance.now()` at which a due number is sent alone, and a resting one has rested. */
  get until (): number { return this.#until }
  /** Ms since 1970 at which the number changes by itself. */
  get nextExpiryMs (): number { return this.#nextExpiryMs }

  become (state: State, until = this.#until): void {
    if (!arrows[this.#state].includes(state)) throw new Error(`unread number of ${this.user}: ${this.#state} does not lead to ${state}`)
    this.#state = state
    this.#until = until
  }

  /** The number as a frame to send right behind an entry to this reader, if it is due; the others get it now. */
  ride (by: NumberReader): Frame | undefined { return this.#state === 'due' ? this.#ride(this, by) : undefined }

  /** What was counted: as JSON text where it is news to the sockets, and counts as sent from then on. */
  newsIn ({ unread, nextExpiryMs }: CountedUnread): string | undefined {
    this.#nextExpiryMs = nextExpiryMs
    const json = JSON.stringify(unread)
    if (json === this.lastUnread) return undefined
    this.lastUnread = json
    return json
  }
}
