/** What each event makes of the state. Pure: the same events give the same state, in Node as in a browser. */
import type { ConnectionState } from '../../connection.js'
import type { GatepostErrorCode } from '../../errors.js'
import type { Cursors, Entry, Message, Page, UnreadCount } from '../../protocol.js'
import { changedBy } from './change.js'
import { compare, fold, merge, sorted } from './messages.js'
import { emptyList, initialState, type List, type State, type Thread, type Toast, type Wish, type Wishes } from './state.js'
import { belongsIn, type Tab } from './tab.js'

export type Event =
  | { readonly type: 'connection', readonly state: ConnectionState | 'idle', readonly user?: string | undefined, readonly endedBy?: GatepostErrorCode | undefined }
  | { readonly type: 'signed-out' }
  | { readonly type: 'unread', readonly count: UnreadCount }
  | { readonly type: 'entries', readonly entries: readonly Entry[] }
  | { readonly type: 'open' | 'close' | 'back' | 'drop-list' }
  | { readonly type: 'tab', readonly tab: Tab }
  | { readonly type: 'loading', readonly isOlder: boolean }
  | { readonly type: 'page', readonly page: Page, readonly isOlder: boolean, readonly cursors: Cursors, /** Nothing of the list before is kept. */ readonly isReset?: boolean }
  | { readonly type: 'load-failed', readonly isOlder: boolean }
  | { readonly type: 'found', readonly messages: readonly Message[] }
  | { readonly type: 'away', readonly isAway: boolean }
  | { readonly type: 'select', readonly message: Message }
  | { readonly type: 'thread', readonly thread: Thread | undefined }
  | { readonly type: 'pick', readonly ids: ReadonlySet<string> | undefined }
  | { readonly type: 'wish' | 'unwish', readonly ids: readonly string[], readonly wish: Wish }
  | { readonly type: 'done', readonly ids: readonly string[], readonly wish: Wish }
  | { readonly type: 'waiting', readonly count: number }
  | { readonly type: 'toast', readonly toast: Toast | undefined }
  | { readonly type: 'now', readonly nowMs: number }

type PageEvent = Extract<Event, { readonly type: 'page' }>

export function reduce (state: State, event: Event): State {
  switch (event.type) {
    case 'connection': return { ...state, connection: event.state, user: event.user ?? state.user, endedBy: event.endedBy }
    case 'signed-out': return { ...initialState, isOpen: state.isOpen, tab: state.tab, nowMs: state.nowMs }
    case 'unread': return { ...state, unread: event.count }
    case 'entries': return take(state, event.entries)
    case 'open': return { ...state, isOpen: true }
    case 'close': return { ...state, isOpen: false, selected: undefined, thread: undefined, picked: undefined, toast: undefined }
    case 'back': return { ...state, selected: undefined, thread: undefined }
    case 'drop-list': return { ...state, list: emptyList, isAway: false, above: 0 }
    case 'tab': return { ...state, tab: event.tab, list: emptyList, selected: undefined, thread: undefined, picked: undefined, isAway: false, above: 0 }
    case 'loading': return { ...state, list: loading(state.list, event.isOlder) }
    case 'page': return withPage(state, event)
    case 'load-failed': return { ...state, list: { ...state.list, isLoadingOlder: false, status: event.isOlder || state.list.status === 'ready' ? state.list.status : 'failed' } }
    case 'found': return { ...state, list: { ...state.list, messages: withFound(state, event.messages) } }
    case 'away': return event.isAway ? { ...state, isAway: true } : { ...state, isAway: false, above: 0, shown: upTo(state.shown, state.list.messages) }
    case 'select': return { ...state, selected: event.message, thread: undefined, toast: undefined }
    case 'thread': return { ...state, thread: event.thread }
    case 'pick': return { ...state, picked: event.ids }
    case 'wish': return { ...state, wishes: withWish(state.wishes, event.ids, event.wish) }
    case 'unwish': return { ...state, wishes: withoutWish(state.wishes, event.ids, event.wish) }
    case 'done': return done(state, event.ids, event.wish)
    case 'waiting': return { ...state, waiting: event.count }
    case 'toast': return { ...state, toast: event.toast }
    case 'now': return later(state, event.nowMs)
  }
}

/** Nothing before this has been shown, and the list is what the node and the live entries say. */
function take (state: State, entries: readonly Entry[]): State {
  const { list, tab, selected, thread, isAway } = state
  const { messages, added } = fold(list.messages, entries, tab, list.next !== undefined)
  return {
    ...state,
    list: messages === list.messages ? list : { ...list, messages, live: list.live + added },
    above: isAway ? state.above + added : 0,
    shown: isAway ? state.shown : upTo(state.shown, messages),
    selected: selected === undefined ? undefined : foldOne(selected, entries),
    thread: thread === undefined ? undefined : foldThread(thread, entries, state.user)
  }
}

const loading = (list: List, isOlder: boolean): List =>
  isOlder ? { ...list, isLoadingOlder: true } : { ...list, status: list.status === 'ready' ? 'ready' : 'loading' }

function withPage (state: State, { page, isOlder, cursors, isReset = false }: PageEvent): State {
  const { list } = state
  const messages = sorted(page.messages)
  const next = page.next ?? undefined
  const base = { ...list, status: 'ready' as const, isLoadingOlder: false }
  const shown = highest(upTo(state.shown, messages), cursors)
  if (isOlder) return { ...state, list: { ...base, next, messages: merge(list.messages, messages) }, shown }
  // What lies behind the first page was read before, and stays where the reader may be.
  const last = messages.at(-1)
  const behind = next === undefined || last === undefined ? [] : list.messages.filter(message => compare(message, last) > 0)
  const keepsBehind = !isReset && list.status === 'ready' && behind.length > 0
  return { ...state, list: { ...base, live: 0, next: keepsBehind ? list.next : next, messages: keepsBehind ? merge(behind, messages) : messages }, shown }
}

function withFound ({ list, tab }: State, found: readonly Message[]): readonly Message[] {
  const last = list.messages.at(-1)
  const fitting = found.filter(message => belongsIn(tab, message) && (list.next === undefined || last === undefined || compare(message, last) < 0))
  return merge(list.messages, sorted(fitting))
}

function withWish (wishes: Wishes, ids: readonly string[], wish: Wish): Wishes {
  const next = new Map(wishes)
  for (const id of ids) next.set(id, [...next.get(id) ?? [], wish])
  return next
}

function withoutWish (wishes: Wishes, ids: readonly string[], wish: Wish): Wishes {
  const next = new Map(wishes)
  for (const id of ids) {
    const left = next.get(id)?.filter(other => other !== wish) ?? []
    if (left.length === 0) next.delete(id)
    else next.set(id, left)
  }
  return next
}

/** The wish has come true: what it wished is a fact now, also where the entry that says so is still on its way. A later wish stays. */
function done (state: State, ids: readonly string[], came: Wish): State {
  const given = new Set(ids)
  const { list, tab, selected } = state
  const { change } = came
  const wishes = withoutWish(state.wishes, ids, came)
  const messages = list.messages
    .filter(({ id }) => change.deleted !== true || !given.has(id))
    .map(message => given.has(message.id) ? changedBy(message, change) : message)
    .filter(message => belongsIn(tab, message) || wishes.has(message.id))
  const isSelected = selected !== undefined && given.has(selected.id)
  return { ...state, wishes, list: { ...list, messages }, selected: !isSelected ? selected : change.deleted === true ? undefined : changedBy(selected, change) }
}

/** An open message stays open wherever its box is; only what is deleted is closed. */
function foldOne (message: Message, entries: readonly Entry[]): Message | undefined {
  const tab: Tab = !message.boxes.includes('inbox') ? 'sent' : 'all'
  const changes = entries.filter(entry => entry.type === 'change')
  // Archived or not does not matter here: it is put where the fold looks, and back.
  const kept = fold([{ ...message, archived: false }], changes.map(({ archived, ...change }) => change), tab).messages[0]
  if (kept === undefined) return undefined
  const archived = changes.filter(({ ids }) => ids?.includes(message.id)).reduce((was, change) => change.archived ?? was, message.archived)
  return changes.length === 0 ? message : { ...kept, archived }
}

function foldThread (thread: Thread, entries: readonly Entry[], me: string | undefined): Thread {
  const concerned = entries.filter(entry => entry.type !== 'message' || isBetween(entry, thread.user, me))
  if (concerned.length === 0) return thread
  const fresh = concerned.filter(entry => entry.type === 'message')
  const kept = thread.messages.flatMap(message => foldOne(message, concerned) ?? [])
  return { ...thread, messages: [...merge([...kept].reverse(), sorted(fresh))].reverse() }
}

export function isBetween ({ from, to }: Message, user: string, me: string | undefined): boolean {
  if (!('user' in from)) return false
  if (from.user === user) return 'user' in to ? to.user === me || me === undefined : 'users' in to
  return from.user === me && (('user' in to && to.user === user) || ('users' in to && to.users.includes(user)))
}

function later (state: State, nowMs: number): State {
  const { list } = state
  const live = list.messages.filter(message => !isExpired(message, nowMs))
  const selected = state.selected !== undefined && isExpired(state.selected, nowMs) ? undefined : state.selected
  return { ...state, nowMs, selected, list: live.length === list.messages.length ? list : { ...list, messages: live } }
}

export const isExpired = ({ expiresAt }: Message, nowMs: number): boolean => expiresAt !== null && Date.parse(expiresAt) <= nowMs

/** The highest `seq` of each stream in the messages, beside what is known. */
function upTo (known: Cursors, messages: readonly Message[]): Cursors {
  const seqs = new Map<string, number>()
  for (const { stream, seq } of messages) if (seq > (seqs.get(stream) ?? 0)) seqs.set(stream, seq)
  return highest(known, Object.fromEntries(seqs))
}

function highest (a: Cursors, b: Cursors): Cursors {
  const higher = Object.entries(b).filter(([stream, seq]) => seq > (a[stream] ?? 0))
  return higher.length === 0 ? a : { ...a, ...Object.fromEntries(higher) }
}
