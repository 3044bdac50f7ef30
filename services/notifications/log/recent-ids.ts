/**
 * The ids of a stream's last entries: of all whose seq is above `from`, up to the head. In arrays by seq, since what is
 * looked for is nearly always one of the last few: an entry's seq is above its id's time.
 */
export class RecentIds {
  /** No entry above this is missing. */
  from = Infinity
  #ids: string[] = []
  #seqs: number[] = []
  /** So many of the first were there at that time. */
  #marked = 0
  #markedAtMs = -Infinity

  get size (): number { return this.#ids.length }

  /** The next entry of the stream. */
  add (id: string, seq: number): void {
    if (this.size < fewIds) {
      // An array that grows by itself, or is spread, has room for 16 more: of many streams most have one or two entries in a minute.
      this.#ids = this.#ids.concat(id)
      this.#seqs = this.#seqs.concat(seq)
    } else {
      this.#ids.push(id)
      this.#seqs.push(seq)
    }
  }

  /** The seq of the entry with this id; `time` is the id's. */
  seqOf (id: string, time: number): number | undefined {
    for (let at = this.#ids.length - 1; at >= 0 && this.#seqs[at]! > time; at--) if (this.#ids[at] === id) return this.#seqs[at]
    return undefined
  }

  /** Forgets what was there `keepMs` ago, at least half as often; more where there are too many. `nowMs` never goes back. */
  prune (nowMs: number, keepMs: number): void {
    const { length } = this.#ids
    let count = length % pruneEvery === 0 ? Math.max(0, length - maxIds) : 0
    if (nowMs - this.#markedAtMs >= keepMs) {
      count = Math.max(count, this.#marked)
      this.#markedAtMs = nowMs
      this.#marked = length
    }
    if (count === 0) return
    this.#marked = Math.max(0, this.#marked - count)
    this.from = this.#seqs[count - 1]!
    this.#ids.splice(0, count)
    this.#seqs.splice(0, count)
  }

  /** Knows no id, and that no entry above `from` is missing. */
  restart (from: number): void {
    this.from = from
    this.#ids.length = 0
    this.#seqs.length = 0
    this.#marked = 0
  }
}

const fewIds = 32
const maxIds = 4_096
/** Too many are looked for so seldom that dropping them costs nothing. */
const pruneEvery = 64
