/**
 * A map that has no table while it is empty, and a set that has none while it holds one. For what there is one of for each user or socket: a
 * table takes 150 bytes, and of most users there is nothing to put in.
 */
export class SparseMap<K, V> implements Iterable<[K, V]> {
  #table: Map<K, V> | undefined

  get size (): number { return this.#table?.size ?? 0 }
  get (key: K): V | undefined { return this.#table?.get(key) }
  set (key: K, value: V): void { (this.#table ??= new Map()).set(key, value) }
  delete (key: K): void { this.#table?.delete(key) }
  keys (): Iterable<K> { return this.#table?.keys() ?? [] }
  values (): Iterable<V> { return this.#table?.values() ?? [] }
  [Symbol.iterator] (): Iterator<[K, V]> { return (this.#table ?? nothing as Array<[K, V]>)[Symbol.iterator]() }
}

const nothing: readonly unknown[] = []

/** What others may do with it. */
export interface Members<T> extends Iterable<T> {
  readonly size: number
  has (member: T): boolean
}

/** Of objects, of which there is one for the most part. */
export class SmallSet<T extends object> implements Members<T> {
  #only: T | undefined
  /** From the second on. */
  #table: Set<T> | undefined

  get size (): number { return this.#table?.size ?? (this.#only === undefined ? 0 : 1) }
  has (member: T): boolean { return this.#table?.has(member) ?? this.#only === member }

  add (member: T): void {
    if (this.#table !== undefined) this.#table.add(member)
    else if (this.#only === undefined || this.#only === member) this.#only = member
    else {
      this.#table = new Set([this.#only, member])
      this.#only = undefined
    }
  }

  /** Whether it was there. */
  delete (member: T): boolean {
    if (this.#table !== undefined) return this.#table.delete(member)
    if (this.#only !== member) return false
    this.#only = undefined
    return true
  }

  [Symbol.iterator] (): Iterator<T> { return (this.#table ?? (this.#only === undefined ? [] : [this.#only]))[Symbol.iterator]() }
}
