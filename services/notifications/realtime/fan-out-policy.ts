/**
 * When entries to a crowd leave. To few readers every entry leaves in its own turn of the event loop. Handing a frame to a crowd takes
 * so long that the next entries can gather meanwhile: they wait for as long as the last frame took to hand out, and one frame carries
 * them all. An entry that follows no other closely never waits.
 */

/** From so many live readers on a frame takes long enough to be worth gathering for. */
export const crowd = 100
const maxWindowMs = 20
/** The next entry follows closely when it comes within so many windows: after a frame of several entries, and of one. */
const closeAfterSeveral = 10
const closeAfterOne = 0.5

/** The window of one stream with a crowd. Times are of `performance.now()`. */
export class BatchWindow {
  #windowMs = 0
  #followsUntil = 0

  /** When the frame that begins with an entry of this time is due; 0: at the end of this turn. */
  dueAt (at: number): number { return at < this.#followsUntil ? at + this.#windowMs : 0 }

  /** A frame of so many entries was handed out between these times. */
  handedOut (entries: number, begun: number, ended: number): void {
    this.#windowMs = Math.min(maxWindowMs, ended - begun)
    this.#followsUntil = ended + this.#windowMs * (entries > 1 ? closeAfterSeveral : closeAfterOne)
  }
}
