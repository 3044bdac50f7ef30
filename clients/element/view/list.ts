/** The list: however long it is, only the rows on the screen and some around them are in the document. Where the reader is stays where it is. */
import type { Message } from '../../protocol.js'
import { make, setText } from '../dom.js'
import { itemsOf, memo, type Item } from '../model/view-state.js'
import type { State } from '../model/state.js'
import { indexAt, offsetsOf, spanOf } from '../model/window.js'
import type { Context } from './context.js'
import { createRow, isSameKind, type Row, type RowWanted } from './row.js'

export interface ListView {
  readonly element: HTMLElement
  render (state: State, messages: readonly Message[]): void
  /** To the row that Tab reaches; false where there is none. */
  focus (id?: string): boolean
  toTop (): void
  /** Nothing is in the document any more; the place is kept. */
  clear (): void
}

const estimatedPx = { day: 34, message: 84 }
/** Nearer to the end than this many rows the next page is read. */
const aheadRows = 12

export function createList (context: Context, pick: RowWanted['pick'], menu: RowWanted['menu']): ListView {
  const { times, wanted } = context
  const list = make('ul', { 'aria-labelledby': 'heading', class: 'list', role: 'list' })
  const element = make('div', { class: 'listing', part: 'list' }, list)
  const inView = memo(itemsOf)
  const indexes = memo((of: readonly Item[]) => new Map(of.map(({ key }, index) => [key, index])))
  const rows = new Map<string, Row>()
  const days = new Map<string, HTMLLIElement>()
  /** Of the rows that were drawn; others are taken to be as high as the last one of their kind. */
  const measured = new Map<string, number>()
  const estimate = { ...estimatedPx }
  let items: readonly Item[] = []
  let offsets: number[] = [0]
  let state: State | undefined
  let current: string | undefined
  let anchor: { key: string, by: number } | undefined
  let isDrawDue = false

  const heightOf = (item: Item): number => measured.get(item.key) ?? estimate[item.kind]
  const indexOf = (key: string): number => indexes(items).get(key) ?? -1
  const layOut = (): void => { offsets = offsetsOf(items.map(heightOf)) }

  function setCurrent (id: string | undefined): void {
    if (current === id) return
    const before = current
    current = id
    for (const changed of [before, id]) {
      const row = changed === undefined ? undefined : rows.get(changed)
      row?.update({ ...row.state, isCurrent: row.state.message.id === current })
    }
  }

  const rowWanted: RowWanted = { focus: setCurrent, pick, menu }

  function rowFor (item: Extract<Item, { kind: 'message' }>, { tab, nowMs, picked, list: { next } }: State): HTMLLIElement {
    const { message, place, key } = item
    const count = next === undefined ? (items.at(-1) as typeof item).place : -1
    const shown = { message, tab, nowMs, place, count, isCurrent: key === current, isPicked: picked?.has(key) }
    let row = rows.get(key)
    if (row !== undefined && !isSameKind(row.state.message, message)) {
      row.item.remove()
      row = undefined
    }
    if (row === undefined) rows.set(key, row = createRow(shown, context, rowWanted))
    else row.update(shown)
    return row.item
  }

  function dayFor (item: Extract<Item, { kind: 'day' }>, { nowMs }: State): HTMLLIElement {
    const day = days.get(item.key) ?? make('li', { class: 'day' })
    days.set(item.key, day)
    setText(day, times.day(item.atMs, nowMs))
    return day
  }

  /** Puts the rows of the window in place; measures them, and once more where they are other than was thought. */
  function draw (pass = 0): void {
    if (state === undefined) return
    const now = state
    const { from, to } = spanOf(offsets, element.scrollTop, element.clientHeight)
    const focused = focusedKey()
    const wantedItems = items.slice(from, to)
    const at = focused === undefined ? -1 : indexOf(focused)
    // What has the focus stays, also where it was scrolled away.
    if (at >= 0 && at < from) wantedItems.unshift(items[at] as Item)
    if (at >= to) wantedItems.push(items[at] as Item)
    const keys = new Set(wantedItems.map(({ key }) => key))
    for (const [key, row] of rows) if (!keys.has(key)) { row.item.remove(); rows.delete(key) }
    for (const [key, day] of days) if (!keys.has(key)) { day.remove(); days.delete(key) }
    let next: ChildNode | null = list.firstChild
    for (const item of wantedItems) {
      const li = item.kind === 'day' ? dayFor(item, now) : rowFor(item, now)
      // Moved only where it is not in place already: moving an element takes its focus away.
      if (next === li) next = next.nextSibling
      else list.insertBefore(li, next)
    }
    list.style.setProperty('height', `${offsets.at(-1) ?? 0}px`)
    if (measure(wantedItems) && pass < 2) {
      layOut()
      hold()
      return draw(pass + 1)
    }
    for (const item of wantedItems) place(item)
    if (now.list.next !== undefined && to >= items.length - aheadRows) wanted.older()
  }

  const elementOf = (item: Item): HTMLElement | undefined => item.kind === 'day' ? days.get(item.key) : rows.get(item.key)?.item

  function place (item: Item): void {
    elementOf(item)?.style.setProperty('transform', `translateY(${offsets[indexOf(item.key)] ?? 0}px)`)
  }

  function measure (shown: readonly Item[]): boolean {
    let isOther = false
    for (const item of shown) {
      const height = elementOf(item)?.offsetHeight ?? 0
      if (height === 0 || heightOf(item) === height) continue
      measured.set(item.key, height)
      estimate[item.kind] = height
      isOther = true
    }
    return isOther
  }

  const focusedKey = (): string | undefined => {
    const active = (element.getRootNode() as ShadowRoot).activeElement
    const li = active?.closest('li')
    return li === null || li === undefined ? undefined : [...rows].find(([, { item }]) => item === li)?.[0]
  }

  /** Remembers the first row on the screen, and by how much it is scrolled away. */
  function remember (): void {
    const index = indexAt(offsets, element.scrollTop)
    const item = items[index]
    anchor = item === undefined || element.scrollTop <= 0 ? undefined : { key: item.key, by: element.scrollTop - (offsets[index] ?? 0) }
  }

  /** Scrolls so that the remembered row is where it was. */
  function hold (): void {
    const index = anchor === undefined ? -1 : indexOf(anchor.key)
    if (index >= 0 && anchor !== undefined) element.scrollTop = (offsets[index] ?? 0) + anchor.by
  }

  element.addEventListener('scroll', () => {
    // A list that is hidden is scrolled to its start by the browser.
    if (element.clientHeight === 0) return
    remember()
    if (isDrawDue) return
    isDrawDue = true
    requestAnimationFrame(() => {
      isDrawDue = false
      if (element.clientHeight === 0) return
      wanted.setAway(element.scrollTop > 24)
      draw()
    })
  }, { passive: true })

  function focusAt (index: number): boolean {
    const item = items[index]
    if (item?.kind !== 'message') return false
    setCurrent(item.key)
    reveal(index)
    draw()
    const row = rows.get(item.key)
    ;(row?.state.isPicked === undefined ? row?.main : row.item.querySelector<HTMLElement>('.pick'))?.focus({ preventScroll: true })
    return row !== undefined
  }

  function reveal (index: number): void {
    const top = offsets[index] ?? 0
    const bottom = offsets[index + 1] ?? top
    if (top < element.scrollTop + estimate.day) element.scrollTop = Math.max(0, top - estimate.day)
    else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight
    remember()
  }

  /** The next message from `index` on, in steps of `by`. */
  function messageFrom (index: number, by: 1 | -1): number {
    for (let at = index; at >= 0 && at < items.length; at += by) if (items[at]?.kind === 'message') return at
    return -1
  }

  element.addEventListener('keydown', event => {
    if (current === undefined || !(event.target as Element).matches('.row, .pick')) return
    const at = indexOf(current)
    const to = {
      ArrowDown: () => messageFrom(at + 1, 1), ArrowUp: () => messageFrom(at - 1, -1), Home: () => messageFrom(0, 1), End: () => messageFrom(items.length - 1, -1)
    }[event.key]
    const row = rows.get(current)
    if (to !== undefined) {
      event.preventDefault()
      const index = to()
      if (index >= 0) focusAt(index)
    } else if (event.key === 'Delete' && row !== undefined && row.state.isPicked === undefined) {
      wanted.perform('remove', [row.state.message])
    }
  })

  return {
    element,
    render (next, messages) {
      const isOtherTab = state !== undefined && state.tab !== next.tab
      const focused = focusedKey()
      const lostAt = focused === undefined ? -1 : indexOf(focused)
      state = next
      items = inView(messages)
      if (isOtherTab) {
        element.scrollTop = 0
        anchor = undefined
        current = undefined
      }
      layOut()
      const isLost = focused !== undefined && indexOf(focused) < 0
      if (current === undefined || isLost || indexOf(current) < 0) {
        const near = messageFrom(Math.max(0, Math.min(isLost ? lostAt : 0, items.length - 1)), 1)
        const item = items[near >= 0 ? near : messageFrom(items.length - 1, -1)]
        current = item?.key
      }
      if (next.isAway) hold()
      draw()
      // A row that was taken away under the user's focus hands it on to the one in its place.
      if (isLost && current !== undefined) focusAt(indexOf(current))
      element.setAttribute('aria-busy', String(next.list.status === 'loading'))
    },
    focus (id) {
      const index = indexOf(id ?? current ?? '')
      return index >= 0 ? focusAt(index) : focusAt(messageFrom(0, 1))
    },
    toTop () {
      element.scrollTop = 0
      anchor = undefined
      draw()
    },
    clear () {
      for (const { item } of rows.values()) item.remove()
      for (const day of days.values()) day.remove()
      rows.clear()
      days.clear()
    }
  }
}
