import { currentForm } from '../contract/form.js'
import type { Log } from './log.js'

const maxSenders = 1_000

/** What comes by the bus in a newer form is passed over: one line for each sender, however much it sends. */
export function createNewerFormLog (log: Pick<Log, 'warn'>): (from: string, what: string, form: unknown) => void {
  const told = new Set<string>()
  return (from, what, form) => {
    if (told.has(from)) return
    // A stranger makes up names.
    if (told.size >= maxSenders) told.clear()
    told.add(from)
    log.warn({ event: 'newer-form', from, what, form, known: currentForm }, 'another process sends a form that this build does not know: passed over. It is of a newer version: upgrade this process too')
  }
}
