import type { GatepostError } from './errors.js'

/** Those who wait for the inbox to be live. */
export interface LiveWaiters {
  /** Resolves with the next `resolve`; rejects with the reason once it has ended. */
  wait (): Promise<void>
  resolve (): void
  end (reason: GatepostError): void
}

export function createLiveWaiters (): LiveWaiters {
  const waiters: Array<{ resolve: () => void, reject: (error: GatepostError) => void }> = []
  let ended: GatepostError | undefined
  return {
    wait: async () => await new Promise<void>((resolve, reject) => {
      if (ended === undefined) waiters.push({ resolve, reject })
      else reject(ended)
    }),
    resolve () { for (const { resolve } of waiters.splice(0)) resolve() },
    end (reason) {
      ended = reason
      for (const { reject } of waiters.splice(0)) reject(reason)
    }
  }
}
