/** A token bucket for each sender: so many a minute, all at once or spread; what was used comes back evenly. In memory. */
export interface RateLimit {
  /** Takes `count` and gives 0, or takes nothing and gives the seconds until so many are there. */
  take: (sender: string, count: number) => number
  /** Gives back what was taken for something that turned out to be no message more. */
  giveBack: (sender: string, count: number) => void
}

interface Bucket { left: number, atMs: number }

/** Above so many senders those whose buckets are full again are forgotten. */
const sweepAbove = 10_000

export function createRateLimit ({ perMinute, now = Date.now }: { perMinute: number, now?: () => number }): RateLimit {
  const buckets = new Map<string, Bucket>()
  let sweepAt = sweepAbove

  const leftIn = ({ left, atMs }: Bucket, nowMs: number): number => Math.min(perMinute, left + Math.max(0, nowMs - atMs) / 60_000 * perMinute)

  const sweep = (nowMs: number): void => {
    for (const [sender, bucket] of buckets) if (leftIn(bucket, nowMs) >= perMinute) buckets.delete(sender)
    sweepAt = Math.max(sweepAbove, 2 * buckets.size)
  }

  return {
    take (sender, count) {
      const nowMs = now()
      const bucket = buckets.get(sender) ?? { left: perMinute, atMs: nowMs }
      const left = leftIn(bucket, nowMs)
      if (count > left) return Math.max(1, Math.ceil((Math.min(count, perMinute) - left) / perMinute * 60))
      bucket.left = left - count
      bucket.atMs = nowMs
      buckets.set(sender, bucket)
      if (buckets.size > sweepAt) sweep(nowMs)
      return 0
    },
    giveBack (sender, count) {
      const bucket = buckets.get(sender)
      if (bucket !== undefined) bucket.left += count
    }
  }
}
