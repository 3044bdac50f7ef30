/**
 * When users are told how many messages they have not read. A number goes with the next entry to its user, in the same
 * write; where none comes soon, alone. Then it rests, so that a user is told at most four times a second, the last
 * number always.
 *
 *   idle → (touched) due → (told) resting → idle
 *
 * Where something must be read first, it is `reading` in between: others do not wait for it.
 */
import type { Log } from '../../../shared/platform/log.js'
import { userStream, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { CountedUnread, UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserView, UserViews } from '../mailbox/state/user-views.js'
import { eventFrame, type Frame } from './transport/frame.js'
import type { Hub } from './hub.js'

/** How long a number waits for an entry to go with, and how long one that was told rests. */
const waitMs = 50
const restMs = 250
/** Numbers are told alone for so long at a time; a pause so many times as long follows, so that entries go first. */
const sliceMs = 2
const pausePerSlice = 9
const tickMs = 25
/** So many numbers at most go with entries between two ticks: a crowd's entries are not held up by a number for each. */
const ridesPerTick = 200
/** So many users' numbers at most are read at a time. */
const maxReading = 64

/** One of a user's sockets. */
export interface NumberReader {
  /** False where it is to be tried again later. */
  readonly deliverLatest: (frame: Frame) => boolean
}

/** The turn of one user. */
export class UserNotifier {
  readonly user: UserId
  /** The user's own stream. */
  readonly own: StreamId
  readonly readers: ReadonlySet<NumberReader>
  /** What all its sockets were told last; undefined when that is not known of each. */
  lastUnread: string | undefined
  /** Ms since 1970 at which the number changes by itself. */
  nextExpiryMs = Infinity
  phase: 'idle' | 'due' | 'reading' | 'resting' = 'idle'
  isTouched = false
  /** `performance.now()` at which a due one is told alone, and a resting one has rested. */
  until = 0
  readonly #ride: UnreadNotifier['ride']

  constructor (user: UserId, readers: ReadonlySet<NumberReader>, { ride }: Pick<UnreadNotifier, 'ride'>) {
    this.user = user
    this.own = userStream(user)
    this.readers = readers
    this.#ride = ride
  }

  /** The number as a frame to send right behind an entry to this reader, if it is due; the others get it now. */
  ride (by: NumberReader): Frame | undefined { return this.phase === 'due' ? this.#ride(this, by) : undefined }
}

export interface UnreadNotifier {
  /** Something may have changed the user's number. */
  touch: (turn: UserNotifier) => void
  ride: (turn: UserNotifier, by: NumberReader) => Frame | undefined
  close: () => void
}

export interface UnreadNotifierOptions {
  readonly hub: Pick<Hub, 'get'>
  readonly views: Pick<UserViews, 'peek' | 'fresh'>
  readonly unread: Pick<UnreadCounter, 'count'>
  readonly log: Log
}

export function createUnreadNotifier ({ hub, views, unread, log }: UnreadNotifierOptions): UnreadNotifier {
  /** Each in the order of `until`; among the due ones are some that were told meanwhile. */
  let due: UserNotifier[] = []
  let resting: UserNotifier[] = []
  let ridesLeft = ridesPerTick
  let lastFrame: { readonly json: string, readonly frame: Frame } | undefined
  let timer: NodeJS.Timeout | undefined
  let reading = 0
  const failing = new Set<UserNotifier>()
  let isClosed = false

  function touch (turn: UserNotifier): void {
    turn.isTouched = true
    if (turn.phase !== 'idle') return
    turn.phase = 'due'
    turn.until = performance.now() + waitMs
    due.push(turn)
    schedule(tickMs)
  }

  function rest (turn: UserNotifier, at: number): void {
    turn.phase = 'resting'
    turn.until = at + restMs
    resting.push(turn)
  }

  function schedule (ms: number): void {
    if (timer === undefined && !isClosed) timer = setTimeout(tick, ms)
  }

  function tick (): void {
    const begun = performance.now()
    ridesLeft = ridesPerTick
    endRests(begun)
    let count = 0
    for (; count < due.length && due[count]!.until <= begun && reading < maxReading && (count % 8 > 0 || performance.now() - begun < sliceMs); count++) {
      const turn = due[count]!
      if (turn.phase === 'due') void tell(turn) // never rejects
    }
    if (count > 0) due = due.slice(count)
    timer = undefined
    if (due.length + resting.length === 0) return
    const isPressing = due.length > 0 && due[0]!.until <= begun && reading < maxReading
    schedule(isPressing ? Math.max(1, (performance.now() - begun) * pausePerSlice) : tickMs)
  }

  function endRests (at: number): void {
    let count = 0
    for (; count < resting.length && resting[count]!.until <= at; count++) {
      const turn = resting[count]!
      turn.phase = 'idle'
      if (turn.isTouched) touch(turn)
    }
    if (count > 0) resting = resting.slice(count)
  }

  const headOf = (stream: StreamId): number => hub.get(stream)?.head ?? 0

  /** Undefined where the view lags behind what the user's sockets were given. */
  function currentView ({ own }: UserNotifier): UserView | undefined {
    const view = views.peek(own)
    return view !== undefined && view.head < headOf(own) ? undefined : view
  }

  const countOf = (view: UserView): CountedUnread | Promise<CountedUnread> => unread.count(view, headOf)

  /** Undefined where something must be read, or failed: whoever tells it alone waits for that, and tries again. */
  function countedNow (view: UserView): CountedUnread | undefined {
    try {
      const counted = countOf(view)
      if (!(counted instanceof Promise)) return counted
      counted.catch(() => {})
    } catch { /* as told above: entries go out whatever their numbers do */ }
    return undefined
  }

  /** The frame, if it says anything new. */
  function frameOf (turn: UserNotifier, counted: CountedUnread): Frame | undefined {
    turn.nextExpiryMs = counted.nextExpiryMs
    const json = JSON.stringify(counted.unread)
    if (json === turn.lastUnread) return undefined
    turn.lastUnread = json
    // Of a crowd many have the same.
    if (lastFrame?.json !== json) lastFrame = { json, frame: eventFrame('unread', json) }
    return lastFrame.frame
  }

  function ride (turn: UserNotifier, by: NumberReader): Frame | undefined {
    if (ridesLeft === 0) return undefined
    const view = currentView(turn)
    if (view === undefined) return undefined
    const counted = countedNow(view)
    if (counted === undefined) return undefined
    ridesLeft--
    turn.isTouched = false
    rest(turn, performance.now())
    const frame = frameOf(turn, counted)
    if (frame !== undefined) hand(turn, frame, by)
    return frame
  }

  /** To all but the one that gets it with an entry. */
  function hand (turn: UserNotifier, frame: Frame, by?: NumberReader): void {
    let isTold = true
    for (const reader of turn.readers) if (reader !== by) isTold = reader.deliverLatest(frame) && isTold
    if (isTold) return
    turn.lastUnread = undefined
    touch(turn)
  }

  async function tell (turn: UserNotifier): Promise<void> {
    turn.isTouched = false
    turn.phase = 'reading'
    reading++
    try {
      if (turn.readers.size === 0) { wasCounted(turn); return }
      const counting = countOf(currentView(turn) ?? await views.fresh(turn.user))
      const frame = frameOf(turn, counting instanceof Promise ? await counting : counting)
      if (frame !== undefined) hand(turn, frame)
      wasCounted(turn)
    } catch (error) {
      turn.isTouched = true
      if (failing.size === 0) log.warn({ event: 'unread-held-up', err: error }, 'unread messages cannot be counted; tried again until they can')
      failing.add(turn)
    } finally {
      reading--
      rest(turn, performance.now())
      schedule(tickMs)
    }
  }

  function wasCounted (turn: UserNotifier): void {
    if (failing.delete(turn) && failing.size === 0) log.info({ event: 'unread-goes-on' }, 'unread messages can be counted again')
  }

  return {
    touch,
    ride,
    close: () => {
      isClosed = true
      clearTimeout(timer)
    }
  }
}
