/**
 * When entries to a crowd leave. To few readers every entry leaves in its own turn of the event loop. Handing a frame to a crowd takes
 * so long that the next entries can gather meanwhile: they wait for as long as the last frame took to hand out, and one frame carries
 * them all. After a frame of one entry they wait for a quarter of that: whoever sends one after the other has no company to wait for. An entry
 * that follows no other closely never waits.
 */

/** From so many live readers on a frame takes long enough to be worth gathering for. */
export const crowd = 100
const maxWindowMs = 20
/** Of the time that the last frame took: how long the next entries wait, and within how long the next one follows closely. */
const afterSeveral = { wait: 1, close: 10 }
const afterOne = { wait: 0.25, close: 0.5 }

/** The window of one stream with a crowd. Times are of `performance.now()`. */
export class BatchWindow {
  #windowMs = 0
  #followsUntil = 0

  /** When the frame that begins with an entry of this time is due; 0: at the end of this turn. */
  dueAt (at: number): number { return at < this.#followsUntil ? at + this.#windowMs : 0 }

  /** A frame of so many entries was handed out between these times. */
  handedOut (entries: number, begun: number, ended: number): void {
    const tookMs = ended - begun
    const { wait, close } = entries > 1 ? afterSeveral : afterOne
    this.#windowMs = Math.min(maxWindowMs, tookMs * wait)
    this.#followsUntil = ended + Math.min(maxWindowMs, tookMs) * close
  }
}
