/** What a user may send beside what anybody may: to so many receivers, for so long, so much a minute. */
import type { MessageDraft } from '../../../../shared/contract/message.js'
import { refusal, type GatepostError, refusalInWords } from '../../../../shared/contract/errors.js'
import type { UserId } from '../../../../shared/contract/names.js'
import type { UserLimits } from '../../../../shared/platform/settings/settings.js'
import type { UserBudget } from '../user-budget.js'
import type { Outgoing, Posted, Sender } from './post.js'

export interface PostByUserOptions {
  readonly postAll: (sender: Sender, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>
  readonly budget: UserBudget
  readonly limits: UserLimits
}

/** Messages of a user, in order, each counted against the user's budget: GP_VALIDATION, GP_RATE_LIMIT, and what posting refuses. */
export type PostByUser = (user: UserId, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>

export function createPostByUser ({ postAll, budget, limits }: PostByUserOptions): PostByUser {
  return (user, outgoing) => {
    const refusals = outgoing.map(({ draft }) => refusalOf(draft, limits))
    const costs = outgoing.map(({ draft: { to } }, i) => refusals[i] === undefined ? receiverCount(to) : 0)
    const postTaken = (waits: readonly number[]): Array<Promise<Posted>> => {
      for (const [i, seconds] of waits.entries()) if (seconds > 0) refusals[i] ??= budget.refusal(costs[i]!, seconds)
      if (refusals.every(refused => refused === undefined)) return postAll(`u:${user}`, outgoing)
      const posted = postAll(`u:${user}`, outgoing.filter((_, i) => refusals[i] === undefined))
      let next = 0
      return refusals.map(refused => refused === undefined ? posted[next++]! : Promise.reject(refused))
    }
    const waits = budget.takeEach(user, 'work', costs)
    if (Array.isArray(waits)) return postTaken(waits)
    const posted = waits.then(postTaken)
    return outgoing.map(async (_, i) => await (await posted)[i]!)
  }
}

/** Why a user's message is one for a producer only; undefined where it is not. */
function refusalOf ({ to, ttlSeconds, sender }: MessageDraft, { maxReceivers, maxTtlMs }: UserLimits): GatepostError | undefined {
  if (sender !== undefined) return refusal('sender', sender, 'nothing from a user, whose name and picture are in the token')
  const receivers = receiverCount(to)
  if (receivers > maxReceivers) return refusalInWords('to.users', `${receivers} receivers`, `at most ${maxReceivers} (GATEPOST_MAX_RECEIVERS)`)
  const maxTtlSeconds = Math.floor(maxTtlMs / 1000)
  if (ttlSeconds !== undefined && ttlSeconds > maxTtlSeconds) return refusal('ttl', ttlSeconds, `whole seconds, 1 to ${maxTtlSeconds} (GATEPOST_MAX_TTL)`)
  return undefined
}

/** Each once; a group is one. */
const receiverCount = (to: MessageDraft['to']): number => 'users' in to ? new Set(to.users).size : 1
