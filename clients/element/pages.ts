/**
 * Reads the list by pages. However often it is asked for while an answer is on its way, or within a second of the last one, one
 * more request follows.
 */
import type { Cursors, Entry, Page } from '../protocol.js'
import { queryOf } from './model/tab.js'
import type { Store } from './store.js'

export interface Pages {
  /** The first page: at once where there is no list yet, else coalesced. `isReset`: what was read before is let go. */
  load (options?: { isReset?: boolean }): void
  older (): void
  /** An entry that is not in a page that was asked for before it came. */
  note (entries: readonly Entry[]): void
  /** The tab is another one, or nobody looks: an answer on its way is for nobody. */
  forget (): void
}

export interface PagesOptions {
  store: Store
  list: (query: ReturnType<typeof queryOf> & { limit: number, before?: string }) => Promise<Page>
  /** Up to where entries were taken when the page was asked for. */
  cursors: () => Cursors
  onFailure: (error: unknown) => void
}

const pageSize = 50
const pauseMs = 1_000

export function createPages ({ store, list, cursors, onFailure }: PagesOptions): Pages {
  let running: symbol | undefined
  let isDue: { isReset: boolean } | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastAtMs = -Infinity
  /** May be newer than the page that is on its way. */
  let meanwhile: Entry[] = []

  async function read (isOlder: boolean, isReset: boolean): Promise<void> {
    const own = running = Symbol('page')
    const { tab, list: { next } } = store.state
    if (!isOlder) lastAtMs = Date.now()
    meanwhile = []
    const asked = cursors()
    store.dispatch({ type: 'loading', isOlder })
    try {
      const page = await list({ ...queryOf(tab), limit: pageSize, ...(isOlder && next !== undefined ? { before: next } : {}) })
      if (running !== own) return
      store.dispatch({ type: 'page', page, isOlder, isReset, cursors: asked })
      if (meanwhile.length > 0) store.dispatch({ type: 'entries', entries: meanwhile })
    } catch (error) {
      if (running !== own) return
      store.dispatch({ type: 'load-failed', isOlder })
      onFailure(error)
    }
    running = undefined
    meanwhile = []
    if (isDue !== undefined) again()
  }

  function again (): void {
    if (timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      const due = isDue
      isDue = undefined
      if (due !== undefined && running === undefined) void read(false, due.isReset)
      else isDue = due
    }, Math.max(0, lastAtMs + pauseMs - Date.now()))
  }

  function forget (): void {
    running = undefined
    isDue = undefined
    clearTimeout(timer)
    timer = undefined
    lastAtMs = -Infinity
  }

  return {
    load ({ isReset = false } = {}) {
      const { status } = store.state.list
      if (running === undefined && (status === 'none' || status === 'failed')) void read(false, isReset)
      else if (running === undefined || status !== 'loading') {
        isDue = { isReset: isReset || isDue?.isReset === true }
        if (running === undefined) again()
      }
    },
    older () {
      const { next, isLoadingOlder } = store.state.list
      if (next !== undefined && !isLoadingOlder && running === undefined) void read(true, false)
    },
    note (entries) { if (running !== undefined) meanwhile.push(...entries) },
    forget
  }
}
