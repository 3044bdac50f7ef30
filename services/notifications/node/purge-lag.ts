import type { Clock } from '../../../shared/contract/clock.js'
import type { Store } from '../../../shared/store/store.js'

const hourMs = 3_600_000

/** How far the clock is ahead of the time by which an embedded store deletes, in ms; 0 within an hour, and where the store has a clock of its own. */
export function createPurgeLag (store: Pick<Store, 'purgesByMs'>, clock: Pick<Clock, 'now'>): () => number {
  return () => {
    const lagMs = store.purgesByMs === undefined ? 0 : clock.now() - store.purgesByMs()
    return Math.abs(lagMs) < hourMs ? 0 : lagMs
  }
}

/** What a probe says of it; true where there is nothing to say. */
export const purgeCheck = (lagMs: number): true | { ok: string } =>
  lagMs === 0 || { ok: `nothing is purged for now: the clock is ${Math.round(lagMs / hourMs)} h ahead of the time that the store has seen pass` }
