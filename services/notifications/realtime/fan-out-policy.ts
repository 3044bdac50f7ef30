/**
 * When entries to a crowd leave. To few readers every entry leaves in its own turn of the event loop. Handing a frame to a crowd takes
 * so long that the next entries can gather meanwhile: after a frame of several they wait for as long as it took to hand out, and one
 * frame carries them all. After a frame of one entry they leave at once: whoever sends one after the other has no company to wait for.
 */

/** From so many live readers on a frame takes long enough to be worth gathering for. */
export const crowd = 100
const maxWindowMs = 20
/** After a frame of several, entries wait if they come within so many times as long as it took. */
const closeFor = 10

/** The window of one stream with a crowd. Times are of `performance.now()`. */
export class BatchWindow {
  #windowMs = 0
  #followsUntil = 0

  /** When the frame that begins with an entry of this time is due; 0: at the end of this turn. */
  dueAt (at: number): number { return at < this.#followsUntil ? at + this.#windowMs : 0 }

  /** A frame of so many entries was handed out between these times. */
  handedOut (entries: number, begun: number, ended: number): void {
    this.#windowMs = Math.min(maxWindowMs, ended - begun)
    this.#followsUntil = entries > 1 ? ended + this.#windowMs * closeFor : 0
  }
}
