/** Waits for what a test expects, instead of for a length of time. */
import { setTimeout as pause } from 'node:timers/promises'

/** Polls until `condition` gives something true, which is the answer; fails after `timeoutMs` naming `what`. */
export async function until<T> (what: string, condition: () => T | Promise<T>, timeoutMs = 30_000, intervalMs = 20): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false && value !== 0) return value
    if (performance.now() >= deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await pause(intervalMs)
  }
}
