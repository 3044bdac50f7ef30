/**
 * A cache whose values grow while they are in it, bounded by what they take together. lru-cache takes a value's size when it is put in; here
 * each use measures again. Above the bound those are forgotten that were not used since they were last looked at: a use costs a flag.
 */
export interface MeasuredCacheOptions<K, V> {
  readonly maxBytes?: number | undefined
  /** What the value takes in memory, about. Called for each use. */
  readonly bytesOf: (value: V) => number
  /** Counted, and never forgotten. */
  readonly isHeld?: (key: K) => boolean
}

/** `isUsed`: since it was last looked at. */
interface Slot<V> { readonly value: V, bytes: number, isUsed: boolean }

const usualMaxBytes = 64 << 20
/** So many are looked at each time there is no room: nobody waits for a walk over all. */
const lookedAt = 16

export class MeasuredCache<K, V> {
  readonly #slots = new Map<K, Slot<V>>()
  readonly #options: Pick<MeasuredCacheOptions<K, V>, 'bytesOf' | 'isHeld'>
  readonly #maxBytes: number
  #bytes = 0

  constructor ({ maxBytes = usualMaxBytes, ...options }: MeasuredCacheOptions<K, V>) {
    this.#maxBytes = maxBytes
    this.#options = options
  }

  get bytes (): number { return this.#bytes }

  /** A use. */
  get (key: K): V | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    slot.isUsed = true
    this.#measure(slot)
    return slot.value
  }

  /** No use: the value may be forgotten as if nobody had asked. */
  peek (key: K): V | undefined { return this.#slots.get(key)?.value }

  /** The value of a key that has none yet. */
  add (key: K, value: V): V {
    const slot: Slot<V> = { value, bytes: 0, isUsed: true }
    this.#slots.set(key, slot)
    this.#measure(slot)
    return value
  }

  /** The value has changed, and nobody has used it. */
  measure (key: K): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined) this.#measure(slot)
  }

  delete (key: K): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#bytes -= slot.bytes
    this.#slots.delete(key)
  }

  values (): V[] { return [...this.#slots.values()].map(({ value }) => value) }

  #measure (slot: Slot<V>): void {
    const bytes = this.#options.bytesOf(slot.value)
    this.#bytes += bytes - slot.bytes
    slot.bytes = bytes
    if (this.#bytes > this.#maxBytes) this.#forget()
  }

  /** Those that stay get behind the others. */
  #forget (): void {
    const { isHeld } = this.#options
    let left = Math.min(lookedAt, this.#slots.size) // none twice
    for (const [key, slot] of this.#slots) {
      if (this.#bytes <= this.#maxBytes || left-- === 0) return
      this.#slots.delete(key)
      if (slot.isUsed || isHeld?.(key) === true) {
        slot.isUsed = false
        this.#slots.set(key, slot)
      } else this.#bytes -= slot.bytes
    }
  }
}
