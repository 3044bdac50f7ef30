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
import type { Members } from '../../../shared/platform/small-collections.js'
import type { Unread } from '../mailbox/unread/counts.js'
import type { CountedUnread } from '../mailbox/unread/unread.js'
import type { Frame } from './transport/frame.js'

/** One of a user's sockets. */
export interface NumberReader {
  /** Its client adds to the number what its entries bring, and is sent only what it cannot know. */
  readonly countsItself: boolean
  /** False where it is to be tried again later. */
  readonly deliverLatest: (frame: Frame) => boolean
}

/** What a user's number needs of the one who sends it. */
export interface NumberSender {
  /** Gives the number to an entry's frame. */
  readonly ride: (notifier: UserNotifier, by: NumberReader) => Frame | undefined
  /** Something may have changed the user's number. */
  readonly touch: (notifier: UserNotifier) => void
}

type State = 'idle' | 'due' | 'reading' | 'resting'

const arrows: Readonly<Record<State, readonly State[]>> = {
  idle: ['due'],
  due: ['reading', 'resting'],
  reading: ['resting'],
  resting: ['idle']
}

/** A user with more messages than that since the number was known is sent it anew. */
const mostAdded = 1_000

export class UserNotifier {
  readonly user: UserId
  /** The user's own stream. */
  readonly own: StreamId
  readonly readers: Members<NumberReader>
  /** Something may have changed the number since it was counted. */
  isTouched = false
  /** It is among those that are looked at soon. */
  isArrived = false
  /** What all its sockets were sent last; undefined when that is not known of each. */
  #told: string | undefined
  /** The categories of the messages that the sockets which count by themselves have added to that. */
  #added: string[] | undefined
  #countingReaders = 0
  #lastPass = 0
  #state: State = 'idle'
  #until = 0
  #nextExpiryMs = Infinity
  readonly #sender: NumberSender

  constructor (user: UserId, readers: Members<NumberReader>, sender: NumberSender) {
    this.user = user
    this.own = userStream(user)
    this.readers = readers
    this.#sender = sender
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

  /** Whether one of its sockets counts by itself, and whether all do. */
  get someCount (): boolean { return this.#countingReaders > 0 }
  get allCount (): boolean { return this.#countingReaders === this.readers.size }

  /** A socket has come, or gone. */
  joined (reader: NumberReader): void { if (reader.countsItself) this.#countingReaders++ }
  left (reader: NumberReader): void { if (reader.countsItself) this.#countingReaders-- }

  /** The number as a frame to send right behind an entry to this reader, if it is due; the others get it now. What corrects a count goes alone. */
  ride (by: NumberReader): Frame | undefined { return this.#state === 'due' && !this.someCount ? this.#sender.ride(this, by) : undefined }

  /** An unread message was passed to the sockets: those that count by themselves add it. `pass`: of this entry, whose streams have several readers of a user. */
  add (category: string, pass: number): void {
    if (!this.someCount || this.#told === undefined || pass === this.#lastPass) return
    this.#lastPass = pass
    if (this.#added === undefined) this.#added = [category]
    else if (this.#added.length < mostAdded) this.#added.push(category)
    else this.forget()
  }

  /** A new socket was told this by its `ready`. */
  welcomed (json: string): void {
    if (this.readers.size > 1 && (this.#added !== undefined || this.#told !== json)) this.forget()
    else this.#know(json)
  }

  /** What its sockets show is not known any more: they are sent the next number. */
  forget (): void {
    this.#told = undefined
    this.#added = undefined
  }

  /** The same, and soon. */
  doubt (): void {
    this.forget()
    this.#sender.touch(this)
  }

  /** What was counted: as JSON text where it is news to the sockets, and counts as sent from then on. */
  newsIn ({ unread, nextExpiryMs }: CountedUnread): string | undefined {
    this.#nextExpiryMs = nextExpiryMs
    const json = JSON.stringify(unread)
    const isKnown = this.#added === undefined ? json === this.#told : this.allCount && isSum(unread, this.#told, this.#added)
    this.#know(json)
    return isKnown ? undefined : json
  }

  #know (json: string): void {
    this.#told = json
    this.#added = undefined
  }
}

/** Whether a socket that was told this and has added those shows that number. */
function isSum (unread: Unread, told: string | undefined, added: readonly string[]): boolean {
  if (told === undefined) return false
  const before = JSON.parse(told) as Unread
  if (unread.unread !== before.unread + added.length) return false
  const shown = new Map(Object.entries(before.byCategory))
  for (const category of added) shown.set(category, (shown.get(category) ?? 0) + 1)
  const counted = Object.entries(unread.byCategory)
  return counted.length === shown.size && counted.every(([category, n]) => shown.get(category) === n)
}
