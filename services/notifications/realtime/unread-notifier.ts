/**
 * Tells users how many messages they have not read. A number goes with the next entry to its user, in the same write; where none
 * comes soon, alone. Then it rests, so that a user gets at most four numbers a second, and always the last.
 *
 * A socket whose client counts by itself adds 1 for each unread message that it is sent, and so does its user's notifier. What it shows is compared
 * with what there is to count within a second, or at once after anything else that may change the number, and is sent only where the two
 * differ: behind all entries that were passed before it, and never in the middle of a stream that the socket is brought up in.
 *
 * The states of a user's number are in user-notifier.ts, the times in number-schedule.ts, the counting in unread-numbers.ts.
 */
import type { Log } from '../../../shared/platform/log.js'
import type { CountedUnread } from '../mailbox/unread/unread.js'
import type { Frame } from './transport/frame.js'
import type { Hub } from './hub.js'
import { NumberSchedule } from './number-schedule.js'
import { createUnreadNumbers, NumberFrame, type UnreadNumbersOptions } from './unread-numbers.js'
import type { NumberReader, NumberSender, UserNotifier } from './user-notifier.js'

export { UserNotifier, type NumberReader } from './user-notifier.js'

export interface UnreadNotifier extends NumberSender {
  /** A message was passed that may have made it 1 more. */
  arrived: (notifier: UserNotifier) => void
  readonly close: () => void
}

export interface UnreadNotifierOptions extends UnreadNumbersOptions {
  readonly hub: Pick<Hub, 'get' | 'flush'>
  readonly log: Log
}

export function createUnreadNotifier ({ hub, views, unread, log }: UnreadNotifierOptions): UnreadNotifier {
  const numbers = createUnreadNumbers({ hub, views, unread })
  const numberFrame = new NumberFrame()
  const failing = new FailingUsers(log)
  const schedule = new NumberSchedule(notifier => { void tell(notifier) }) // never rejects

  /** Gives the number, if it is news, to all but the one that gets it with an entry. */
  function hand (notifier: UserNotifier, counted: CountedUnread, by?: NumberReader): Frame | undefined {
    const json = notifier.newsIn(counted)
    if (json === undefined) return undefined
    const frame = numberFrame.of(json)
    let isTold = true
    // What counts by itself adds what comes after the number: all that is in it must have gone.
    if (notifier.someCount) hub.flush()
    for (const reader of notifier.readers) if (reader !== by) isTold = reader.deliverLatest(frame) && isTold
    if (!isTold) notifier.doubt()
    return frame
  }

  async function tell (notifier: UserNotifier): Promise<void> {
    schedule.beginReading(notifier)
    try {
      if (notifier.readers.size > 0) {
        const counting = numbers.count(notifier)
        hand(notifier, counting instanceof Promise ? await counting : counting)
      }
      failing.succeeded(notifier)
    } catch (error) {
      notifier.isTouched = true
      failing.failed(notifier, error)
    } finally {
      schedule.endReading(notifier)
    }
  }

  return {
    touch: notifier => { schedule.touch(notifier) },
    arrived: notifier => {
      if (notifier.allCount) schedule.arrived(notifier)
      else schedule.touch(notifier)
    },
    ride: (notifier, by) => {
      const counted = schedule.hasRide ? numbers.countNow(notifier) : undefined
      if (counted === undefined) return undefined
      schedule.ridden(notifier)
      return hand(notifier, counted, by)
    },
    close: () => { schedule.close() }
  }
}

/** The log says when the first user's number cannot be counted, and when all can again. */
class FailingUsers {
  readonly #users = new Set<UserNotifier>()
  readonly #log: Log

  constructor (log: Log) { this.#log = log }

  failed (notifier: UserNotifier, error: unknown): void {
    if (this.#users.size === 0) this.#log.warn({ event: 'unread-held-up', err: error }, 'unread messages cannot be counted; tried again until they can')
    this.#users.add(notifier)
  }

  succeeded (notifier: UserNotifier): void {
    if (this.#users.delete(notifier) && this.#users.size === 0) this.#log.info({ event: 'unread-goes-on' }, 'unread messages can be counted again')
  }
}
