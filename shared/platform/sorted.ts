/** The first index from 0 to `length` at which `isBefore` no longer holds: a sorted list's place for something, by halving. */
export function firstIndex (length: number, isBefore: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
