/** How a store compares keys: by their UTF-8 bytes, which is not how `<` compares strings beyond U+FFFF. */
import type { KeyRange } from './store.js'

export function compareKeys (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

export const isEmptyRange = ({ from, to }: KeyRange): boolean => compareKeys(from, to) >= 0

export const sortRanges = (ranges: readonly KeyRange[]): KeyRange[] =>
  ranges.filter(range => !isEmptyRange(range)).sort((a, b) => compareKeys(a.from, b.from))
