/** Who may come in to this node: with a ticket that Gate signed for it, and a token that nobody has revoked. */
import { isAudited, type Audit } from '../../../shared/platform/audit.js'
import type { Clock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Scope } from '../../../shared/contract/claims.js'
import { createTicketVerifier, type Ticket } from '../../../shared/platform/identity/ticket.js'
import { createTokenVerifier, type Identity } from '../../../shared/platform/identity/verify.js'
import type { Log } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import type { AuthSettings } from '../../../shared/platform/settings/settings.js'
import type { NodeRevocations } from './revocations.js'

export interface Admission {
  /** Throws GP_TOKEN_INVALID, GP_TICKET_WRONG_NODE, GP_TICKET_EXPIRED, GP_TOKEN_REVOKED, GP_STORE_UNAVAILABLE (who is revoked has not been read yet). */
  readonly verifyTicket: (text: string) => Ticket
  /** The same for who does not ask again: a socket lives without its ticket, so what was verified is not remembered. */
  readonly verifyTicketOnce: (text: string) => Ticket
  /** Whether it would still be admitted, of a ticket that was: throws as verifyTicket does. */
  readonly admitAgain: (ticket: Ticket) => void
  /** Rejects as TokenVerifier does, and with GP_TOKEN_REVOKED. */
  readonly verifyToken: (token: string) => Promise<Identity>
  readonly close: () => void
}

export interface AdmissionOptions {
  readonly nodeId: NodeId
  readonly secret: string
  readonly acceptSecrets?: readonly string[] | undefined
  readonly auth: AuthSettings
  readonly clock: Clock
  /** By what tickets and users' tokens end, in ms since 1970. */
  readonly tokenNow: () => number
  /** The store has this process's clock. */
  readonly isEmbedded: boolean
  readonly revocations: Pick<NodeRevocations, 'check' | 'requireKnown'>
  readonly audit: Audit
  readonly log: Log
}

const ofUsers: readonly Scope[] = ['user']

export function createAdmission ({ nodeId, secret, acceptSecrets, auth, clock, tokenNow, isEmbedded, revocations, audit, log }: AdmissionOptions): Admission {
  const tickets = createTicketVerifier({ secret, acceptSecrets, nodeId, now: tokenNow, latest: isEmbedded ? clock.now : clock.latest })
  const tokens = createTokenVerifier({ secret, acceptSecrets, auth, now: isEmbedded ? clock.now : clock.byStore, elapsed: clock.elapsed, log })

  function admit (read: () => Ticket): Ticket {
    let ticket: Ticket | undefined
    try {
      ticket = read()
      revocations.requireKnown()
      revocations.check(ofUsers, ticket.user, ticket.userTokenIssuedAt)
      return ticket
    } catch (error) {
      if (error instanceof GatepostError && isAudited(error.code)) audit.refused({ actor: ticket?.user, scope: 'user', action: 'ticket.use', target: nodeId, result: error.code })
      throw error
    }
  }

  return {
    verifyTicket: text => admit(() => tickets.verify(text)),
    verifyTicketOnce: text => admit(() => tickets.verifyOnce(text)),
    admitAgain: ticket => {
      admit(() => {
        tickets.requireUnexpired(ticket)
        return ticket
      })
    },
    verifyToken: async token => {
      const identity = await tokens.verify(token)
      revocations.check(identity.scopes, identity.sub, identity.issuedAt)
      return identity
    },
    close: tokens.close
  }
}
