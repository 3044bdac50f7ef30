import { performance } from 'node:perf_hooks'

/** So many in each turn of the event loop: as what comes in with one read of a socket. */
export async function pushInTurns<T> (items: readonly T[], perTurn: number, push: (item: T) => void): Promise<void> {
  for (let at = 0; at < items.length;) {
    const end = Math.min(items.length, at + perTurn)
    while (at < end) push(items[at++]!)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Evenly, as far as timers of a millisecond go; each in a turn of its own, as what comes in by a request of its own. */
export async function pushPaced (count: number, perSecond: number, push: (n: number) => void): Promise<void> {
  const startedMs = performance.now()
  let next = 0
  while (next < count) {
    const due = Math.min(count, Math.floor((performance.now() - startedMs) / 1000 * perSecond) + 1)
    while (next < due) {
      push(next++)
      await new Promise(resolve => setImmediate(resolve))
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}
