/** Which rows of a long list are in the document: those on the screen and some around them. */

/** `offsets[i]` is where item `i` begins, in px; the last one is the height of all. */
export function offsetsOf (heights: Iterable<number>): number[] {
  const offsets = [0]
  let sum = 0
  for (const height of heights) offsets.push(sum += height)
  return offsets
}

/** The item at a place: the last that begins at or above it. */
export function indexAt (offsets: readonly number[], y: number): number {
  let low = 0
  let high = Math.max(0, offsets.length - 2)
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((offsets[middle] ?? 0) <= y) low = middle
    else high = middle - 1
  }
  return low
}

export interface Span {
  readonly from: number
  /** Behind the last. */
  readonly to: number
}

/** `max` holds where rows are small: as many as that are in the document, whatever the window's height. */
export function spanOf (offsets: readonly number[], scrollTop: number, height: number, { around = 300, max = 48 } = {}): Span {
  const count = offsets.length - 1
  if (count <= 0) return { from: 0, to: 0 }
  const from = indexAt(offsets, Math.max(0, scrollTop - around))
  const to = indexAt(offsets, scrollTop + height + around) + 1
  const first = indexAt(offsets, scrollTop)
  const start = to - from <= max ? from : Math.max(from, first - 4)
  return { from: start, to: Math.min(count, to, start + max) }
}
