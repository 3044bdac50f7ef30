/**
 * When entries to a crowd leave. To few readers every entry leaves in its own turn of the event loop. Handing a frame to a crowd takes
 * so long that the next entries can gather meanwhile: they wait for as long as the last frame took to hand out, and one frame carries
 * them all. An entry that follows no other closely never waits.
 *
 * After a frame of one entry the next one waits for a quarter of that, to see whether others follow. Where none did, the next entries leave at
 * once: whoever sends one when the last one has arrived has no company to wait for.
 */

/** From so many live readers on a frame takes long enough to be worth gathering for. */
export const crowd = 100
const maxWindowMs = 20
/** Of the time that the last frame took: how long the next entries wait, and within how long the next one follows closely. */
const afterSeveral = { wait: 1, close: 10 }
const afterOne = { wait: 0.25, close: 0.5 }
/** So many frames wait for nothing after one that waited in vain. */
const framesAfterVain = 10

/** The window of one stream with a crowd. Times are of `performance.now()`. */
export class BatchWindow {
  #windowMs = 0
  #followsUntil = 0
  #isWaiting = false
  #framesAtOnce = 0

  /** When the frame that begins with an entry of this time is due; 0: at the end of this turn. */
  dueAt (at: number): number {
    this.#isWaiting = at < this.#followsUntil
    return this.#isWaiting ? at + this.#windowMs : 0
  }

  /** A frame of so many entries was handed out between these times. */
  handedOut (entries: number, begun: number, ended: number): void {
    if (entries > 1) this.#framesAtOnce = 0
    else if (this.#isWaiting) this.#framesAtOnce = framesAfterVain
    else if (this.#framesAtOnce > 0) this.#framesAtOnce--
    this.#isWaiting = false
    const { wait, close } = entries > 1 ? afterSeveral : afterOne
    const tookMs = ended - begun
    this.#windowMs = Math.min(maxWindowMs, tookMs * wait)
    this.#followsUntil = this.#framesAtOnce > 0 ? 0 : ended + Math.min(maxWindowMs, tookMs) * close
  }
}
