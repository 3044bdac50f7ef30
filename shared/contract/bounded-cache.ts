/**
 * Remembers what a pure function gave for its latest arguments: at most twice `size` of them. Two generations
 * instead of a list in order of use: when the young one is full it becomes the old one, and the old one is dropped.
 */
export function createBoundedCache<T> (make: (key: string) => T, size: number): (key: string) => T {
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  return key => {
    let value = young.get(key)
    if (value !== undefined) return value
    value = old.get(key) ?? make(key)
    if (young.size >= size) {
      old = young
      young = new Map()
    }
    young.set(key, value)
    return value
  }
}
