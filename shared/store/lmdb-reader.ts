/** Reads of the LMDB store: look-ups in mapped memory. */
import { GatepostError } from '../contract/errors.js'
import { isEmptyRange, sortRanges } from './key-order.js'
import { isStorableKey, unpackDoc, type PackedDoc } from './lmdb-encoding.js'
import type { openTables } from './lmdb-writer.js'
import type { CollectionName, Collections, KeyRange, Store } from './store.js'

export class LmdbReader implements Pick<Store, 'get' | 'exist' | 'range' | 'ranges' | 'lasts'> {
  readonly #tables: ReturnType<typeof openTables>
  readonly #renew: (() => void) | undefined
  #works = true
  #isClosed = false

  /** `renew` is called before each read: where another process writes, to read what it has stored by now. */
  constructor (tables: ReturnType<typeof openTables>, renew?: () => void) {
    this.#tables = tables
    this.#renew = renew
  }

  /** False after a read that failed. */
  get works (): boolean { return this.#works }

  /** Whatever is read afterwards is refused. */
  close (): void { this.#isClosed = true }

  /** Every read comes through here. */
  async reading<T> (read: () => T): Promise<T> {
    if (this.#isClosed) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store is closed')
    try {
      this.#renew?.()
      const result = read()
      this.#works = true
      return result
    } catch (cause) {
      // A document of a newer form: the others can be read.
      if (cause instanceof GatepostError) throw cause
      this.#works = false
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read', { cause })
    }
  }

  current (collection: CollectionName, key: string): PackedDoc | undefined {
    return isStorableKey(key) ? this.#tables[collection].docs.get(key) : undefined
  }

  get<C extends CollectionName> (collection: C, keys: readonly string[]): Promise<Array<Collections[C] | undefined>> {
    return this.reading(() => keys.map(key => {
      const value = this.current(collection, key)
      return value === undefined ? undefined : unpackDoc<Collections[C]>(key, value)
    }))
  }

  exist (collection: CollectionName, keys: readonly string[]): Promise<boolean[]> {
    return this.reading(() => keys.map(key => isStorableKey(key) && this.#tables[collection].docs.doesExist(key)))
  }

  range<C extends CollectionName> (collection: C, range: KeyRange, { limit, reverse = false }: { limit: number, reverse?: boolean }): Promise<Array<Collections[C]>> {
    return this.reading(() => this.#range(collection, range, limit, reverse))
  }

  ranges<C extends CollectionName> (collection: C, ranges: readonly KeyRange[], { limit }: { limit: number }): Promise<Array<Collections[C]>> {
    return this.reading(() => {
      const found: Array<Collections[C]> = []
      for (const range of sortRanges(ranges)) {
        if (found.length >= limit) break
        found.push(...this.#range(collection, range, limit - found.length, false))
      }
      return found
    })
  }

  lasts<C extends CollectionName> (collection: C, ranges: readonly KeyRange[]): Promise<Array<Collections[C] | undefined>> {
    return this.reading(() => ranges.map(range => this.#range(collection, range, 1, true)[0]))
  }

  #range<C extends CollectionName> (collection: C, { from, to }: KeyRange, limit: number, reverse: boolean): Array<Collections[C]> {
    if (limit <= 0 || isEmptyRange({ from, to })) return []
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse: true, limit }
      : { start: from, end: to, limit }
    const found: Array<Collections[C]> = []
    for (const { key, value } of this.#tables[collection].docs.getRange(bounds)) found.push(unpackDoc<Collections[C]>(key, value))
    return found
  }
}
