/**
 * Every local stream is visited once a round, and the visits are spread evenly: a round is cut into slices, and a stream keeps the slice
 * that it was given by chance when it was first seen.
 */
import type { LocalStream } from '../realtime/hub.js'

export interface StreamRoundOptions {
  readonly streams: () => Iterable<LocalStream>
  /** Within this time, and the second that it takes to see a new stream, every stream is visited. */
  readonly roundMs: number
  /** The streams of one slice, none of them closed; the next slice waits for it. Never rejects. */
  readonly visit: (streams: readonly LocalStream[]) => Promise<void>
}

const slicesPerRound = 240
/** New streams are given their slices every so many slices. */
const slicesPerScan = 4

export class StreamRound {
  readonly #options: StreamRoundOptions
  readonly #slices = Array.from({ length: slicesPerRound }, () => new Set<LocalStream>())
  readonly #sliced = new WeakSet<LocalStream>()
  #at = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** Begins at once. */
  constructor (options: StreamRoundOptions) {
    this.#options = options
    this.#schedule()
  }

  close (): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule (): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => { void this.#visitSlice() }, this.#options.roundMs / slicesPerRound)
    this.#timer.unref()
  }

  async #visitSlice (): Promise<void> {
    if (this.#at % slicesPerScan === 0) this.#sliceNew()
    const slice = this.#slices[this.#at]!
    for (const stream of slice) if (stream.state === 'closed') slice.delete(stream)
    await this.#options.visit([...slice])
    this.#at = (this.#at + 1) % slicesPerRound
    this.#schedule()
  }

  #sliceNew (): void {
    for (const stream of this.#options.streams()) {
      if (this.#sliced.has(stream)) continue
      this.#sliced.add(stream)
      this.#slices[Math.floor(Math.random() * slicesPerRound)]!.add(stream)
    }
  }
}
