export interface Backoff {
  /** How long to wait before the next try, in ms; a server's own wish (`Retry-After`) is the least. */
  next (retryAfterMs?: number): number
  reset (): void
}

/**
 * Exponential with jitter: the ceiling doubles with every failure, the wait lies between a quarter of it and all
 * of it, so that the many clients of one lost node do not come back in step.
 */
export function createBackoff ({ baseMs = 500, maxMs = 30_000, random = Math.random } = {}): Backoff {
  let failures = 0
  return {
    next (retryAfterMs = 0) {
      const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30))
      failures += 1
      return Math.max(ceilingMs * (0.25 + 0.75 * random()), retryAfterMs * (1 + 0.25 * random()))
    },
    reset () { failures = 0 }
  }
}
