/**
 * The ids of a stream's last entries: of all whose seq is above `from`, up to the head. In arrays by seq, since what is
 * looked for is nearly always one of the last few: an entry's seq is above its id's time.
 */
export class RecentIds {
  /** No entry above this is missing. */
  from = Infinity
  readonly #ids: string[] = []
  readonly #seqs: number[] = []

  /** The next entry of the stream. */
  add (id: string, seq: number): void {
    this.#ids.push(id)
    this.#seqs.push(seq)
  }

  /** The seq of the entry with this id; `time` is the id's. */
  seqOf (id: string, time: number): number | undefined {
    for (let at = this.#ids.length - 1; at >= 0 && this.#seqs[at]! > time; at--) if (this.#ids[at] === id) return this.#seqs[at]
    return undefined
  }

  /** Forgets what is below `seq`, and more where there are too many. */
  prune (seq: number): void {
    const { length } = this.#ids
    if (length % pruneEvery !== 0) return
    let count = Math.max(0, length - maxIds)
    while (count < length && this.#seqs[count]! < seq) count++
    if (count === 0) return
    this.from = this.#seqs[count - 1]!
    this.#ids.splice(0, count)
    this.#seqs.splice(0, count)
  }

  /** Knows no id, and that no entry above `from` is missing. */
  restart (from: number): void {
    this.from = from
    this.#ids.length = 0
    this.#seqs.length = 0
  }
}

const maxIds = 4_096
const pruneEvery = 64
