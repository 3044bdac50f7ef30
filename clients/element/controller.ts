/** What the component shows, kept true by an inbox: pages from REST, changes from the live entries. */
import { asGatepostError, type GatepostError } from '../errors.js'
import { createInbox, type Inbox } from '../inbox.js'
import type { Box, Entry, Message, MessageEntry, UnreadCount } from '../protocol.js'
import type { TokenSource } from '../tokens.js'
import { belongsIn, fold, merge } from './message-list.js'
import type { Model } from './view.js'

export interface Controller {
  readonly model: Model
  readonly inbox: Inbox
  setOpen (isOpen: boolean): void
  show (box: Box): void
  select (message: Message): void
  back (): void
  older (): void
  reload (): void
  archive (message: Message): void
  remove (message: Message): void
  markUnread (message: Message): void
  markAllRead (): void
  close (): void
}

export interface ControllerOptions {
  gate: string
  token: TokenSource
  isOpen: boolean
  failedText: string
  onChange: () => void
  onMessage: (message: MessageEntry) => void
  onUnread: (count: UnreadCount) => void
  onError: (error: GatepostError) => void
}

const pageSize = 30
/** Live messages may pile up on a page that stays open for days: above this the list begins with its first page again. */
const maxLive = 300

export function createController (options: ControllerOptions): Controller {
  const { onChange, onMessage, onUnread, onError } = options
  let model: Model = {
    isOpen: options.isOpen, state: 'connecting', unread: 0, box: 'inbox', messages: [], hasOlder: false, isLoading: false, selected: undefined, fault: undefined
  }
  let next: string | undefined
  /** Pages are only read once the list was looked at: a bell alone costs no reading. */
  let isRead = false
  /** Entries that came while a page was on its way: it may be older than they are. */
  let meanwhile: Entry[] | undefined
  let loads = 0
  let live = 0
  let isStale = false
  let isClosed = false

  const inbox = createInbox({
    gate: options.gate,
    token: options.token,
    onEntry: take,
    onUnread (count) {
      set({ unread: count.unread })
      onUnread(count)
    },
    onState (state) {
      set({ state })
      // What came while it was cut off is replayed; what a new connection does not know of is read again.
      if (state === 'live' && isStale) void load()
    },
    onError
  })

  function set (change: Partial<Model>): void {
    if (isClosed) return
    model = { ...model, ...change }
    onChange()
  }

  function take (entry: Entry): void {
    meanwhile?.push(entry)
    const { messages, isStale: mustReload } = fold(model.messages, entry, model.box, next !== undefined)
    const selected = model.selected === undefined || entry.type !== 'change'
      ? model.selected
      : fold([model.selected], entry, boxOf(model.selected, entry)).messages[0]
    set({ messages, selected })
    if (entry.type === 'message') {
      live += 1
      if (belongsIn('inbox', entry)) onMessage(entry)
    }
    if (isRead && (mustReload || live > maxLive)) void load()
  }

  /** The first page, or with `before` the next one. */
  async function load (before?: string): Promise<void> {
    loads += 1
    const load = loads
    const { box } = model
    isRead = true
    isStale = false
    meanwhile = []
    set({ isLoading: true, fault: undefined })
    try {
      const page = await inbox.list({ box, limit: pageSize, ...(before === undefined ? {} : { before }) })
      if (load !== loads || isClosed) return
      next = page.next ?? undefined
      if (before === undefined) live = 0
      let messages: readonly Message[] = before === undefined ? page.messages : merge(model.messages, page.messages)
      for (const entry of meanwhile) ({ messages } = fold(messages, entry, box, next !== undefined))
      meanwhile = undefined
      set({ messages, isLoading: false, hasOlder: next !== undefined })
    } catch (caught) {
      if (load !== loads || isClosed) return
      meanwhile = undefined
      isStale = true
      fail(caught)
      set({ isLoading: false })
    }
  }

  function fail (caught: unknown): void {
    if (isClosed) return
    const error = asGatepostError(caught)
    set({ fault: options.failedText })
    onError(error)
  }

  /** Shown at once, taken back if it is refused; the entry that follows says the same. */
  function act (message: Message, change: Parameters<typeof changeEntry>[1], work: () => Promise<unknown>): void {
    const before = model
    const selected = model.selected?.id === message.id && (change.deleted === true || change.archived !== undefined) ? undefined : model.selected
    set({ messages: fold(model.messages, changeEntry(message, change), model.box).messages, selected, fault: undefined })
    work().catch((error: unknown) => {
      const { box, messages } = before
      const was = messages.find(({ id }) => id === message.id)
      if (was !== undefined && model.box === box) set({ messages: merge(model.messages, [was]) })
      fail(error)
    })
  }

  return {
    get model () { return model },
    inbox,
    setOpen (isOpen) {
      if (isOpen === model.isOpen) return
      set({ isOpen, selected: undefined, fault: undefined })
      if (isOpen && (!isRead || isStale)) void load()
    },
    show (box) {
      next = undefined
      set({ box, messages: [], hasOlder: false, selected: undefined })
      void load()
    },
    select (message) {
      set({ selected: message })
      if (message.read || message.recalled || !belongsIn('inbox', { ...message, archived: false })) return
      const change = changeEntry(message, { read: true })
      set({ messages: fold(model.messages, change, model.box).messages, selected: { ...message, read: true } })
      inbox.markRead(message.id).catch(fail)
    },
    back () { set({ selected: undefined }) },
    older () { if (next !== undefined && !model.isLoading) void load(next) },
    reload () { void load() },
    archive (message) {
      const archived = !message.archived
      act(message, { archived }, async () => await inbox.archive(message.id, archived))
    },
    remove (message) { act(message, { deleted: true }, async () => { await inbox.remove(message.id) }) },
    markUnread (message) {
      set({ selected: undefined })
      act(message, { read: false }, async () => await inbox.markUnread(message.id))
    },
    markAllRead () { inbox.markRead({}).catch(fail) },
    close () {
      isClosed = true
      void inbox.close()
    }
  }
}

const changeEntry = ({ id, stream }: Message, change: { read?: boolean, archived?: boolean, deleted?: boolean }): Entry =>
  ({ type: 'change', stream, seq: 0, prev: 0, ids: [id], ...change })

/** An open message stays open when another device archives it: it is folded in the box where it will be. */
function boxOf (message: Message, entry: Entry): Box {
  if (!message.boxes.includes('inbox')) return 'sent'
  const archived = entry.type === 'change' && entry.archived !== undefined && entry.ids?.includes(message.id) === true ? entry.archived : message.archived
  return archived ? 'archived' : 'inbox'
}
