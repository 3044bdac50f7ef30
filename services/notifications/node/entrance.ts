/** What stands before a node's doors: who may come in, how much one user may do, and the groups that a token brings. */
import type { UserId } from '../../../shared/contract/names.js'
import type { Ticket } from '../../../shared/platform/identity/ticket.js'
import type { Groups } from '../mailbox/commands/groups.js'
import type { UserBudget } from '../mailbox/user-budget.js'
import type { Admission } from './admission.js'
import type { NodeRevocations } from './revocations.js'
import type { SocketPlaces } from './socket-places.js'
import type { UseLink } from './used-links.js'

export interface Entrance {
  readonly verifyTicket: Admission['verifyTicket']
  readonly verifyTicketOnce: Admission['verifyTicketOnce']
  readonly admitAgain: Admission['admitAgain']
  readonly verifyToken: Admission['verifyToken']
  readonly revocations: NodeRevocations
  readonly budget: UserBudget
  readonly places: SocketPlaces
  readonly useLink: UseLink
  /** Makes the user a member of the groups that the ticket's token names; once for each ticket. Undefined where nothing is to be done. */
  readonly joinByTicket: (ticket: Ticket) => Promise<void> | undefined
}

export function createJoinByTicket (groups: Pick<Groups, 'takeToken'>): Entrance['joinByTicket'] {
  const joined = new WeakSet<Ticket>()
  return ticket => {
    if (ticket.groups === undefined || joined.has(ticket)) return undefined
    const { user, groups: named, userTokenIssuedAt: issuedAt, userTokenAheadMs: aheadMs } = ticket
    return groups.takeToken(user as UserId, { groups: named, issuedAt, aheadMs }).then(() => { joined.add(ticket) })
  }
}
