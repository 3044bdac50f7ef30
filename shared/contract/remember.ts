import { LRUCache } from 'lru-cache'

/** `make` with a memory: of its latest `max` arguments the result is kept, unless it was undefined. For pure functions only. */
export function remember<V> (make: (key: string) => V, max: number): (key: string) => V {
  const kept = new LRUCache<string, NonNullable<V>>({ max })
  return key => {
    const known = kept.get(key)
    if (known !== undefined) return known
    const value = make(key)
    if (value !== undefined && value !== null) kept.set(key, value)
    return value
  }
}
