/**
 * The time by which the embedded store deletes. A wall clock that is ahead for a minute, by weeks, must not delete what lives:
 * so it goes by the wall clock while the two are within an hour, and else by the time that has passed while the process
 * ran, from where it stood when it was last written down.
 *
 * A wall clock that goes on being off by an hour and more, for a day of running, is believed: a machine that was off for
 * long, or asleep. It is believed for the least by which it was off during that day: what jumped for a while counts for nothing.
 */
export interface VouchedState {
  /** Ms since 1970. */
  readonly timeMs: number
  /** How long the process has run with a wall clock that is off, and the least and the most by which it was ahead. */
  readonly off?: { readonly ranMs: number, readonly leastMs: number, readonly mostMs: number } | undefined
}

export interface VouchedTime {
  /** Ms since 1970. To be called every few minutes at least. */
  timeMs: () => number
  /** By how much the wall clock is ahead of it (below 0: behind); 0 within an hour. */
  leadMs: () => number
  /** For the next process. */
  state: () => VouchedState
}

export const closeMs = 3_600_000
const believedAfterMs = 24 * 3_600_000

export function createVouchedTime ({ now, elapsed, stored }: { now: () => number, elapsed: () => number, stored: VouchedState }): VouchedTime {
  let timeMs = stored.timeMs
  let { off } = stored
  let lastMs = elapsed()
  let leadMs = 0

  function look (): void {
    const at = elapsed()
    const ranMs = Math.max(0, at - lastMs)
    lastMs = at
    timeMs += ranMs
    leadMs = now() - timeMs
    if (Math.abs(leadMs) <= closeMs) { agree(); return }
    off = off === undefined ? { ranMs: 0, leastMs: leadMs, mostMs: leadMs } : { ranMs: off.ranMs + ranMs, leastMs: Math.min(off.leastMs, leadMs), mostMs: Math.max(off.mostMs, leadMs) }
    if (off.ranMs < believedAfterMs) return
    const byMs = off.leastMs > 0 ? off.leastMs : Math.min(0, off.mostMs)
    timeMs += byMs
    leadMs -= byMs
    off = undefined
    if (Math.abs(leadMs) <= closeMs) agree()
  }

  function agree (): void {
    timeMs += leadMs
    leadMs = 0
    off = undefined
  }

  return {
    timeMs: () => { look(); return timeMs },
    leadMs: () => { look(); return leadMs },
    state: () => { look(); return { timeMs, off } }
  }
}
