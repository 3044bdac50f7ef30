/** The elements of the list that are in the document, by what they show. */
import { make, setText } from '../dom.js'
import type { State } from '../model/state.js'
import type { Item } from '../model/view-state.js'
import type { Context } from './context.js'
import { createRow, isSameKind, type Row, type RowState, type RowWanted } from './row.js'

export interface ListItems {
  readonly rows: ReadonlyMap<string, Row>
  elementOf (item: Item): HTMLElement | undefined
  /** These and no others, in this order. `current`: the row that Tab reaches. */
  put (items: readonly Item[], state: State, all: readonly Item[], current: string | undefined): void
  clear (): void
}

export function createListItems (list: HTMLElement, context: Context, rowWanted: RowWanted): ListItems {
  const rows = new Map<string, Row>()
  const days = new Map<string, HTMLLIElement>()

  function rowFor ({ message, place, key }: Extract<Item, { kind: 'message' }>, { tab, nowMs, picked }: State, count: number, isCurrent: boolean): HTMLLIElement {
    const state: RowState = { message, tab, nowMs, place, count, isCurrent, isPicked: picked?.has(key) }
    const known = rows.get(key)
    if (known !== undefined && isSameKind(known.state.message, message)) {
      known.update(state)
      return known.item
    }
    const row = createRow(state, context, rowWanted)
    rows.set(key, row)
    const focused = (list.getRootNode() as ShadowRoot).activeElement
    known?.item.replaceWith(row.item)
    if (focused !== null && known?.item.contains(focused) === true) row.main.focus({ preventScroll: true })
    return row.item
  }

  function dayFor (item: Extract<Item, { kind: 'day' }>, { nowMs }: State): HTMLLIElement {
    const day = days.get(item.key) ?? make('li', { class: 'day' })
    days.set(item.key, day)
    setText(day, context.times.day(item.atMs, nowMs))
    return day
  }

  function keep (keys: ReadonlySet<string>): void {
    for (const [key, { item }] of rows) if (!keys.has(key)) { item.remove(); rows.delete(key) }
    for (const [key, day] of days) if (!keys.has(key)) { day.remove(); days.delete(key) }
  }

  return {
    rows,
    elementOf: item => item.kind === 'day' ? days.get(item.key) : rows.get(item.key)?.item,
    put (items, state, all, current) {
      keep(new Set(items.map(({ key }) => key)))
      const last = all.at(-1)
      const count = state.list.next === undefined && last?.kind === 'message' ? last.place : -1
      let next: ChildNode | null = list.firstChild
      for (const item of items) {
        const li = item.kind === 'day' ? dayFor(item, state) : rowFor(item, state, count, item.key === current)
        // The row that stood there was made anew.
        if (next !== null && next.parentNode !== list) next = li
        // Moved only where it is not in place already: moving an element takes its focus away.
        if (next === li) next = next.nextSibling
        else list.insertBefore(li, next)
      }
    },
    clear () { keep(new Set()) }
  }
}
