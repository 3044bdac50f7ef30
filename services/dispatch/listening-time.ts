/**
 * How long this process has listened to the others: the clock by which it trusts what it knows of them. It advances in
 * steps, only while the link is proven to work, and by at most half a heartbeat a step: after a pause of this process
 * (a blocked loop, a stopped machine) what the others sent lies unread.
 */
import { performance } from 'node:perf_hooks'
import type { LinkMonitor } from './link-monitor.js'

export interface Step { readonly nowMs: number, readonly elapsedMs: number, readonly isLinkProven: boolean }

export class ListeningTime {
  readonly #linkMonitor: LinkMonitor
  readonly #longestStepMs: number
  readonly #now: () => number
  #steppedAtMs: number
  #totalMs = 0
  #provenMs = 0
  #isLinkProven = true

  constructor ({ linkMonitor, heartbeatMs, now = () => performance.now() }: { linkMonitor: LinkMonitor, heartbeatMs: number, now?: () => number }) {
    this.#linkMonitor = linkMonitor
    this.#longestStepMs = heartbeatMs / 2
    this.#now = now
    this.#steppedAtMs = now()
  }

  /** Since this was made, all together. */
  get totalMs (): number { return this.#totalMs }
  /** Since the link was last broken or in doubt. */
  get provenMs (): number { return this.#provenMs }
  get isLinkProven (): boolean { return this.#isLinkProven }

  step (): Step {
    const nowMs = this.#now()
    const elapsedMs = Math.min(nowMs - this.#steppedAtMs, this.#longestStepMs)
    this.#steppedAtMs = nowMs
    this.#isLinkProven = this.#linkMonitor.step(elapsedMs)
    this.#provenMs = this.#isLinkProven ? this.#provenMs + elapsedMs : 0
    if (this.#isLinkProven) this.#totalMs += elapsedMs
    return { nowMs, elapsedMs, isLinkProven: this.#isLinkProven }
  }

  /** Everybody who is there has answered, and nothing that they send can be lost: no time would tell more. */
  heardEverybody (): void { this.#totalMs = this.#provenMs = Infinity }

  /** The link was broken, or is back. */
  linkChanged (): void { this.#provenMs = 0 }
}
