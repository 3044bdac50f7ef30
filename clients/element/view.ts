/** The component's shadow tree: shows a model, and tells of what the user wants. Knows nothing of the network. */
import type { ConnectionState } from '../connection.js'
import type { Box, Message } from '../protocol.js'
import { button, icon, make, paths, setText } from './dom.js'
import type { Texts } from './texts.js'

export interface Model {
  readonly isOpen: boolean
  readonly state: ConnectionState | 'idle'
  readonly unread: number
  readonly box: Box
  readonly messages: readonly Message[]
  readonly hasOlder: boolean
  readonly isLoading: boolean
  /** The message that is open. */
  readonly selected: Message | undefined
  /** What went wrong last. */
  readonly fault: string | undefined
}

export interface Wishes {
  toggle (): void
  close (): void
  show (box: Box): void
  select (message: Message): void
  back (): void
  older (): void
  retry (): void
  archive (message: Message): void
  remove (message: Message): void
  markUnread (message: Message): void
  markAllRead (): void
}

export interface View {
  render (model: Model): void
  /** Spoken by screen readers, shown nowhere. */
  announce (text: string): void
}

interface Row {
  readonly item: HTMLLIElement
  message: Message
  update (message: Message): void
}

export function createView ({ root, texts, locale, wishes }: { root: ShadowRoot, texts: Texts, locale: string | undefined, wishes: Wishes }): View {
  const badge = make('span', { class: 'badge', 'aria-hidden': 'true', part: 'badge' })
  const bell = button('bell', texts.bell(0), () => wishes.toggle(), icon(paths.bell), badge)
  bell.setAttribute('part', 'bell')
  bell.setAttribute('aria-haspopup', 'dialog')
  bell.setAttribute('aria-controls', 'panel')

  const heading = make('h2', { id: 'heading' }, texts.title)
  const boxes = make('select', { 'aria-label': texts.box }, ...(['inbox', 'archived', 'sent'] as const).map(box => make('option', { value: box }, texts[box])))
  boxes.addEventListener('change', () => wishes.show(boxes.value as Box))
  const allRead = button('all-read', texts.markAllRead, () => wishes.markAllRead(), icon(paths.allRead))
  const closing = button('close', texts.close, () => wishes.close(), icon(paths.close))
  const back = button('back', texts.back, () => wishes.back(), icon(paths.back))
  const connection = make('div', { class: 'note state', role: 'status' })
  const faultText = make('span')
  const fault = make('div', { class: 'note bad', role: 'alert' }, faultText, button('retry', texts.retry, () => wishes.retry()))
  const list = make('ul', { 'aria-labelledby': 'heading' })
  const empty = make('p', { class: 'empty' }, texts.empty)
  const more = button('more', texts.more, () => wishes.older())
  const listing = make('div', { class: 'listing' }, list, empty, more)
  const reading = make('div', { class: 'reading' })
  const body = make('div', { class: 'body' }, listing, reading)
  const head = make('div', { class: 'head' }, back, heading, boxes, allRead, closing)
  const panel = make('section', { class: 'panel', id: 'panel', part: 'panel', role: 'dialog', 'aria-labelledby': 'heading', tabindex: '-1' }, head, connection, fault, body)
  const spoken = make('div', { class: 'spoken', role: 'status', 'aria-live': 'polite' })
  root.replaceChildren(bell, panel, spoken)

  const rows = new Map<string, Row>()
  let shown: Model | undefined
  let shownMessage: Message | undefined
  /** The row that Tab reaches; the arrow keys move it. */
  let current: string | undefined

  const when = (iso: string): string => {
    const date = new Date(iso)
    const isToday = date.toDateString() === new Date().toDateString()
    return new Intl.DateTimeFormat(locale, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium' }).format(date)
  }
  const titleOf = (message: Message): string => message.recalled ? texts.recalled : message.title ?? firstLine(message.body) ?? texts.untitled
  const partyOf = (message: Message, box: Box): string => box === 'sent' ? `${texts.to} ${targetName(message)}` : senderName(message)
  const rowButton = (id: string | undefined): HTMLButtonElement | undefined =>
    id === undefined ? undefined : rows.get(id)?.item.querySelector<HTMLButtonElement>('.row') ?? undefined

  function makeRow (first: Message): Row {
    const unread = make('span', { class: 'spoken' })
    const dot = make('span', { class: 'dot', 'aria-hidden': 'true' })
    const from = make('span', { class: 'from' })
    const time = make('time')
    const title = make('span', { class: 'title' })
    const preview = make('span', { class: 'preview' })
    const open = make('button', { type: 'button', class: 'row' }, dot, unread, from, time, title, preview)
    const archive = button('archive', texts.archive, () => wishes.archive(row.message), icon(paths.archive))
    const remove = button('remove', texts.remove, () => wishes.remove(row.message), icon(paths.remove))
    open.addEventListener('click', () => wishes.select(row.message))
    open.addEventListener('focus', () => setCurrent(row.message.id))
    const row: Row = {
      item: make('li', {}, open, make('div', { class: 'tools' }, archive, remove)),
      message: first,
      update (message) {
        row.message = message
        const box = shown?.box ?? 'inbox'
        const isUnread = !message.read && !message.recalled && box !== 'sent'
        row.item.className = `${isUnread ? 'unread' : 'read'}${message.recalled ? ' recalled' : ''}`
        setText(unread, isUnread ? `${texts.unread}. ` : '')
        setText(from, partyOf(message, box))
        time.dateTime = message.createdAt
        setText(time, when(message.createdAt))
        setText(title, titleOf(message))
        setText(preview, message.recalled || message.title === null ? '' : firstLine(message.body) ?? '')
        archive.hidden = box === 'sent'
        for (const tool of [archive, remove]) tool.tabIndex = message.id === current ? 0 : -1
        open.tabIndex = message.id === current ? 0 : -1
        const label = box === 'archived' ? texts.unarchive : texts.archive
        archive.setAttribute('aria-label', label)
        archive.title = label
      }
    }
    return row
  }

  function setCurrent (id: string | undefined): void {
    if (current === id) return
    const before = current
    current = id
    for (const changed of [before, id]) {
      const row = changed === undefined ? undefined : rows.get(changed)
      row?.update(row.message)
    }
  }

  function renderList ({ messages, hasOlder, isLoading }: Model): void {
    const ids = new Set(messages.map(({ id }) => id))
    const focused = root.activeElement?.closest('li')
    const isLost = [...rows.values()].some(row => row.item === focused && !ids.has(row.message.id))
    const lostFocusAt = isLost ? [...list.children].findIndex(item => item === focused) : -1
    for (const [id, row] of rows) {
      if (ids.has(id)) continue
      row.item.remove()
      rows.delete(id)
    }
    if (current === undefined || !ids.has(current)) current = messages[Math.max(0, Math.min(lostFocusAt, messages.length - 1))]?.id
    let at: ChildNode | null = list.firstChild
    for (const message of messages) {
      const row = rows.get(message.id) ?? makeRow(message)
      rows.set(message.id, row)
      row.update(message)
      // Moved only where it is not in place already: moving an element takes its focus away.
      if (at === row.item) at = at.nextSibling
      else list.insertBefore(row.item, at)
    }
    // A row that was deleted under the user's focus hands it on to the one in its place.
    if (lostFocusAt >= 0) (rowButton(current) ?? panel).focus()
    empty.hidden = messages.length > 0 || isLoading
    more.hidden = !hasOlder
    more.disabled = isLoading
    setText(more, isLoading ? texts.loading : texts.more)
    listing.setAttribute('aria-busy', String(isLoading))
  }

  function renderReading (message: Message, box: Box): void {
    const isNew = shownMessage?.id !== message.id
    // What else changes of a message is not shown here, and what has the focus is not to be replaced under it.
    if (!isNew && shownMessage?.archived === message.archived && shownMessage.recalled === message.recalled) return
    const title = make('h3', { tabindex: '-1' }, titleOf(message))
    const time = make('time', { datetime: message.createdAt }, new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(message.createdAt)))
    const action = (className: string, path: string, label: string, act: (message: Message) => void): HTMLButtonElement => {
      const element = make('button', { type: 'button', class: className }, icon(path), label)
      element.addEventListener('click', () => act(message))
      return element
    }
    const focusedClass = root.activeElement?.closest('.reading button')?.className
    const isTitleFocused = root.activeElement?.matches('.reading h3') === true
    reading.replaceChildren(make('article', { 'aria-labelledby': 'subject' },
      title,
      make('div', { class: 'meta' }, partyOf(message, box), ' · ', time),
      make('div', { class: 'text' }, message.recalled ? '' : message.body ?? ''),
      make('div', { class: 'actions' },
        ...(box === 'sent'
          ? []
          : [
              action('archive', paths.archive, message.archived ? texts.unarchive : texts.archive, wishes.archive),
              action('mark-unread', paths.unread, texts.markUnread, wishes.markUnread)
            ]),
        action('danger remove', paths.remove, texts.remove, wishes.remove)
      )
    ))
    title.id = 'subject'
    if (isNew) {
      body.scrollTop = 0
      title.focus()
    } else if (isTitleFocused) title.focus()
    else if (focusedClass !== undefined) {
      [...reading.querySelectorAll('button')].find(({ className }) => className === focusedClass)?.focus()
    }
  }

  /** Under the bell's right edge, or under its left one where the window ends before. */
  function place (): void {
    panel.classList.remove('start')
    panel.classList.toggle('start', panel.getBoundingClientRect().left < 0)
  }

  function renderFocus (before: Model | undefined, model: Model, hadFocus: boolean): void {
    if (model.isOpen && before?.isOpen !== true) {
      place()
      ;(rowButton(current) ?? panel).focus()
    } else if (!model.isOpen && before?.isOpen === true && hadFocus) bell.focus()
    else if (model.isOpen && model.selected === undefined && before?.selected !== undefined) {
      if (rows.has(before.selected.id)) setCurrent(before.selected.id)
      ;(rowButton(current) ?? panel).focus()
    }
  }

  panel.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      event.stopPropagation()
      if (shown?.selected === undefined) wishes.close()
      else wishes.back()
      return
    }
    const target = event.target as Element
    if (!target.classList.contains('row')) return
    const ids = [...list.children].map(item => [...rows.values()].find(row => row.item === item)?.message.id)
    const at = ids.indexOf(current)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: ids.length - 1 }[event.key]
    if (to !== undefined) {
      event.preventDefault()
      rowButton(ids[Math.max(0, Math.min(to, ids.length - 1))])?.focus()
    } else if (event.key === 'Delete' && current !== undefined) {
      const row = rows.get(current)
      if (row !== undefined) wishes.remove(row.message)
    }
  })

  return {
    render (model) {
      const before = shown
      shown = model
      // Asked before anything is hidden, for what is hidden loses its focus.
      const hadFocus = panel.contains(root.activeElement)
      badge.hidden = model.unread === 0
      setText(badge, model.unread > 99 ? '99+' : String(model.unread))
      bell.setAttribute('aria-label', texts.bell(model.unread))
      bell.setAttribute('aria-expanded', String(model.isOpen))
      panel.hidden = !model.isOpen
      if (boxes.value !== model.box) boxes.value = model.box
      const isReading = model.selected !== undefined
      back.hidden = !isReading
      boxes.hidden = isReading
      allRead.hidden = isReading || model.box !== 'inbox'
      allRead.disabled = model.unread === 0
      const state = { connecting: texts.reconnecting, offline: texts.offline, closed: texts.closed, idle: texts.closed, live: '' }[model.state]
      setText(connection, state)
      connection.hidden = state === ''
      setText(faultText, model.fault ?? '')
      fault.hidden = model.fault === undefined
      renderList(model)
      listing.hidden = isReading
      reading.hidden = !isReading
      if (model.selected !== undefined) renderReading(model.selected, model.box)
      else reading.replaceChildren()
      shownMessage = model.selected
      renderFocus(before, model, hadFocus)
    },
    announce (text) { spoken.textContent = text }
  }
}

export const senderName = ({ from }: Pick<Message, 'from'>): string => 'user' in from ? from.user : from.producer

function targetName ({ to }: Message): string {
  if ('user' in to) return to.user
  if ('users' in to) return to.users.join(', ')
  return 'group' in to ? to.group : 'topic' in to ? to.topic : '*'
}

function firstLine (text: string | null): string | undefined {
  const line = text?.slice(0, 500).trim().split('\n', 1)[0]
  return line === '' ? undefined : line
}
