/** Messages that come in by this node: refused while it is overloaded, counted, and a user's own within the user's budget. */
import { GatepostError } from '../../../shared/contract/errors.js'
import type { UserLimits } from '../../../shared/platform/settings/settings.js'
import type { Outgoing, Post, Posted, Sender } from '../mailbox/commands/post.js'
import { createPostByUser, type PostByUser } from '../mailbox/commands/post-by-user.js'
import type { UserBudget } from '../mailbox/user-budget.js'

export interface Posting {
  /** One promise for each message; rejects as Post does, and with GP_OVERLOADED. */
  readonly all: (sender: Sender, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>
  readonly byUser: PostByUser
  /** Messages since the start. */
  readonly count: () => number
}

/** A node whose timers are this late on average refuses new messages. */
const maxLagMs = 2_000

export function createPosting ({ post, budget, limits, eventLoopLagMs }: { post: Post, budget: UserBudget, limits: UserLimits, eventLoopLagMs: () => number }): Posting {
  let count = 0
  const all: Posting['all'] = (sender, outgoing) => {
    if (eventLoopLagMs() > maxLagMs) {
      return outgoing.map(() => Promise.reject(new GatepostError('GP_OVERLOADED', 'this node is overloaded; the message was not stored', { retryAfterSeconds: 2 })))
    }
    count += outgoing.length
    return post.all(sender, outgoing)
  }
  return { all, byUser: createPostByUser({ postAll: all, budget, limits }), count: () => count }
}
