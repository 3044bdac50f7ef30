/** One message in the list. */
import type { Message } from '../../protocol.js'
import { icon, make, setLabel, setText } from '../dom.js'
import { actedOf, actionsOf, urlOf } from '../model/carried.js'
import { groupOf, receiverOf, senderOf, type Party } from '../model/people.js'
import { isUnread, type Tab } from '../model/tab.js'
import { choices } from './choices.js'
import { headOf } from './content.js'
import type { Context } from './context.js'
import { avatar, mark } from './party.js'
import { swipeable } from './swipe.js'

export interface RowState {
  readonly message: Message
  readonly tab: Tab
  readonly nowMs: number
  /** From 1. */
  readonly place: number
  /** -1 = more follow than are known. */
  readonly count: number
  /** Tab reaches this row; the arrow keys go to the others. */
  readonly isCurrent: boolean
  /** Undefined = nothing is being selected. */
  readonly isPicked: boolean | undefined
}

export interface Row {
  readonly item: HTMLLIElement
  readonly main: HTMLElement
  readonly state: RowState
  update (state: RowState): void
}

export interface RowWanted {
  focus (id: string): void
  pick (message: Message, isRange: boolean): void
  menu (message: Message, at: HTMLElement, point?: { x: number, y: number }): void
}

export const partyOf = (message: Message, tab: Tab, context: Context): Party =>
  tab === 'sent' ? receiverOf(message, context.texts.everybody) : senderOf(message)

type Parts = ReturnType<typeof makeParts>

function makeParts (message: Message) {
  const spoken = make('span', { class: 'spoken' })
  const from = make('bdi', { class: 'from' })
  const marks = make('span', { class: 'marks' })
  const time = make('time')
  const title = make('span', { class: 'title', dir: 'auto' })
  const preview = make('span', { class: 'preview', dir: 'auto' })
  const face = make('span', { class: 'face' })
  const content = make('span', { class: 'content' }, make('span', { class: 'top' }, from, marks, time), title, preview)
  const url = urlOf(message, document.baseURI)
  const main: HTMLElement = url === undefined
    ? make('button', { type: 'button', class: 'row' }, spoken, face, content)
    : make('a', { class: 'row', href: url, rel: 'noopener noreferrer' }, spoken, face, content)
  const answers = make('div', { class: 'choices' })
  const reading = make('button', { type: 'button', class: 'tool' })
  const filing = make('button', { type: 'button', class: 'tool archive' }, icon('archive'))
  const more = make('button', { type: 'button', class: 'tool more', 'aria-haspopup': 'menu' }, icon('more'))
  const tools = make('div', { class: 'tools' }, reading, filing, more)
  const picking = make('input', { type: 'checkbox', class: 'pick' })
  const item = make('li', {}, picking, main, answers, tools)
  return { item, main, spoken, face, from, marks, time, title, preview, answers, reading, filing, more, tools, picking }
}

/** What stays the same while the message does. */
function draw (parts: Parts, { message, tab }: RowState, context: Context): void {
  const { texts, times, settings } = context
  const { face, from, marks, title, preview, time, answers, more, reading, filing, picking } = parts
  const party = partyOf(message, tab, context)
  face.replaceChildren(avatar(party))
  setText(from, tab === 'sent' ? texts.to(party.name) : party.name)
  marks.replaceChildren(...(party.mark === undefined || tab === 'sent' ? [] : [mark(party.mark, texts, groupOf(message))]))
  const own = message.recalled ? undefined : settings.renderMessage(message)
  const head = headOf(message, texts)
  setText(title, head.title)
  if (own === undefined) setText(preview, head.preview)
  else preview.replaceChildren(own)
  title.hidden = own !== undefined
  preview.hidden = own === undefined && head.preview === ''
  time.dateTime = message.createdAt
  time.title = times.full(message.createdAt)
  choices(answers, message, context, tab === 'sent')
  setLabel(more, texts.moreOf(head.title))
  setLabel(reading, message.read ? texts.markUnread : texts.markRead)
  reading.replaceChildren(icon(message.read ? 'unread' : 'read'))
  setLabel(filing, message.archived ? texts.unarchive : texts.archive)
  picking.setAttribute('aria-label', texts.pick(head.title))
  reading.hidden = tab === 'sent' || message.recalled
  filing.hidden = tab === 'sent'
}

function listen ({ item, main, reading, filing, more, picking }: Parts, now: () => RowState, { wanted }: Context, rows: RowWanted): void {
  const toggleRead = (): void => { wanted.perform(now().message.read ? 'markUnread' : 'markRead', [now().message]) }
  const toggleArchived = (): void => { wanted.perform(now().message.archived ? 'unarchive' : 'archive', [now().message]) }
  main.addEventListener('click', event => {
    const { message, isPicked } = now()
    if (isPicked === undefined) return wanted.open(message, event)
    event.preventDefault()
    rows.pick(message, event.shiftKey)
  })
  main.addEventListener('focus', () => { rows.focus(now().message.id) })
  picking.addEventListener('click', event => { rows.pick(now().message, event.shiftKey) })
  reading.addEventListener('click', toggleRead)
  filing.addEventListener('click', toggleArchived)
  more.addEventListener('click', () => { rows.menu(now().message, more) })
  item.addEventListener('contextmenu', event => {
    event.preventDefault()
    rows.menu(now().message, more, event.clientX === 0 ? undefined : { x: event.clientX, y: event.clientY })
  })
  swipeable(item, { canSwipe: () => now().isPicked === undefined && now().tab !== 'sent', onStart: toggleRead, onEnd: toggleArchived })
}

export function createRow (first: RowState, context: Context, rows: RowWanted): Row {
  const { texts, times } = context
  const parts = makeParts(first.message)
  const { item, main, spoken, time, picking, tools } = parts
  let state = first
  let drawn: Message | undefined
  listen(parts, () => state, context, rows)

  function update (next: RowState): void {
    state = next
    const { message, tab, nowMs, place, count, isCurrent, isPicked } = next
    const unread = tab !== 'sent' && isUnread(message)
    if (drawn !== message) draw(parts, next, context)
    drawn = message
    item.className = `item ${unread ? 'unread' : 'read'}${message.recalled ? ' recalled' : ''}${isPicked === true ? ' picked' : ''}`
    item.setAttribute('aria-setsize', String(count))
    item.setAttribute('aria-posinset', String(place))
    setText(spoken, unread ? `${texts.unread}. ` : '')
    setText(time, times.short(message.createdAt, nowMs))
    picking.hidden = isPicked === undefined
    picking.checked = isPicked === true
    tools.hidden = isPicked !== undefined
    for (const control of [picking, ...item.querySelectorAll<HTMLElement>('.tools button, .choices button, .choices a')]) control.tabIndex = isCurrent ? 0 : -1
    main.tabIndex = isCurrent && isPicked === undefined ? 0 : -1
  }
  update(first)
  return { item, main, get state () { return state }, update }
}

/** Whether a row that was made for one message can show the other. */
export const isSameKind = (a: Message, b: Message): boolean =>
  a === b || (urlOf(a, document.baseURI) === urlOf(b, document.baseURI) && actionsOf(a).length === actionsOf(b).length && actedOf(a) === actedOf(b))
