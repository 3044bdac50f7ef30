/** Entries on their way into the list: at most one batch a frame, and none while nobody looks. */
import type { Entry } from '../protocol.js'
import { missingFrom } from './model/messages.js'
import type { Pages } from './pages.js'
import type { Store } from './store.js'

export interface Intake {
  take (entry: Entry): void
  /** What waits is in the list after this. */
  flush (): void
  /** The list is another one. */
  clear (): void
}

export interface IntakeOptions {
  store: Store
  pages: Pages
  requestFrame: () => void
  /** Messages that came into the tab and are not at hand. */
  onWanted: (ids: readonly string[]) => void
  onBatch: (entries: readonly Entry[]) => void
}

/** Entries that a closed panel keeps; above this the list is read again when it is opened. */
const maxKept = 200
/** Live messages of a list that is never left: above this it begins with its first page again. */
const maxLive = 5_000
/** What comes in from another box is asked for one by one, up to this many. */
const maxWanted = 20

export function createIntake ({ store, pages, requestFrame, onWanted, onBatch }: IntakeOptions): Intake {
  let entries: Entry[] = []

  return {
    take (entry) {
      const { isOpen, list } = store.state
      // A list that was never read will be read with it.
      if (list.status === 'none') return
      entries.push(entry)
      if (isOpen) requestFrame()
      else if (entries.length > maxKept) {
        entries = []
        pages.forget()
        store.dispatch({ type: 'drop-list' })
      }
    },
    flush () {
      if (entries.length === 0) return
      const batch = entries
      entries = []
      pages.note(batch)
      store.dispatch({ type: 'entries', entries: batch })
      const { list, tab, isAway } = store.state
      const { wanted, isStale } = missingFrom(list.messages, batch, tab)
      if (isStale || wanted.length > maxWanted) pages.load()
      else if (wanted.length > 0) onWanted(wanted)
      if (list.live > maxLive && !isAway) pages.load({ isReset: true })
      onBatch(batch)
    },
    clear () { entries = [] }
  }
}
