/** Waits for what a test expects, instead of for a length of time. */
import { setTimeout as pause } from 'node:timers/promises'

/** What `work` takes on a machine with nothing else to do, of the kind that the limits of the tests are meant for. */
const workMs = 25

function work (): number {
  const begun = performance.now()
  let x = 1
  for (let i = 0; i < 20_000_000; i++) x = Math.imul(x, 48_271) + i | 0
  if (x === 0.5) throw new Error('a sum of integers')
  return performance.now() - begun
}

/** A limit of `ms` as it is meant, or longer by as much as this machine is slower, or busier with others, at this moment. */
export const allowed = (ms: number): number => ms * Math.max(1, work() / workMs)

/** What `work` resolves with; fails after `timeoutMs` (`allowed`) naming `what`. */
export async function within<T> (what: string, work: Promise<T>, timeoutMs = 60_000): Promise<T> {
  let isDone = false
  const done = work.finally(() => { isDone = true })
  return await Promise.race([done, until(what, () => isDone, timeoutMs, 50).then(async () => await done)])
}

/** Polls until `condition` gives something true, which is the answer; fails after `timeoutMs` (`allowed`) naming `what`. */
export async function until<T> (what: string, condition: () => T | Promise<T>, timeoutMs = 30_000, intervalMs = 20): Promise<NonNullable<T>> {
  const begun = performance.now()
  let limitMs = timeoutMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false && value !== 0) return value
    if (performance.now() - begun >= limitMs) {
      const longerMs = allowed(timeoutMs)
      if (longerMs < limitMs + 2 * intervalMs) throw new Error(`not within ${Math.ceil(limitMs)} ms: ${what}`)
      limitMs = longerMs
    }
    await pause(intervalMs)
  }
}
