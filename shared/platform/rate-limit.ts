import { performance } from 'node:perf_hooks'

/** For each sender so many a minute, all at once or spread; what was used comes back evenly. In memory. */
export interface RateLimit {
  /** Takes `count` and gives 0, or takes nothing and gives the seconds until so many are there. */
  take: (sender: string, count: number) => number
  /** Counts what was done already, though there may be no room for it: the next ones wait for that too. What is owed is a minute's at most. */
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
      const usedMs = Math.max((lastsUntilMs.get(sender) ?? 0) - nowMs, 0)
      const excessMs = usedMs + count * intervalMs - minuteMs
      // More than a minute holds can never be taken: the wait is until a whole minute is there.
      if (excessMs > roundingMs) return Math.max(1, Math.ceil((Math.min(excessMs, Math.max(usedMs, minuteMs)) - roundingMs) / 1000))
      lastsUntilMs.set(sender, nowMs + usedMs + count * intervalMs)
      if (lastsUntilMs.size > sweepAt) sweep(nowMs)
      return 0
    },
    add (sender, count) {
      const nowMs = elapsed()
      lastsUntilMs.set(sender, Math.min(Math.max(lastsUntilMs.get(sender) ?? 0, nowMs) + count * intervalMs, nowMs + 2 * minuteMs))
    }
  }
}
