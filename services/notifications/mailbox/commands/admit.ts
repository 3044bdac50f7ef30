/** What is settled before a message is stored: the sender may send there, and which id it has, an earlier one's where the request was made before. */
import { createMessageId, type Clock } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import type { MessageDraft, Target } from '../../../../shared/contract/message.js'
import type { GroupId, MessageId, UserId } from '../../../../shared/contract/names.js'
import type { Profile } from '../../../../shared/contract/profile.js'
import { homeOf } from '../../../../shared/contract/target.js'
import type { UserViews } from '../state/user-views.js'
import type { ClaimedId, IdempotencyRecords } from './idempotency.js'

/** `u:USER` or `p:PRODUCER`. */
export type Sender = `u:${string}` | `p:${string}`

export interface Outgoing {
  readonly draft: MessageDraft
  /** Fixed before the first try; made here where nobody has. */
  readonly id?: MessageId | undefined
  readonly idempotencyKey?: string | undefined
  /** How a user who sends it is shown; a producer's is in the draft. */
  readonly profile?: Profile | undefined
}

export interface Admission {
  /** Whether something must be read or claimed first. */
  needed: (sender: Sender, outgoing: Outgoing) => boolean
  /** Rejects with GP_SCOPE, GP_NOT_MEMBER, or why the key could not be claimed. `isClaimedAhead`: as IdempotencyRecords.claim has it. */
  admit: (sender: Sender, outgoing: Outgoing, isClaimedAhead: boolean) => Promise<ClaimedId>
  /** Whether another request under its key may have stored what this one, admitted as `id`, did not. Rejects where that one said something else. */
  isTaken: (sender: Sender, outgoing: Outgoing, id: MessageId) => Promise<boolean>
  /** Where nothing is needed. */
  admitted: (outgoing: Outgoing) => ClaimedId
}

export interface AdmissionOptions {
  readonly clock: Pick<Clock, 'tick'>
  readonly claims: IdempotencyRecords
  readonly views: Pick<UserViews, 'fresh'>
}

export function createAdmission ({ clock, claims, views }: AdmissionOptions): Admission {
  const idOf = ({ draft, id }: Outgoing): MessageId => id ?? createMessageId(clock.tick(), homeOf(draft.to))

  async function allow (sender: Sender, to: Target): Promise<void> {
    if ('topic' in to || 'all' in to) throw new GatepostError('GP_SCOPE', 'to: users send to {user}, {users} and their own groups; the rest takes a producer\'s token')
    if (!('group' in to)) return
    const view = await views.fresh(sender.slice(2) as UserId)
    if (view.memberships.get(to.group as GroupId)?.isMember !== true) throw new GatepostError('GP_NOT_MEMBER', 'to.group: the sender is not a member of it')
  }

  return {
    needed: (sender, { draft: { to }, idempotencyKey }) => idempotencyKey !== undefined || (sender.startsWith('u:') && !('user' in to || 'users' in to)),
    admit: async (sender, outgoing, isClaimedAhead) => {
      const { draft, idempotencyKey } = outgoing
      if (sender.startsWith('u:')) await allow(sender, draft.to)
      const id = idOf(outgoing)
      return idempotencyKey === undefined ? { id, duplicate: false } : await claims.claim(sender, idempotencyKey, draft, id, isClaimedAhead)
    },
    isTaken: async (sender, { draft, idempotencyKey }, id) => idempotencyKey !== undefined && await claims.isTaken(sender, idempotencyKey, draft, id),
    admitted: outgoing => ({ id: idOf(outgoing), duplicate: false })
  }
}
