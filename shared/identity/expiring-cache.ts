/**
 * What was verified, by the text that was verified. Bounded by the length of its keys in two generations: what is asked
 * for moves into the young one, and when that holds half of the bound the old one is dropped. An entry past its time is
 * never given.
 */
export interface ExpiringCache<V> {
  get: (key: string, nowMs: number) => V | undefined
  set: (key: string, value: V, validUntilMs: number) => void
  clear: () => void
}

interface Kept<V> { readonly value: V, readonly validUntilMs: number }

/** What an entry costs beside its key, as characters. */
const entryOverhead = 500

export function createExpiringCache<V> ({ maxCharacters }: { maxCharacters: number }): ExpiringCache<V> {
  let young = new Map<string, Kept<V>>()
  let old = new Map<string, Kept<V>>()
  let youngCharacters = 0

  const keep = (key: string, kept: Kept<V>): void => {
    if (!young.has(key)) youngCharacters += key.length + entryOverhead
    young.set(key, kept)
    if (youngCharacters * 2 <= maxCharacters) return
    old = young
    young = new Map()
    youngCharacters = 0
  }

  return {
    get (key, nowMs) {
      const fromYoung = young.get(key)
      const kept = fromYoung ?? old.get(key)
      if (kept === undefined || nowMs >= kept.validUntilMs) return undefined
      if (fromYoung === undefined) keep(key, kept)
      return kept.value
    },
    set (key, value, validUntilMs) { keep(key, { value, validUntilMs }) },
    clear () {
      young = new Map()
      old = new Map()
      youngCharacters = 0
    }
  }
}
