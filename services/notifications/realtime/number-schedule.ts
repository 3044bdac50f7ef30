/**
 * When unread numbers are sent: how long each waits for an entry to go with, how long it rests after that, and how much of the loop's
 * time those take that are sent alone. What is sent, and how, unread-notifier.ts knows.
 */
import type { UserNotifier } from './user-notifier.js'

/** How long a number waits for an entry to go with, and how long one that was sent rests. */
const waitMs = 50
const restMs = 250
/** After so long what clients have counted by themselves is looked at. */
const lookMs = 900
/** Numbers are sent alone for so long at a time, and take this share of the loop's time at most, so that entries go first. */
const sliceMs = 2
const shareOfTime = 0.1
const tickMs = 25
/** So many numbers at most go with entries between two ticks: a crowd's entries are not held up by a number for each. */
const ridesPerTick = 200
/** So many users' numbers at most are read at a time. */
const maxReading = 64

export class NumberSchedule {
  /** Among the due ones are some that were sent meanwhile. */
  readonly #due = new WaitingUsers()
  readonly #resting = new WaitingUsers()
  /** Their clients have counted something by themselves. */
  #arrived: UserNotifier[] = []
  readonly #tellAlone: (notifier: UserNotifier) => void
  #ridesLeft = ridesPerTick
  #reading = 0
  #timer: NodeJS.Timeout | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `tellAlone` calls `beginReading` in the same turn, and `endReading` in the end. */
  constructor (tellAlone: (notifier: UserNotifier) => void) { this.#tellAlone = tellAlone }

  /** Something may have changed the user's number. */
  touch (notifier: UserNotifier): void {
    notifier.isTouched = true
    if (notifier.state !== 'idle') return
    notifier.become('due', performance.now() + waitMs)
    this.#due.push(notifier)
    this.#tickIn(tickMs)
  }

  /** As `touch`, in a while: the clients have done it, most likely. */
  arrived (notifier: UserNotifier): void {
    if (notifier.isArrived || this.#isClosed) return
    notifier.isArrived = true
    this.#arrived.push(notifier)
    this.#lookTimer ??= setTimeout(() => { this.#look() }, lookMs)
  }

  /** Whether another number may go with an entry before the next tick. */
  get hasRide (): boolean { return this.#ridesLeft > 0 }

  /** A due number goes with an entry. */
  ridden (notifier: UserNotifier): void {
    this.#ridesLeft--
    notifier.isTouched = false
    this.#rest(notifier)
  }

  beginReading (notifier: UserNotifier): void {
    notifier.isTouched = false
    notifier.become('reading')
    this.#reading++
  }

  endReading (notifier: UserNotifier): void {
    this.#reading--
    this.#rest(notifier)
    this.#tickIn(tickMs)
  }

  close (): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lookTimer)
  }

  #look (): void {
    this.#lookTimer = undefined
    const arrived = this.#arrived
    this.#arrived = []
    for (const notifier of arrived) {
      notifier.isArrived = false
      this.touch(notifier)
    }
  }

  #rest (notifier: UserNotifier): void {
    notifier.become('resting', performance.now() + restMs)
    this.#resting.push(notifier)
  }

  #tickIn (ms: number): void {
    if (this.#timer === undefined && !this.#isClosed) this.#timer = setTimeout(() => { this.#tick() }, ms)
  }

  #tick (): void {
    const begun = performance.now()
    const passedMs = (): number => performance.now() - begun
    const hasRoom = (): boolean => this.#reading < maxReading
    this.#ridesLeft = ridesPerTick
    this.#resting.serve(begun, notifier => { this.#endRest(notifier) }, () => true)
    this.#due.serve(begun, notifier => { if (notifier.state === 'due') this.#tellAlone(notifier) }, served => hasRoom() && (served % 8 > 0 || passedMs() < sliceMs))
    this.#timer = undefined
    if (this.#due.size + this.#resting.size === 0) return
    const isPressing = this.#due.isOver(begun) && hasRoom()
    this.#tickIn(isPressing ? Math.max(1, passedMs() * (1 / shareOfTime - 1)) : tickMs)
  }

  #endRest (notifier: UserNotifier): void {
    notifier.become('idle')
    if (notifier.isTouched) this.touch(notifier)
  }
}

/** Users in the order of the times at which their waiting is over. */
class WaitingUsers {
  #queue: UserNotifier[] = []

  get size (): number { return this.#queue.length }

  push (notifier: UserNotifier): void { this.#queue.push(notifier) }

  /** Whether the first one's waiting is over by this time. */
  isOver (at: number): boolean { return this.#queue.length > 0 && this.#queue[0]!.until <= at }

  /** Serves and drops those whose waiting is over by this time, for as long as `mayServe` says so, which gets how many were served. */
  serve (at: number, serve: (notifier: UserNotifier) => void, mayServe: (served: number) => boolean): void {
    let served = 0
    while (served < this.#queue.length && this.#queue[served]!.until <= at && mayServe(served)) serve(this.#queue[served++]!)
    if (served > 0) this.#queue = this.#queue.slice(served)
  }
}
