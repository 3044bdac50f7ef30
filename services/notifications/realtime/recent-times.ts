/**
 * When the entries of late left this node, for an operator who asks where a message is: when each was handed to the bus, and when it was
 * written to sockets. Two rings of a fixed size, so that a record costs a few stores and no memory of its own. A frame is one record,
 * however many entries and sockets it has. What was overwritten is not known any more: `since` tells from when on all is.
 */
import type { StreamId, UserId } from '../../../shared/contract/names.js'
import type { RecentTimesOfEntry } from '../../../shared/contract/node-rpc.js'
import type { BroadcastFate } from '../../dispatch/dispatch.js'

/** A socket of the user that is live in the stream. */
export interface LiveSocket {
  /** Since when, in ms since 1970: from then on it was sent what was sent to all. */
  readonly liveSince: number
}

export interface RecentTimes {
  /** An entry that this node stored was given to dispatch. */
  readonly broadcast: (stream: StreamId, seq: number, fate: BroadcastFate) => void
  /** The entries beyond `after`, up to `upTo`, were written to so many sockets: to all that are live in the stream, or to one of `user` that is brought up. */
  readonly written: (stream: StreamId, after: number, upTo: number, sockets: number, user?: UserId) => void
  /** `reader`: only what was written to this user's sockets. `live`: those that are open now and live in the stream. */
  readonly of: (stream: StreamId, seq: number, reader?: { readonly user: UserId, readonly live: readonly LiveSocket[] }) => RecentTimesOfEntry
}

/** Of each ring: 3 MB when it is full, of strings that are there anyway. */
const size = 32_768

class Ring<T> {
  readonly #streams: StreamId[] = []
  readonly #notes: T[] = []
  /** Of each record: after, upTo, at. Not touched memory is none. */
  readonly #numbers: Float64Array
  readonly #size: number
  #next = 0

  constructor (size: number) {
    this.#size = size
    this.#numbers = new Float64Array(3 * size)
  }

  add (stream: StreamId, after: number, upTo: number, at: number, note: T): void {
    const i = this.#next
    this.#streams[i] = stream
    this.#notes[i] = note
    this.#numbers[3 * i] = after
    this.#numbers[3 * i + 1] = upTo
    this.#numbers[3 * i + 2] = at
    this.#next = i + 1 === this.#size ? 0 : i + 1
  }

  /** When the oldest one was added that is still here, where there were more. */
  get since (): number | undefined { return this.#streams.length < this.#size ? undefined : this.#numbers[3 * this.#next + 2] }

  covering (stream: StreamId, seq: number): Array<{ at: number, note: T }> {
    const found: Array<{ at: number, note: T }> = []
    for (const [i, of] of this.#streams.entries()) {
      if (of !== stream || this.#numbers[3 * i]! >= seq || this.#numbers[3 * i + 1]! < seq) continue
      found.push({ at: this.#numbers[3 * i + 2]!, note: this.#notes[i]! })
    }
    return found.sort((one, other) => one.at - other.at)
  }
}

/** How many sockets, or whose. */
type Written = number | UserId

export function createRecentTimes (now: () => number, records = size): RecentTimes {
  const startedAt = now()
  const broadcasts = new Ring<BroadcastFate>(records)
  const writes = new Ring<Written>(records)

  /** Of what went to all live sockets of a stream, what surely went to those of one reader. */
  function writesTo (user: UserId, live: readonly LiveSocket[], stream: StreamId, seq: number): Array<{ at: number, sockets: number }> {
    const found = writes.covering(stream, seq)
    const own = found.filter(({ note }) => note === user).map(({ at }) => ({ at, sockets: 1 }))
    // Who was brought up to it may be one of the live ones of now: then it did not have it from the frame for all.
    if (own.length > 0) return own
    return found.flatMap(({ at, note }) => {
      const sockets = typeof note === 'number' ? live.filter(({ liveSince }) => liveSince <= at).length : 0
      return sockets > 0 ? [{ at, sockets }] : []
    })
  }

  return {
    broadcast: (stream, seq, fate) => { broadcasts.add(stream, seq - 1, seq, now(), fate) },
    written: (stream, after, upTo, sockets, user) => { if (sockets > 0) writes.add(stream, after, upTo, now(), user ?? sockets) },
    of: (stream, seq, reader) => {
      const broadcast = broadcasts.covering(stream, seq)[0]
      const isShared = !stream.startsWith('u:')
      const written = reader !== undefined && isShared
        ? writesTo(reader.user, reader.live, stream, seq)
        : writes.covering(stream, seq).map(({ at, note }) => ({ at, sockets: typeof note === 'number' ? note : 1 }))
      return {
        since: Math.max(startedAt, broadcasts.since ?? 0, writes.since ?? 0),
        broadcast: broadcast === undefined ? null : { at: broadcast.at, fate: broadcast.note },
        written: written.length === 0 ? null : { firstAt: written[0]!.at, lastAt: written.at(-1)!.at, sockets: written.reduce((sum, { sockets }) => sum + sockets, 0) }
      }
    }
  }
}
