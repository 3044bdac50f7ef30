/** Elections, restarts, a link that breaks: what a database does not take now is tried again for a while. */
import { setTimeout as pause } from 'node:timers/promises'
import { GatepostError } from '../../../shared/contract/errors.js'
import { MigrateError } from './migrate-error.js'

export const patienceMs = 120_000
const pauseMs = 500

/** As against what no further try can change. */
export const isStoreAway = (error: unknown): boolean => error instanceof GatepostError && error.code === 'GP_STORE_UNAVAILABLE'

/** Until `attempt` gives something else than a failure; `failed` says why not. Rejects with MigrateError after `patienceMs`. */
export async function persist<T> (attempt: () => Promise<{ readonly done: T } | { readonly failed: unknown }>): Promise<T> {
  const begunMs = performance.now()
  for (;;) {
    const result = await attempt()
    if ('done' in result) return result.done
    if (performance.now() - begunMs > patienceMs) {
      throw new MigrateError(`MongoDB has not taken or given what was asked for ${patienceMs / 1000} s. When it works again, start this command again: it goes on from here`, { cause: result.failed })
    }
    await pause(pauseMs)
  }
}

/** A read, again until it is answered. */
export const persistReading = async <T>(read: () => Promise<T>): Promise<T> => await persist(async () => {
  try {
    return { done: await read() }
  } catch (failed) {
    if (!isStoreAway(failed)) throw failed
    return { failed }
  }
})
