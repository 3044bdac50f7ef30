/** How a store compares keys: by their UTF-8 bytes, which is not how `<` compares strings beyond U+FFFF. */
import type { KeyRange } from './store.js'

/** In UTF-16 what lies beyond U+FFFF begins with a unit of 0xD800 to 0xDFFF; in UTF-8 it sorts behind 0xE000 to 0xFFFF. */
const inByteOrder = (unit: number): number => unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800

export function compareKeys (a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at)
    const unitB = b.charCodeAt(at)
    if (unitA !== unitB) return inByteOrder(unitA) - inByteOrder(unitB)
  }
  return a.length - b.length
}

export const isEmptyRange = ({ from, to }: KeyRange): boolean => compareKeys(from, to) >= 0

export const sortRanges = (ranges: readonly KeyRange[]): KeyRange[] =>
  ranges.filter(range => !isEmptyRange(range)).sort((a, b) => compareKeys(a.from, b.from))
