/**
 * Work for open sockets that rests on the store is tried again until it holds: a store that is away for a moment, or for an hour,
 * must not leave a socket without what it should get. The log says when that begins and when all of it holds again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../shared/platform/log.js'

/** Never rejects. Ends when the work is done, or nobody wants it any more. */
export type RetryStoreWork = (work: () => Promise<void>, isWanted: () => boolean) => Promise<void>

const firstPauseMs = 100
const longestPauseMs = 1_000

export function createRetryStoreWork (log: Log): RetryStoreWork {
  let failing = 0
  let begunAt = 0

  function began (error: unknown): void {
    if (failing++ > 0) return
    begunAt = performance.now()
    log.warn({ event: 'delivery-held-up', err: error }, 'what open sockets should get cannot be read from the store; tried again until it can')
  }

  function ended (): void {
    if (--failing === 0) log.info({ event: 'delivery-goes-on', afterMs: Math.round(performance.now() - begunAt) }, 'all that open sockets should get could be read again')
  }

  return async (work, isWanted) => {
    let pauseMs = firstPauseMs
    let hasFailed = false
    while (isWanted()) {
      try {
        await work()
        break
      } catch (error) {
        if (!hasFailed) began(error)
        hasFailed = true
      }
      // At random, so that those who failed together do not come back together.
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { ref: false })
      pauseMs = Math.min(longestPauseMs, 2 * pauseMs)
    }
    if (hasFailed) ended()
  }
}
