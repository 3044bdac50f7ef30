/**
 * What this node holds of users' budgets, from the nodes that count them: portions, as leases that end after a minute. Who has used a
 * portion up asks for the next.
 */
import type { CountingNode } from '../../../shared/contract/counting-node.js'
import type { NodeId, UserId } from '../../../shared/contract/names.js'

export type Purpose = 'work' | 'reading'

/** `most` is what would last for a while, `least` what is needed now; `used` is what was done already, and is counted whether there is room or not. */
export interface BudgetRequest { readonly user: string, readonly purpose: Purpose, readonly least: number, readonly most: number, readonly used?: number }
/** `granted` is 0 where `waitSeconds` is above 0. */
export interface BudgetGrant { readonly granted: number, readonly waitSeconds: number }

export const budgetKind = 'take-budget'

/** What another node has leased of a user's budget. */
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
  readonly counting: Pick<CountingNode<UserId>, 'ask'>
  readonly elapsed: () => number
}

const leaseMs = 60_000
/** So many portions make a minute. */
const portions = 20
const maxRefusedMs = 1_000
const sweepAbove = 10_000

export class BudgetLeases {
  readonly #options: BudgetLeasesOptions
  readonly #portion: number
  readonly #sweepAt = { work: sweepAbove, reading: sweepAbove }
  readonly #leases = { work: new Map<UserId, Lease>(), reading: new Map<UserId, Lease>() }

  constructor (options: BudgetLeasesOptions) {
    this.#options = options
    this.#portion = Math.max(1, Math.floor(options.perMinute / portions))
  }

  /** 0 where it was taken, else the seconds until it can be; undefined after the counting node was asked: try again. */
  take (counter: NodeId, user: UserId, purpose: Purpose, cost: number): number | Promise<undefined> {
    const lease = this.#leaseOf(user, purpose)
    if (lease.left >= cost) { lease.left -= cost; return 0 }
    if (lease.refusedUntilMs > this.#options.elapsed()) return lease.waitSeconds
    // One request at a time: a hundred at once would each take a portion.
    lease.asking ??= this.#refill(counter, lease, user, purpose, cost).finally(() => { lease.asking = undefined })
    return lease.asking.then(() => undefined)
  }

  /** What turned out to cost more: counted where the user's budget is, since a lease ends. False where there was no answer. */
  async add (counter: NodeId, user: UserId, purpose: Purpose, used: number): Promise<boolean> {
    return await this.#options.counting.ask(counter, { user, purpose, least: 0, most: 0, used } satisfies BudgetRequest) !== undefined
  }

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
    const { counting, elapsed } = this.#options
    const least = cost - lease.left
    const request: BudgetRequest = { user, purpose, least, most: Math.max(least, this.#portion) }
    const grant = await counting.ask(counter, request) as BudgetGrant | undefined
    if (grant === undefined) return // this node counts
    lease.left += grant.granted
    if (grant.waitSeconds === 0) return
    lease.waitSeconds = grant.waitSeconds
    lease.refusedUntilMs = elapsed() + Math.min(grant.waitSeconds * 1000, maxRefusedMs)
  }
}
