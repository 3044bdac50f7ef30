/** Waits for answers over a link, and ends all waits when the link is lost. */
export class LinkWaits {
  readonly #ends = new Set<(error: Error) => void>()

  /** What the promise gives, or the error of `endAll` as soon as it is called. */
  async within<T> (promise: Promise<T>): Promise<T> {
    return await new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#ends.delete(abort)
        settle()
      }
      const abort = (error: Error): void => { end(() => { reject(error) }) }
      this.#ends.add(abort)
      promise.then(value => { end(() => { resolve(value) }) }, (error: unknown) => { abort(error as Error) })
    })
  }

  endAll (makeError: () => Error): void {
    for (const end of [...this.#ends]) end(makeError())
  }
}
