import { performance } from 'node:perf_hooks'

/** For each sender so many a minute, all at once or spread; what was used comes back evenly. In memory. */
export interface RateLimit {
  /** Takes `count` and gives 0, or takes nothing and gives the seconds until so many are there. */
  take: (sender: string, count: number) => number
  /** Counts what was done already, though there may be no room for it: the next ones wait for that too. */
  add: (sender: string, count: number) => void
}

/** Above so many senders those whose minute is whole again are forgotten. */
const sweepAbove = 10_000
const minuteMs = 60_000
/** Sums of parts of a millisecond are not exact. */
const roundingMs = 1e-6

/** As the virtual scheduling of ITU-T I.371: for each sender the time until when its messages so far would last, evenly sent. */
export function createRateLimit ({ perMinute, elapsed = () => performance.now() }: { perMinute: number, /** Ms of a clock that never jumps. */ elapsed?: () => number }): RateLimit {
  const intervalMs = minuteMs / perMinute
  const lastsUntilMs = new Map<string, number>()
  let sweepAt = sweepAbove

  const sweep = (nowMs: number): void => {
    for (const [sender, untilMs] of lastsUntilMs) if (untilMs <= nowMs) lastsUntilMs.delete(sender)
    sweepAt = Math.max(sweepAbove, 2 * lastsUntilMs.size)
  }

  return {
    take (sender, count) {
      const nowMs = elapsed()
      const untilMs = Math.max(lastsUntilMs.get(sender) ?? 0, nowMs) + count * intervalMs
      const excessMs = untilMs - nowMs - minuteMs
      // More than a minute holds can never be taken: the wait is that for a whole minute.
      if (excessMs > roundingMs) return Math.min(60, Math.max(1, Math.ceil((excessMs - roundingMs) / 1000)))
      lastsUntilMs.set(sender, untilMs)
      if (lastsUntilMs.size > sweepAt) sweep(nowMs)
      return 0
    },
    add (sender, count) {
      lastsUntilMs.set(sender, Math.max(lastsUntilMs.get(sender) ?? 0, elapsed()) + count * intervalMs)
    }
  }
}
