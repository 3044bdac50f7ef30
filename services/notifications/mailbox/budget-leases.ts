/**
 * What this node has been given of users' budgets by the nodes that count them: portions, as leases that end after a minute. Who has used a
 * portion up asks for the next; a counting node that gives no answer is not asked again for a while.
 */
import type { NodeId, UserId } from '../../../shared/contract/names.js'
import type { Dispatch } from '../../dispatch/dispatch.js'

export type Purpose = 'work' | 'reading'

/** `most` is what would last for a while, `least` what is needed now. */
export interface BudgetRequest { readonly user: string, readonly purpose: Purpose, readonly least: number, readonly most: number }
/** `granted` is 0 where `waitSeconds` is above 0. */
export interface BudgetGrant { readonly granted: number, readonly waitSeconds: number }

export const budgetKind = 'take-budget'

/** What another node has given of a user's budget. */
interface Lease {
  left: number
  readonly untilMs: number
  /** The counting node had nothing left: it is not asked before. */
  refusedUntilMs: number
  /** What it said then. */
  waitSeconds: number
  asking: Promise<void> | undefined
}

export interface BudgetLeasesOptions {
  readonly perMinute: number
  readonly dispatch: Pick<Dispatch, 'ask'>
  readonly elapsed: () => number
}

const leaseMs = 60_000
/** So many portions make a minute. */
const portions = 20
const askMs = 500
/** A node that gave no answer is not asked again before. */
const silenceMs = 5_000
const maxRefusedMs = 1_000
const sweepAbove = 10_000

export class BudgetLeases {
  readonly #options: BudgetLeasesOptions
  readonly #portion: number
  readonly #sweepAt = { work: sweepAbove, reading: sweepAbove }
  readonly #leases = { work: new Map<UserId, Lease>(), reading: new Map<UserId, Lease>() }
  readonly #silentUntilMs = new Map<NodeId, number>()

  constructor (options: BudgetLeasesOptions) {
    this.#options = options
    this.#portion = Math.max(1, Math.floor(options.perMinute / portions))
  }

  /** Whether this node gave no answer a moment ago. */
  isSilent (counter: NodeId): boolean { return (this.#silentUntilMs.get(counter) ?? 0) > this.#options.elapsed() }

  /** 0 where it was taken, else the seconds until it can be; undefined after the counting node was asked: try again. */
  take (counter: NodeId, user: UserId, purpose: Purpose, cost: number): number | Promise<undefined> {
    const lease = this.#leaseOf(user, purpose)
    if (lease.left >= cost) { lease.left -= cost; return 0 }
    if (lease.refusedUntilMs > this.#options.elapsed()) return lease.waitSeconds
    // One question at a time: a hundred at once would each take a portion.
    lease.asking ??= this.#refill(counter, lease, user, purpose, cost).finally(() => { lease.asking = undefined })
    return lease.asking.then(() => undefined)
  }

  /** What turned out to cost more. */
  add (user: UserId, purpose: Purpose, cost: number): void { this.#leaseOf(user, purpose).left -= cost }

  #sweep (purpose: Purpose, at: number): void {
    const known = this.#leases[purpose]
    for (const [name, { untilMs }] of known) if (untilMs <= at) known.delete(name)
    this.#sweepAt[purpose] = Math.max(sweepAbove, 2 * known.size)
  }

  #leaseOf (user: UserId, purpose: Purpose): Lease {
    const known = this.#leases[purpose]
    const at = this.#options.elapsed()
    let lease = known.get(user)
    if (lease === undefined || lease.untilMs <= at) {
      if (known.size >= this.#sweepAt[purpose]) this.#sweep(purpose, at)
      known.set(user, lease = { left: 0, untilMs: at + leaseMs, refusedUntilMs: 0, waitSeconds: 0, asking: undefined })
    }
    return lease
  }

  async #refill (counter: NodeId, lease: Lease, user: UserId, purpose: Purpose, cost: number): Promise<void> {
    const { dispatch, elapsed } = this.#options
    const least = cost - lease.left
    try {
      const request: BudgetRequest = { user, purpose, least, most: Math.max(least, this.#portion) }
      const { granted, waitSeconds } = await dispatch.ask(counter, budgetKind, request, askMs) as BudgetGrant
      lease.left += granted
      if (waitSeconds === 0) return
      lease.waitSeconds = waitSeconds
      lease.refusedUntilMs = elapsed() + Math.min(waitSeconds * 1000, maxRefusedMs)
    } catch {
      // Away, or of a version that does not count: this node does.
      this.#silentUntilMs.set(counter, elapsed() + silenceMs)
    }
  }
}
