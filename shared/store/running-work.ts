/** What is under way, so that closing can wait for it. */
export class RunningWork {
  readonly #work = new Set<Promise<unknown>>()

  /** Returns the same promise. */
  track<T> (work: Promise<T>): Promise<T> {
    const done = work.then(() => {}, () => {}).finally(() => this.#work.delete(done))
    this.#work.add(done)
    return work
  }

  /** Resolves when all that is under way now has ended, well or not. */
  async ended (): Promise<void> { await Promise.all(this.#work) }
}
