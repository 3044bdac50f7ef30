import { LRUCache } from 'lru-cache'

/** What was verified, by the text that was verified: bounded by the length of its keys. An entry past its time is never given. */
export interface ExpiringCache<V> {
  get: (key: string, nowMs: number) => V | undefined
  set: (key: string, value: V, validUntilMs: number) => void
  clear: () => void
}

interface Kept<V> { readonly key: string, readonly value: V, readonly validUntilMs: number }

/** A token ends in its signature: found by that, a fraction of the whole to hash, and then compared whole. */
const tailOf = (key: string): string => key.slice(-43)

/** What an entry costs beside its key, as characters. */
const entryOverhead = 500

export function createExpiringCache<V> ({ maxCharacters }: { maxCharacters: number }): ExpiringCache<V> {
  const cache = new LRUCache<string, Kept<V>>({ maxSize: maxCharacters, sizeCalculation: ({ key }) => key.length + entryOverhead })
  return {
    get (key, nowMs) {
      const kept = cache.get(tailOf(key))
      return kept?.key === key && nowMs < kept.validUntilMs ? kept.value : undefined
    },
    set (key, value, validUntilMs) { cache.set(tailOf(key), { key, value, validUntilMs }) },
    clear () { cache.clear() }
  }
}
