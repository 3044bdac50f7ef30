/** Asks the leading tab for a sign of life once it has heard nothing for a while, and says so when none comes. */
import { pause } from '../pause.js'

export interface SilenceWatch {
  begin (): void
  /** Something came that a frozen tab does not say. */
  heard (): void
  end (): void
}

/** Together below the 5 s in which the tabs must go on, and long enough for a leader that is only busy. */
const quietMs = 1_000
const answerMs = 1_400
const jitterMs = 250
/** A timer that comes this late: this tab was stopped itself, and may have missed the answer. */
const sleptMs = 1_500

export function createSilenceWatch ({ probe, onSilent }: { probe: () => void, onSilent: () => void }): SilenceWatch {
  let heardMs = 0
  let watching: AbortController | undefined

  async function watch (signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const quietForMs = performance.now() - heardMs
      if (quietForMs < quietMs) {
        await pause(quietMs - quietForMs + Math.random() * jitterMs, signal)
        continue
      }
      const askedMs = performance.now()
      probe()
      await pause(answerMs + Math.random() * jitterMs, signal)
      const waitedMs = performance.now() - askedMs
      if (signal.aborted || heardMs >= askedMs || waitedMs > answerMs + jitterMs + sleptMs) continue
      heardMs = performance.now()
      onSilent()
    }
  }

  return {
    begin () {
      watching?.abort()
      watching = new AbortController()
      heardMs = performance.now()
      void watch(watching.signal)
    },
    heard () { heardMs = performance.now() },
    end () {
      watching?.abort()
      watching = undefined
    }
  }
}
