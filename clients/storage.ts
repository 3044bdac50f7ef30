import { GatepostError } from './errors.js'
import { within } from './pause.js'

/** Where an inbox keeps its cursors and waiting sends: `localStorage` is one, and so is any key-value store. */
export interface KeyValueStorage {
  getItem (key: string): string | null | undefined | Promise<string | null | undefined>
  setItem (key: string, value: string): unknown
}

export interface Slot {
  /** What was saved, parsed; undefined where there is nothing, or nothing that can be read. */
  load (): Promise<unknown>
  /** Writes are never reordered; of several that wait, only the last is written. */
  save (value: unknown): Promise<void>
}

/** A storage that hangs must hold up neither the start nor what is sent. */
const answerMs = 10_000

/** One key of a storage. A failed write is reported, not thrown: what it keeps is still in memory. */
export function createSlot (
  { storage, key, onError, timeoutMs = answerMs }: { storage: KeyValueStorage | undefined, key: string, onError: (error: GatepostError) => void, timeoutMs?: number }
): Slot {
  let waiting: { value: unknown } | undefined
  let writing: Promise<void> | undefined

  const inTime = async <T>(work: () => Promise<T>): Promise<T> => await within(timeoutMs, work(), () => new Error(`no answer within ${timeoutMs} ms`))

  async function write (target: KeyValueStorage): Promise<void> {
    try {
      while (waiting !== undefined) {
        const { value } = waiting
        waiting = undefined
        try { await inTime(async () => await target.setItem(key, JSON.stringify(value))) } catch (cause) {
          onError(new GatepostError('GP_STORAGE_FAILED', `could not write ${key}`, { cause }))
        }
      }
    } finally { writing = undefined }
  }

  return {
    async load () {
      if (storage === undefined) return undefined
      let text: string | null | undefined
      // A reader that does not know its cursors must not begin with "only new ones": it would lose what came before.
      try { text = await inTime(async () => await storage.getItem(key)) } catch (cause) {
        throw new GatepostError('GP_STORAGE_FAILED', `could not read ${key}`, { cause })
      }
      if (text === null || text === undefined || text === '') return undefined
      try { return JSON.parse(text) as unknown } catch (cause) {
        onError(new GatepostError('GP_STORAGE_FAILED', `${key} holds no JSON; it is left out`, { cause }))
        return undefined
      }
    },
    save (value) {
      if (storage === undefined) return Promise.resolve()
      waiting = { value }
      writing ??= write(storage)
      return writing
    }
  }
}
