/** Keeps the state true by an inbox: pages from REST, changes from live entries. A panel that is closed costs a count and no list. */
import { asGatepostError, type GatepostError } from '../errors.js'
import { createInbox, type Inbox } from '../inbox.js'
import type { Entry, Message, MessageEntry, UnreadCount } from '../protocol.js'
import type { TokenSource } from '../tokens.js'
import { createActions, type Actions } from './actions.js'
import { concerns } from './model/change.js'
import { compare, missingFrom } from './model/messages.js'
import { partnerOf } from './model/people.js'
import { isBetween } from './model/reduce.js'
import { belongsIn, categoryOf, isUnread, type Tab } from './model/tab.js'
import { createPages } from './pages.js'
import type { Store } from './store.js'

export interface Controller {
  readonly inbox: Inbox
  readonly actions: Actions
  open (): void
  shut (): void
  show (tab: Tab): void
  select (message: Message): void
  older (): void
  reload (): void
  markAllRead (): void
  /** To whom the message came from, or to its group. */
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
  onUnread: (count: UnreadCount) => void
  onError: (error: GatepostError) => void
}

/** Entries that a closed panel keeps; above this the list is read again when it is opened. */
const maxKept = 200
/** Live messages of a list that is never left: above this it begins with its first page again. */
const maxLive = 1_000
/** Messages that come in from another box are asked for one by one, up to this many. */
const maxWanted = 20
const threadSize = 50

export function createController (options: ControllerOptions): Controller {
  const { store, requestFrame, onError } = options
  const { dispatch } = store
  let entries: Entry[] = []
  let isClosed = false
  let endedBy: GatepostError | undefined

  const inbox = createInbox({
    gate: options.gate,
    token: options.token,
    onEntry: take,
    onUnread (count) {
      if (isClosed) return
      dispatch({ type: 'unread', count })
      options.onUnread(count)
    },
    onState (state) {
      if (isClosed) return
      dispatch({ type: 'connection', state, user: inbox.user, endedBy: state === 'closed' ? endedBy?.code ?? 'GP_CLOSED' : undefined })
      if (state !== 'live') return
      actions.resume()
      // What came while it was cut off is replayed; what failed is asked for again.
      if (store.state.isOpen && store.state.list.status === 'failed') pages.load()
    },
    onError (error) {
      endedBy = error
      onError(error)
    }
  })
  const fail = (error: unknown): void => { if (!isClosed) onError(asGatepostError(error)) }
  const pages = createPages({ store, list: async query => await inbox.list(query), cursors: () => inbox.cursors, onFailure: fail })
  const actions = createActions({ store, inbox, onError })

  function take (entry: Entry): void {
    if (isClosed) return
    if (entry.type === 'message' && belongsIn('all', entry)) options.onMessage(entry)
    const { isOpen, list } = store.state
    if (list.status === 'none') return
    entries.push(entry)
    if (isOpen) requestFrame()
    else if (entries.length > maxKept) forgetList()
  }

  function forgetList (): void {
    entries = []
    pages.forget()
    dispatch({ type: 'drop-list' })
  }

  function flush (): void {
    if (entries.length === 0 || isClosed) return
    const batch = entries
    entries = []
    pages.note(batch)
    dispatch({ type: 'entries', entries: batch })
    const { list, isAway, tab, thread } = store.state
    const { wanted, isStale } = missingFrom(list.messages, batch, tab)
    if (isStale || wanted.length > maxWanted) pages.load()
    else if (wanted.length > 0) void find(wanted)
    if (thread !== undefined) readOf(thread.user, batch.filter(entry => entry.type === 'message'))
    if (list.live > maxLive && !isAway) pages.load({ isReset: true })
  }

  async function find (ids: readonly string[]): Promise<void> {
    const found = await Promise.allSettled(ids.map(async id => await inbox.get(id)))
    if (!isClosed) dispatch({ type: 'found', messages: found.flatMap(result => result.status === 'fulfilled' ? result.value : []) })
  }

  /** Both directions; a node lists what was received and what was sent apart. */
  async function readThread (user: string): Promise<void> {
    dispatch({ type: 'thread', thread: { user, status: 'loading', messages: [], sending: [] } })
    try {
      const parts = await Promise.all((['inbox', 'archived', 'sent'] as const).map(async box => (await inbox.list({ with: user, box, limit: threadSize })).messages))
      const { thread } = store.state
      if (thread?.user !== user || isClosed) return
      const messages = new Map([...parts.flat(), ...thread.messages].filter(message => isBetween(message, user, inbox.user)).map(message => [message.id, message]))
      dispatch({ type: 'thread', thread: { ...thread, status: 'ready', messages: [...messages.values()].sort(compare).reverse() } })
      readOf(user, parts.flat())
    } catch (error) {
      const { thread } = store.state
      if (thread?.user === user) dispatch({ type: 'thread', thread: { ...thread, status: 'failed' } })
      fail(error)
    }
  }

  const readOf = (user: string, messages: readonly Message[]): void => {
    actions.perform('markRead', messages.filter(message => isUnread(message) && !message.archived && isBetween(message, user, inbox.user)), { isQuiet: true })
  }

  async function send (message: Message, text: string): Promise<void> {
    const user = partnerOf(message, inbox.user)
    const to = user !== undefined ? { user } : 'group' in message.to ? { group: message.to.group } : undefined
    if (to === undefined) return
    const sending = (change: (texts: readonly string[]) => readonly string[]): void => {
      const { thread } = store.state
      if (thread !== undefined && thread.user === user) dispatch({ type: 'thread', thread: { ...thread, sending: change(thread.sending) } })
    }
    sending(texts => [...texts, text])
    try {
      await inbox.send({ to, body: text })
      if (user === undefined && !isClosed) dispatch({ type: 'toast', toast: { kind: 'sent' } })
    } catch (error) {
      if (!isClosed) actions.fail('send', () => { void send(message, text) })
      fail(error)
    }
    sending(texts => texts.filter((_, i) => i !== texts.indexOf(text)))
  }

  return {
    inbox,
    actions,
    flush,
    open () {
      dispatch({ type: 'now', nowMs: Date.now() })
      dispatch({ type: 'open' })
      flush()
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
      entries = []
      dispatch({ type: 'tab', tab })
      pages.load()
    },
    select (message) {
      dispatch({ type: 'select', message })
      const user = partnerOf(message, inbox.user)
      if (user !== undefined) void readThread(user)
      else if (isUnread(message)) actions.perform('markRead', [message], { isQuiet: true })
    },
    older () { pages.older() },
    reload () { pages.load() },
    markAllRead () {
      const { tab, shown, list } = store.state
      const category = categoryOf(tab)
      const what = { upTo: shown, ...(category === undefined ? {} : { category }) }
      actions.markAllRead(what, list.messages.filter(message => isUnread(message) && concerns({ ...what, readTo: shown }, message)))
    },
    reply (message, text) { void send(message, text) },
    close () {
      isClosed = true
      pages.forget()
      void actions.close().finally(() => { void inbox.close() })
    }
  }
}
