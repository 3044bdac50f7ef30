/** The list: however long it is, only the rows on the screen and some around them are in the document. Where the reader is stays where it is. */
import type { Message } from '../../protocol.js'
import { make } from '../dom.js'
import type { State } from '../model/state.js'
import { itemsOf, memo } from '../model/view-state.js'
import type { Context } from './context.js'
import { createListItems, type ListItems } from './list-items.js'
import type { RowState, RowWanted } from './row.js'
import { createScroller, type Scroller } from './scroller.js'

export interface ListView {
  readonly element: HTMLElement
  render (state: State, messages: readonly Message[]): void
  /** To this row, or the one that Tab reaches; false where there is none. */
  focus (id?: string): boolean
  toTop (): void
  /** Nothing is in the document any more; the place is kept. */
  clear (): void
}

/** Nearer to the end than this many rows the next page is read. */
const aheadRows = 12
/** Further from the top than this the reader reads older ones. */
const awayPx = 24

export function createList (context: Context, pick: RowWanted['pick'], menu: RowWanted['menu']): ListView {
  const { wanted } = context
  const list = make('ul', { 'aria-labelledby': 'heading', class: 'list', role: 'list' })
  const element = make('div', { class: 'listing', part: 'list' }, list)
  const scroller = createScroller(element)
  const items = memo(itemsOf)
  const drawn = createListItems(list, context, { focus: setCurrent, pick, menu })
  let state: State | undefined
  let current: string | undefined

  /** The row that Tab reaches; the arrow keys go to the others. */
  function setCurrent (id: string | undefined): void {
    const before = current
    current = id
    for (const changed of before === id ? [] : [before, id]) {
      const row = changed === undefined ? undefined : drawn.rows.get(changed)
      row?.update({ ...row.state, isCurrent: row.state.message.id === id })
    }
  }

  const draw = (): void => { if (state !== undefined) drawWindow({ list, scroller, drawn, wanted }, state, current, focusedKey()) }

  function focusedKey (): string | undefined {
    const li = (element.getRootNode() as ShadowRoot).activeElement?.closest('li')
    return li === null || li === undefined ? undefined : [...drawn.rows].find(([, { item }]) => item === li)?.[0]
  }

  function focusAt (index: number): boolean {
    const item = scroller.items[index]
    if (item?.kind !== 'message') return false
    setCurrent(item.key)
    scroller.reveal(index)
    draw()
    const row = drawn.rows.get(item.key)
    const target = row?.state.isPicked === undefined ? row?.main : row.item.querySelector<HTMLElement>('.pick')
    target?.focus({ preventScroll: true })
    return target !== undefined
  }

  followScrolling(element, scroller.remember, () => {
    wanted.setAway(element.scrollTop > awayPx)
    draw()
  })
  listenToKeys(element, () => current === undefined ? undefined : drawn.rows.get(current)?.state, scroller, focusAt, wanted)

  return {
    element,
    render (next, messages) {
      if (state !== undefined && state.tab !== next.tab) {
        scroller.toTop()
        current = undefined
      }
      const focused = focusedKey()
      const lostAt = scroller.indexOf(focused ?? '')
      const wasSeen = scroller.isSeen(lostAt)
      state = next
      scroller.set(items(messages))
      // A row that was taken away under the user's focus hands it on to the one in its place; one that had been scrolled away, to what is on the screen.
      const isLost = focused !== undefined && scroller.indexOf(focused) < 0
      if (isLost || scroller.indexOf(current ?? '') < 0) {
        const near = scroller.items[scroller.messageNear(!isLost ? 0 : wasSeen ? lostAt : scroller.first())]
        current = near?.key
      }
      if (next.isAway) scroller.hold()
      draw()
      if (isLost && current !== undefined) focusAt(scroller.indexOf(current))
      element.setAttribute('aria-busy', String(next.list.status === 'loading'))
    },
    focus: id => focusAt(scroller.messageNear(scroller.indexOf(id ?? current ?? ''))),
    toTop () {
      scroller.toTop()
      draw()
    },
    clear: drawn.clear
  }
}

interface Window {
  readonly list: HTMLElement
  readonly scroller: Scroller
  readonly drawn: ListItems
  readonly wanted: Context['wanted']
}

/** Puts the rows in place; measures them, and once more where they are other than was thought. */
function drawWindow (window: Window, state: State, current: string | undefined, focusedKey: string | undefined, pass = 0): void {
  const { list, scroller, drawn, wanted } = window
  const { from, to } = scroller.span()
  const shown = scroller.items.slice(from, to)
  const focused = scroller.indexOf(focusedKey ?? '')
  // What has the focus stays, also where it was scrolled away.
  const kept = scroller.items[focused]
  if (kept !== undefined && focused < from) shown.unshift(kept)
  if (kept !== undefined && focused >= to) shown.push(kept)
  drawn.put(shown, state, scroller.items, current)
  const isOther = scroller.measure(shown.map(item => [item, drawn.elementOf(item)] as const))
  list.style.setProperty('height', `${scroller.height}px`)
  if (isOther && pass < 2) {
    if (state.isAway) scroller.hold()
    return drawWindow(window, state, current, focusedKey, pass + 1)
  }
  for (const item of shown) drawn.elementOf(item)?.style.setProperty('transform', `translateY(${scroller.topOf(scroller.indexOf(item.key))}px)`)
  if (state.list.next !== undefined && to >= scroller.items.length - aheadRows) wanted.older()
}

function listenToKeys (element: HTMLElement, current: () => RowState | undefined, scroller: Scroller, focusAt: (index: number) => boolean, wanted: Context['wanted']): void {
  element.addEventListener('keydown', event => {
    const row = current()
    if (row === undefined || !(event.target as Element).matches('.row, .pick')) return
    const to = indexByKey(event.key, scroller, scroller.indexOf(row.message.id))
    if (to !== undefined) {
      event.preventDefault()
      focusAt(to)
    } else if (event.key === 'Delete' && row.isPicked === undefined) wanted.perform('remove', [row.message])
  })
}

/** Undefined = the key is none of the list's. */
function indexByKey (key: string, { messageFrom, items }: Scroller, at: number): number | undefined {
  switch (key) {
    case 'ArrowDown': return messageFrom(at + 1, 1)
    case 'ArrowUp': return messageFrom(at - 1, -1)
    case 'Home': return messageFrom(0, 1)
    case 'End': return messageFrom(items.length - 1, -1)
    default: return undefined
  }
}

/** `onMove` at once, `onFrame` once before the next frame. */
function followScrolling (element: HTMLElement, onMove: () => void, onFrame: () => void): void {
  let isDue = false
  element.addEventListener('scroll', () => {
    // A list that is hidden is scrolled to its start by the browser.
    if (element.clientHeight === 0) return
    onMove()
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => {
      isDue = false
      if (element.clientHeight > 0) onFrame()
    })
  }, { passive: true })
}
