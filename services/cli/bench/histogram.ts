export interface Histogram {
  /** Ms. */
  add: (value: number) => void
  readonly count: number
  readonly max: number
  /** `share` from 0 to 1; NaN while it is empty. Exact to 1 %. */
  quantile: (share: number) => number
}

const smallestMs = 0.01
const step = Math.log(1.01)
/** Up to some 80 minutes. */
const buckets = 2_000

/** Times in buckets that grow by 1 %: however many there are, they take the same room. */
export function createHistogram (): Histogram {
  const counts = new Float64Array(buckets)
  let count = 0
  let max = 0
  return {
    add (value) {
      const at = value <= smallestMs ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(value / smallestMs) / step))
      counts[at]!++
      count++
      if (value > max) max = value
    },
    get count () { return count },
    get max () { return max },
    quantile (share) {
      if (count === 0) return NaN
      const wanted = Math.max(1, Math.ceil(share * count))
      let seen = 0
      for (const [at, here] of counts.entries()) {
        seen += here
        if (seen >= wanted) return Math.min(max, smallestMs * Math.exp(at * step))
      }
      return max
    }
  }
}
