/**
 * The ids of a stream's last entries: of all whose seq is above `from`, up to the head. In arrays by seq, since what is
 * looked for is nearly always one of the last few: an entry's seq is above its id's time.
 */
export interface RecentIds {
  readonly from: number
  /** The next entry of the stream. */
  add: (id: string, seq: number) => void
  /** The seq of the entry with this id; `time` is the id's. */
  seqOf: (id: string, time: number) => number | undefined
  /** Forgets what is below `seq`, and more where there are too many. */
  prune: (seq: number) => void
  /** Knows nothing but this: no entry above `from` is missing. */
  restart: (from: number) => void
}

const maxIds = 4_096
const pruneEvery = 64

export function createRecentIds (): RecentIds {
  let from = Infinity
  let ids: string[] = []
  let seqs: number[] = []

  return {
    get from () { return from },
    add: (id, seq) => {
      ids.push(id)
      seqs.push(seq)
    },
    seqOf: (id, time) => {
      for (let at = ids.length - 1; at >= 0 && seqs[at]! > time; at--) if (ids[at] === id) return seqs[at]
      return undefined
    },
    prune: seq => {
      if (ids.length % pruneEvery !== 0) return
      let count = Math.max(0, ids.length - maxIds)
      while (count < ids.length && seqs[count]! < seq) count++
      if (count === 0) return
      from = seqs[count - 1]!
      ids.splice(0, count)
      seqs.splice(0, count)
    },
    restart: begin => {
      from = begin
      ids = []
      seqs = []
    }
  }
}
