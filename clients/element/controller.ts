/** Keeps the state true by an inbox: pages from REST, changes from live entries. A panel that is closed costs a count and no list. */
import { asGatepostError, type GatepostError } from '../errors.js'
import { createInbox, type Inbox } from '../inbox.js'
import type { Message, MessageEntry, UnreadCount, VolatileMessage } from '../protocol.js'
import type { TokenSource } from '../tokens.js'
import { createActions, type Actions } from './actions.js'
import { createIntake } from './intake.js'
import { concerns } from './model/change.js'
import { partnerOf } from './model/people.js'
import { belongsIn, categoryOf, isUnread, type Tab } from './model/tab.js'
import { createPages } from './pages.js'
import type { Store } from './store.js'
import { createThreads } from './threads.js'

export interface Controller {
  readonly inbox: Inbox
  readonly actions: Actions
  open (): void
  shut (): void
  show (tab: Tab): void
  select (message: Message): void
  older (): void
  reload (): void
  /** No further than what was shown. */
  markAllRead (): void
  reply (message: Message, text: string): void
  /** Entries that wait for a frame are in the list after this. */
  flush (): void
  close (): void
}

export interface ControllerOptions {
  gate: string
  token: TokenSource
  store: Store
  /** `flush` is called before the next frame is drawn. */
  requestFrame: () => void
  onMessage: (message: MessageEntry) => void
  onVolatile: (message: VolatileMessage) => void
  onUnread: (count: UnreadCount) => void
  onError: (error: GatepostError) => void
}

export function createController (options: ControllerOptions): Controller {
  const store = untilClosed(options.store)
  const { dispatch } = store
  let endedBy: GatepostError | undefined

  const inbox = createInbox({
    gate: options.gate,
    token: options.token,
    onEntry (entry) {
      if (store.isClosed) return
      if (entry.type === 'message' && belongsIn('all', entry)) options.onMessage(entry)
      intake.take(entry)
    },
    onVolatile (message) { if (!store.isClosed) options.onVolatile(message) },
    onUnread (count) {
      dispatch({ type: 'unread', count })
      if (!store.isClosed) options.onUnread(count)
    },
    onState (state) {
      dispatch({ type: 'connection', state, user: inbox.user, endedBy: state === 'closed' ? endedBy?.code ?? 'GP_CLOSED' : undefined })
      if (state !== 'live' || store.isClosed) return
      actions.resume()
      // What came while it was cut off is replayed; what failed is asked for again.
      if (store.state.isOpen && store.state.list.status === 'failed') pages.load()
    },
    onError (error) {
      endedBy = error
      options.onError(error)
    }
  })
  const onFailure = (error: unknown): void => { if (!store.isClosed) options.onError(asGatepostError(error)) }
  const pages = createPages({ store, list: async query => await inbox.list(query), cursors: () => inbox.cursors, onFailure })
  const actions = createActions({ store, inbox, onError: onFailure })
  const threads = createThreads({ store, inbox, actions, onFailure })
  const intake = createIntake({ store, pages, requestFrame: options.requestFrame, onBatch: threads.see, onWanted: ids => { void find(ids) } })

  async function find (ids: readonly string[]): Promise<void> {
    const found = await Promise.allSettled(ids.map(async id => await inbox.get(id)))
    dispatch({ type: 'found', messages: found.flatMap(result => result.status === 'fulfilled' ? result.value : []) })
  }

  return {
    inbox,
    actions,
    flush: intake.flush,
    open () {
      dispatch({ type: 'now', nowMs: Date.now() })
      dispatch({ type: 'open' })
      intake.flush()
      const { status } = store.state.list
      if (status === 'none' || status === 'failed') pages.load()
    },
    shut () {
      actions.settle()
      dispatch({ type: 'close' })
    },
    show (tab) {
      actions.settle()
      pages.forget()
      intake.clear()
      dispatch({ type: 'tab', tab })
      pages.load()
    },
    select (message) {
      dispatch({ type: 'select', message })
      const user = partnerOf(message, inbox.user)
      if (user !== undefined) void threads.read(user)
      if (isUnread(message)) actions.perform('markRead', [message], { isQuiet: true })
    },
    older: pages.older,
    reload () { pages.load() },
    markAllRead () { markShown(store, actions) },
    reply (message, text) { void threads.reply(message, text) },
    close () {
      store.close()
      pages.forget()
      void actions.close().finally(() => { void inbox.close() })
    }
  }
}

function markShown ({ state: { tab, shown, list } }: Store, actions: Actions): void {
  const category = categoryOf(tab)
  const what = { upTo: shown, ...(category === undefined ? {} : { category }) }
  actions.markAllRead(what, list.messages.filter(message => isUnread(message) && concerns({ ...what, readTo: shown }, message)))
}

/** The store outlives a session: what one that has ended still hears is nobody's business. */
function untilClosed (store: Store): Store & { readonly isClosed: boolean, close (): void } {
  let isClosed = false
  return {
    get isClosed () { return isClosed },
    get state () { return store.state },
    dispatch (event) { if (!isClosed) store.dispatch(event) },
    close () { isClosed = true }
  }
}
