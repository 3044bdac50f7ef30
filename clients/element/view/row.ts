/** One message in the list. */
import type { Message } from '../../protocol.js'
import { button, icon, make, setLabel, setText } from '../dom.js'
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

export function createRow (first: RowState, context: Context, rows: RowWanted): Row {
  const { texts, times, wanted, settings } = context
  const spoken = make('span', { class: 'spoken' })
  const from = make('bdi', { class: 'from' })
  const marks = make('span', { class: 'marks' })
  const time = make('time')
  const title = make('span', { class: 'title', dir: 'auto' })
  const preview = make('span', { class: 'preview', dir: 'auto' })
  const face = make('span', { class: 'face' })
  const content = make('span', { class: 'content' }, make('span', { class: 'top' }, from, marks, time), title, preview)
  const url = urlOf(first.message, document.baseURI)
  const main = url === undefined
    ? make('button', { type: 'button', class: 'row' }, spoken, face, content)
    : make('a', { class: 'row', href: url, rel: 'noopener noreferrer' }, spoken, face, content)
  const answers = make('div', { class: 'choices' })
  const reading = button('tool', texts.markRead, () => { wanted.perform(row.state.message.read ? 'markUnread' : 'markRead', [row.state.message]) }, icon('read'))
  const filing = button('tool archive', texts.archive, () => { wanted.perform(row.state.message.archived ? 'unarchive' : 'archive', [row.state.message]) }, icon('archive'))
  const more = button('tool more', texts.more, () => { rows.menu(row.state.message, more) }, icon('more'))
  more.setAttribute('aria-haspopup', 'menu')
  const tools = make('div', { class: 'tools' }, reading, filing, more)
  const picking = make('input', { type: 'checkbox', class: 'pick' })
  const item = make('li', {}, picking, main, answers, tools)

  // One of two kinds of element: their union has no typed listeners.
  ;(main as HTMLElement).addEventListener('click', event => {
    const { message, isPicked } = row.state
    if (isPicked === undefined) return wanted.open(message, event)
    event.preventDefault()
    rows.pick(message, event.shiftKey)
  })
  picking.addEventListener('click', event => { rows.pick(row.state.message, event.shiftKey) })
  main.addEventListener('focus', () => { rows.focus(row.state.message.id) })
  item.addEventListener('contextmenu', event => {
    event.preventDefault()
    rows.menu(row.state.message, more, event.clientX === 0 ? undefined : { x: event.clientX, y: event.clientY })
  })
  swipeable(item, {
    canSwipe: () => row.state.isPicked === undefined && row.state.tab !== 'sent',
    onStart: () => { wanted.perform(row.state.message.read ? 'markUnread' : 'markRead', [row.state.message]) },
    onEnd: () => { wanted.perform(row.state.message.archived ? 'unarchive' : 'archive', [row.state.message]) }
  })

  let drawn: Message | undefined

  /** What stays the same while the message does. */
  function draw ({ message, tab }: RowState): void {
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

  const row: Row = {
    item,
    main,
    state: first,
    update (state) {
      const { message, tab, nowMs, place, count, isCurrent, isPicked } = state
      ;(row as { state: RowState }).state = state
      const unread = tab !== 'sent' && isUnread(message)
      if (drawn !== message) draw(state)
      drawn = message
      item.className = ['item', unread ? 'unread' : 'read', message.recalled ? 'recalled' : '', isPicked === true ? 'picked' : ''].filter(Boolean).join(' ')
      item.setAttribute('aria-setsize', String(count))
      item.setAttribute('aria-posinset', String(place))
      setText(spoken, unread ? `${texts.unread}. ` : '')
      setText(time, times.short(message.createdAt, nowMs))
      picking.hidden = isPicked === undefined
      picking.checked = isPicked === true
      tools.hidden = isPicked !== undefined
      for (const control of [main, picking, ...item.querySelectorAll<HTMLElement>('.tools button, .choices button, .choices a')]) control.tabIndex = isCurrent ? 0 : -1
      main.tabIndex = isCurrent && isPicked === undefined ? 0 : -1
    }
  }
  row.update(first)
  return row
}

/** Whether a row that was made for one message can show the other. */
export const isSameKind = (a: Message, b: Message): boolean =>
  a === b || (urlOf(a, document.baseURI) === urlOf(b, document.baseURI) && actionsOf(a).length === actionsOf(b).length && actedOf(a) === actedOf(b))
