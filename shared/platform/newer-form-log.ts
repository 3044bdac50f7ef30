import { LRUCache } from 'lru-cache'
import { currentForm } from '../contract/form.js'
import type { Log } from './log.js'

/** A stranger makes up names. */
const maxSenders = 1_000

/** What comes by the bus in a newer form is passed over: one line for each sender, however much it sends. */
export function createNewerFormLog (log: Pick<Log, 'warn'>): (from: string, what: string, form: unknown) => void {
  const warned = new LRUCache<string, true>({ max: maxSenders })
  return (from, what, form) => {
    if (warned.has(from)) return
    warned.set(from, true)
    log.warn({ event: 'newer-form', from, what, form, known: currentForm }, 'another process sends a form that this build does not know: passed over. It is of a newer version: upgrade this process too')
  }
}
