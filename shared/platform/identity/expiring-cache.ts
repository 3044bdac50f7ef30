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

interface Kept<V> { readonly key: string, readonly value: V, readonly validUntilMs: number }

/** A token ends in its signature: found by that, a fraction of the whole to hash, and then compared whole. */
const tailOf = (key: string): string => key.slice(-43)

/** What an entry costs beside its key, as characters. */
const entryOverhead = 500

export function createExpiringCache<V> ({ maxCharacters }: { maxCharacters: number }): ExpiringCache<V> {
  let young = new Map<string, Kept<V>>()
  let old = new Map<string, Kept<V>>()
  let youngCharacters = 0

  const keep = (tail: string, kept: Kept<V>): void => {
    if (!young.has(tail)) youngCharacters += kept.key.length + entryOverhead
    young.set(tail, kept)
    if (youngCharacters * 2 <= maxCharacters) return
    old = young
    young = new Map()
    youngCharacters = 0
  }

  return {
    get (key, nowMs) {
      const tail = tailOf(key)
      const fromYoung = young.get(tail)
      const kept = fromYoung ?? old.get(tail)
      if (kept?.key !== key || nowMs >= kept.validUntilMs) return undefined
      if (fromYoung === undefined) keep(tail, kept)
      return kept.value
    },
    set (key, value, validUntilMs) { keep(tailOf(key), { key, value, validUntilMs }) },
    clear () {
      young = new Map()
      old = new Map()
      youngCharacters = 0
    }
  }
}
