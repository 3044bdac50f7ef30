/**
 * What a user may cause in a minute (docs/protocol.md "Prices"), counted at one place for all nodes: the node that the
 * ring gives for the user's own stream, where nearly all of the user's sockets are. Another node takes portions from it
 * over dispatch, as leases that end after a minute, and counts by itself while that node gives no answer.
 *
 * Reading has half as much again of its own, taken first: whoever has sent too much can still look at the mail, and a
 * socket that was cut off comes back.
 */
import { createCountingNode, type CountingNodeOptions } from '../../../shared/contract/counting-node.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { UserId } from '../../../shared/contract/names.js'
import { createRateLimit } from '../../../shared/platform/rate-limit.js'
import { BudgetLeases, budgetKind, type BudgetGrant, type BudgetRequest, type Purpose } from './budget-leases.js'

export { budgetKind, type BudgetGrant, type BudgetRequest, type Purpose } from './budget-leases.js'

export interface UserBudget {
  /** For each cost, in order: 0 where it was taken, else the seconds until it can be. */
  takeEach: (user: UserId, purpose: Purpose, costs: readonly number[]) => number[] | Promise<number[]>
  /** Throws, or rejects with, GP_RATE_LIMIT where it cannot be taken; undefined where it was, at once. */
  charge: (user: UserId, purpose: Purpose, cost?: number) => Promise<void> | undefined
  /** What turned out to cost more than was taken for it: refused is only what comes after. */
  add: (user: UserId, purpose: Purpose, cost: number) => void
  readonly refusal: (cost: number, retryAfterSeconds: number) => GatepostError
  /** Answers another node. */
  serve: (request: BudgetRequest) => BudgetGrant
}

export interface UserBudgetOptions extends CountingNodeOptions<UserId> {
  /** Undefined: everything is taken. */
  readonly perMinute: number | undefined
}

export function createUserBudget ({ nodeId, perMinute = Infinity, dispatch, ownerOf, elapsed }: UserBudgetOptions): UserBudget {
  const limits = {
    work: createRateLimit({ perMinute, elapsed }),
    reading: createRateLimit({ perMinute: Math.ceil(perMinute / 2), elapsed })
  }
  const counting = createCountingNode(budgetKind, { nodeId, dispatch, ownerOf, elapsed })
  const counterOf = counting.of
  const leases = new BudgetLeases({ perMinute, counting, elapsed })

  function takeHere (user: string, purpose: Purpose, cost: number): number {
    const waitSeconds = limits[purpose].take(user, cost)
    if (waitSeconds === 0 || purpose === 'work') return waitSeconds
    return Math.min(waitSeconds, limits.work.take(user, cost))
  }

  async function takeLeased (user: UserId, purpose: Purpose, cost: number): Promise<number> {
    for (;;) {
      const counter = counterOf(user)
      if (counter === undefined) return takeHere(user, purpose, cost)
      const taken = await leases.take(counter, user, purpose, cost)
      if (taken !== undefined) return taken
    }
  }

  const costOf = (cost: number): number => Math.min(cost, perMinute)

  const take = (user: UserId, purpose: Purpose, cost: number): number | Promise<number> =>
    counterOf(user) === undefined ? takeHere(user, purpose, costOf(cost)) : takeLeased(user, purpose, costOf(cost))

  const refusal = (cost: number, retryAfterSeconds: number): GatepostError =>
    new GatepostError('GP_RATE_LIMIT', `rate: got ${cost} more of this user; takes ${perMinute} a minute (GATEPOST_RATE_USER)`, { retryAfterSeconds })

  return {
    takeEach: (user, purpose, costs) => {
      if (perMinute === Infinity) return costs.map(() => 0)
      if (counterOf(user) === undefined) return costs.map(cost => takeHere(user, purpose, costOf(cost)))
      return (async () => {
        const waits: number[] = []
        for (const cost of costs) waits.push(await takeLeased(user, purpose, costOf(cost)))
        return waits
      })()
    },
    charge: (user, purpose, cost = 1) => {
      if (perMinute === Infinity) return undefined
      const check = (waitSeconds: number): void => { if (waitSeconds > 0) throw refusal(cost, waitSeconds) }
      const waits = take(user, purpose, cost)
      return typeof waits === 'number' ? check(waits) as undefined : waits.then(check)
    },
    add: (user, purpose, cost) => {
      if (perMinute === Infinity || cost === 0) return
      const counter = counterOf(user)
      if (counter === undefined) limits[purpose].add(user, cost)
      else void leases.add(counter, user, purpose, cost).then(isCounted => { if (!isCounted) limits[purpose].add(user, cost) })
    },
    refusal,
    serve: ({ user, purpose, least, most, used = 0 }) => {
      if (used > 0) limits[purpose].add(user, used)
      if (takeHere(user, purpose, costOf(most)) === 0) return { granted: costOf(most), waitSeconds: 0 }
      const waitSeconds = takeHere(user, purpose, costOf(least))
      return { granted: waitSeconds === 0 ? costOf(least) : 0, waitSeconds }
    }
  }
}

/** Marks and topics come by the array. */
export const priceOfMany = (count: number): number => Math.max(1, Math.ceil(count / 10))
/** Cursors and `upTo` name streams: as many as a user has cost 1, and ten thousand that nobody has cost what it takes to look at them. */
export const priceOfStreams = (named: object | undefined): number => Math.max(1, Math.ceil(Object.keys(named ?? {}).length / 500))
/** A page that is filtered looks at more than it lists. */
export const entriesPerPrice = 500
