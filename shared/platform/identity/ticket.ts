/** Tickets: Gate signs them (sign.ts), the node that they name takes them. */
import { GatepostError } from '../../contract/errors.js'
import { currentForm, isKnownForm } from '../../contract/form.js'
import { invalidToken, maxTicketLength, namesAudience, readCommonClaims, readNodeName, ticketAudience, type Payload } from '../../contract/claims.js'
import { readProfile, type Profile } from '../../contract/profile.js'
import { createExpiringCache } from './expiring-cache.js'
import { createHeaderReader } from './header.js'
import { checkWithSecrets, secretKeys } from './secret-keys.js'

/** A ticket, verified. Times are ms since 1970. */
export interface Ticket {
  readonly user: string
  readonly node: string
  /** Undefined where the user token does not say. */
  readonly groups: readonly string[] | undefined
  readonly profile: Profile | undefined
  readonly expiresAt: number
  readonly issuedAt: number
  readonly userTokenExpiresAt: number
  readonly userTokenIssuedAt: number | undefined
  /** By how many ms the clock that issued the user token may have been ahead. */
  readonly userTokenAheadMs: number
}

const cacheCharacters = 16 * 1024 * 1024

export interface TicketVerifierOptions {
  readonly secret: string
  readonly acceptSecrets?: readonly string[] | undefined
  readonly nodeId: string
  readonly now?: () => number
  /** Where two clocks are gone by: the later one, for what is not valid yet. `now` is the earlier then. */
  readonly latest?: () => number
}

export interface TicketVerifier {
  readonly verify: (text: string) => Ticket
  /** Does not remember what it has verified. */
  readonly verifyOnce: (text: string) => Ticket
  /** Of a ticket that was verified before. Throws GP_TICKET_EXPIRED. */
  readonly requireUnexpired: (ticket: Ticket) => void
}

/** Those that verify throw GP_TOKEN_INVALID (not one of ours), GP_TICKET_WRONG_NODE, GP_TICKET_EXPIRED, in this order. */
export function createTicketVerifier ({ secret, acceptSecrets = [], nodeId, now = Date.now, latest = now }: TicketVerifierOptions): TicketVerifier {
  const secrets = secretKeys([secret, ...acceptSecrets], { kind: 'secret', secret })
  const readHeader = createHeaderReader()
  const cache = createExpiringCache<Ticket>({ maxCharacters: cacheCharacters })

  function requireUnexpired ({ expiresAt }: Ticket): void {
    if (now() >= expiresAt) throw new GatepostError('GP_TICKET_EXPIRED', `ticket: expired at ${new Date(expiresAt).toISOString()}`)
  }

  function verifyOnce (text: string): Ticket {
    if (text.length > maxTicketLength) throw invalidToken(`ticket: got ${text.length} characters; takes at most ${maxTicketLength}`)
    readHeader(text)
    const ticket = readTicket(checkWithSecrets(secrets, text).payload, latest())
    if (ticket.node !== nodeId) throw new GatepostError('GP_TICKET_WRONG_NODE', 'ticket: made for another node')
    requireUnexpired(ticket)
    return ticket
  }

  return {
    verify: text => {
      const cached = cache.get(text, now())
      if (cached !== undefined) return cached
      const ticket = verifyOnce(text)
      cache.set(text, ticket, ticket.expiresAt)
      return ticket
    },
    verifyOnce,
    requireUnexpired
  }
}

function readTicket (payload: Payload, nowMs: number): Ticket {
  if (!namesAudience(payload, ticketAudience)) throw invalidToken('ticket: got another token; takes the ticket of an assignment')
  // A newer node takes it: the user asks Gate again.
  if (!isKnownForm(payload.form)) throw new GatepostError('GP_TICKET_WRONG_NODE', `ticket: has form ${JSON.stringify(payload.form)}; this node reads forms up to ${currentForm}`)
  const { sub: user, issuedAt, expiresAt } = readCommonClaims(payload, nowMs)
  const { tokenExp, tokenIat, tokenAhead, groups } = payload
  if (issuedAt === undefined || expiresAt === undefined || typeof tokenExp !== 'number') throw invalidToken('ticket: not one of ours')
  return {
    user,
    node: readNodeName(payload.node),
    // Gate has read them out of the user token.
    groups: Array.isArray(groups) ? groups as string[] : undefined,
    profile: readProfile(payload),
    expiresAt,
    issuedAt,
    userTokenExpiresAt: Math.round(tokenExp * 1000),
    userTokenIssuedAt: typeof tokenIat === 'number' ? Math.round(tokenIat * 1000) : undefined,
    userTokenAheadMs: typeof tokenAhead === 'number' ? Math.round(tokenAhead * 1000) : 0
  }
}
