/** Times of the bench, in buckets: however many there are, they take the same room. */
import { createHistogram as createCounts } from 'node:perf_hooks'

export interface Histogram {
  /** Ms. */
  add: (value: number) => void
  readonly count: number
  readonly max: number
  /** `share` from 0 to 1; NaN while it is empty. Exact to 0.1 %. */
  quantile: (share: number) => number
}

/** An hour. What takes longer counts as this long: the counts drop what is above their highest value. */
const longestUs = 3_600_000_000

export function createHistogram (): Histogram {
  const counts = createCounts({ lowest: 1, highest: longestUs, figures: 3 })
  let max = 0
  return {
    add (value) {
      counts.record(Math.min(longestUs, Math.max(1, Math.round(value * 1000))))
      if (value > max) max = value
    },
    get count () { return counts.count },
    get max () { return max },
    quantile (share) {
      if (counts.count === 0) return NaN
      return (share <= 0 ? counts.min : counts.percentile(100 * share)) / 1000
    }
  }
}
