import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

export interface Pace {
  /** 0 = no limit but `inFlight`. */
  readonly perSecond: number
  readonly inFlight: number
  /** How much of the rate one call of `work` uses up. */
  readonly weight?: number
}

const tickMs = 2

/**
 * Calls `work` with 0, 1, 2 … at a pace, until it has been called `count` times or `isOver` says so; resolves when all
 * that it began has ended. What could not begin in time because too much was in flight begins as soon as it can.
 */
export async function paced ({ perSecond, inFlight, weight = 1 }: Pace, { count = Infinity, isOver = () => false }: { count?: number, isOver?: () => boolean }, work: (at: number) => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  const waiting = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  let next = 0
  let wake = (): void => {}
  while (next < count && !isOver() && failure === undefined) {
    const due = perSecond === 0 ? Infinity : (performance.now() - startedMs) / 1000 * perSecond / weight + 1
    while (next < count && next < due && waiting.size < inFlight && failure === undefined && !isOver()) {
      const one: Promise<void> = work(next++)
        .catch((error: unknown) => { failure ??= { error } })
        .then(() => {
          waiting.delete(one)
          wake()
        })
      waiting.add(one)
    }
    if (waiting.size < inFlight) await pause(tickMs)
    else await new Promise<void>(resolve => { wake = resolve })
  }
  await Promise.all(waiting)
  if (failure !== undefined) throw failure.error
}
