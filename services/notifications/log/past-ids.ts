/** The seqs above `from`, up to `to`. */
export interface Span { readonly from: number, readonly to: number }

/**
 * Ids of a stretch of a stream that was read from the store: of all entries in it. A chain grows at its end only, so what was read
 * once stays true. It is for a stream that is ahead of a clock, which was set back: each append then asks whether its id lies in the
 * minute after its time, and from one append to the next that minute moves on by little.
 */
export class PastIds {
  #span: Span | undefined
  readonly #seqById = new Map<string, number>()

  get size (): number { return this.#seqById.size }

  seqOf (id: string): number | undefined { return this.#seqById.get(id) }

  /** What of this is not known yet. */
  missingOf (wanted: Span): Span[] {
    const known = this.#span
    if (known === undefined || wanted.to <= known.from || wanted.from >= known.to) return [wanted]
    return [{ from: wanted.from, to: known.from }, { from: known.to, to: wanted.to }].filter(({ from, to }) => from < to)
  }

  add (id: string, seq: number): void { this.#seqById.set(id, seq) }

  /** All that was missing of this has been added. Forgets what lies more than `keep` before it. */
  cover ({ from, to }: Span, keep: number): void {
    const known = this.#span
    const isJoined = known !== undefined && from <= known.to && to >= known.from
    const since = Math.max(isJoined ? Math.min(from, known.from) : from, from - keep)
    this.#span = { from: since, to: isJoined ? Math.max(to, known.to) : to }
    // In the order of reading, mostly that of seqs.
    for (const [id, seq] of this.#seqById) {
      if (seq > since) break
      this.#seqById.delete(id)
    }
  }
}
