/** Where the items of a list stand, and where its reader is. Heights are those that were measured; what was never drawn is taken to be as high as the last of its kind. */
import { memo, type Item } from '../model/view-state.js'
import { indexAt, offsetsOf, spanOf, type Span } from '../model/window.js'

export interface Scroller {
  readonly items: readonly Item[]
  /** The height of all, in px. */
  readonly height: number
  set (items: readonly Item[]): void
  indexOf (key: string): number
  topOf (index: number): number
  /** The next message from `index` on, in steps of `by`; -1 = there is none. */
  messageFrom (index: number, by: 1 | -1): number
  /** The message at or behind `index`, else the last before it. */
  messageNear (index: number): number
  /** Those on the screen and some around them. */
  span (): Span
  /** The first on the screen. */
  first (): number
  isSeen (index: number): boolean
  /** True where an item is higher or lower than was thought: all stand elsewhere now. */
  measure (drawn: ReadonlyArray<readonly [Item, HTMLElement | undefined]>): boolean
  /** Remembers where the reader is. */
  remember (): void
  /** The reader is where the last `remember` was, whatever came above. */
  hold (): void
  reveal (index: number): void
  toTop (): void
}

const estimatedPx = { day: 34, message: 84 }

export function createScroller (element: HTMLElement): Scroller {
  const indexes = memo((of: readonly Item[]) => new Map(of.map(({ key }, index) => [key, index])))
  const measured = new Map<string, number>()
  const estimate = { ...estimatedPx }
  let items: readonly Item[] = []
  let offsets: number[] = [0]
  let anchor: { key: string, by: number } | undefined

  const heightOf = (item: Item): number => measured.get(item.key) ?? estimate[item.kind]
  const indexOf = (key: string): number => indexes(items).get(key) ?? -1
  const topOf = (index: number): number => offsets[index] ?? 0

  function messageFrom (index: number, by: 1 | -1): number {
    for (let at = index; at >= 0 && at < items.length; at += by) if (items[at]?.kind === 'message') return at
    return -1
  }

  function remember (): void {
    const index = indexAt(offsets, element.scrollTop)
    const item = items[index]
    anchor = item === undefined || element.scrollTop <= 0 ? undefined : { key: item.key, by: element.scrollTop - topOf(index) }
  }

  return {
    get items () { return items },
    get height () { return offsets.at(-1) ?? 0 },
    indexOf,
    topOf,
    messageFrom,
    messageNear (index) {
      const at = Math.max(0, Math.min(index, items.length - 1))
      return messageFrom(at, 1) >= 0 ? messageFrom(at, 1) : messageFrom(at, -1)
    },
    remember,
    span: () => spanOf(offsets, element.scrollTop, element.clientHeight),
    first: () => indexAt(offsets, element.scrollTop),
    isSeen: index => index >= 0 && topOf(index + 1) > element.scrollTop && topOf(index) < element.scrollTop + element.clientHeight,
    set (next) {
      items = next
      offsets = offsetsOf(items.map(heightOf))
    },
    measure (drawn) {
      let isOther = false
      for (const [item, { offsetHeight: height } = { offsetHeight: 0 }] of drawn) {
        if (height === 0 || heightOf(item) === height) continue
        measured.set(item.key, height)
        estimate[item.kind] = height
        isOther = true
      }
      if (isOther) offsets = offsetsOf(items.map(heightOf))
      return isOther
    },
    hold () {
      const index = anchor === undefined ? -1 : indexOf(anchor.key)
      if (index >= 0 && anchor !== undefined) element.scrollTop = topOf(index) + anchor.by
    },
    reveal (index) {
      const bottom = topOf(index + 1)
      // Not under the heading of its day.
      if (topOf(index) < element.scrollTop + estimate.day) element.scrollTop = Math.max(0, topOf(index) - estimate.day)
      else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight
      remember()
    },
    toTop () {
      element.scrollTop = 0
      anchor = undefined
    }
  }
}
