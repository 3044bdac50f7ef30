/** Work of one name is done one after the other, in the order asked, whatever became of the work before. */
export class InTurn {
  /** The last one under way of each name. */
  readonly #last = new Map<string, Promise<unknown>>()

  async run<T> (name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(work, work)
    this.#last.set(name, turn)
    try { return await turn } finally { if (this.#last.get(name) === turn) this.#last.delete(name) }
  }
}
