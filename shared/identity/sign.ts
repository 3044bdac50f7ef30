/** Signs what Gatepost itself gives out: tokens of the command line and the demo, and Gate's tickets. HS256 always. */
import { ticketAudience, type Scope } from './claims.js'
import { createHs256Signer } from './hs256.js'

export const ticketTtlMs = 15 * 60_000

export interface TokenClaims {
  readonly secret: string
  readonly sub: string
  readonly scopes: readonly Scope[]
  readonly groups: readonly string[]
  readonly ttlMs: number
  readonly now?: () => number
}

export function signToken ({ secret, sub, scopes, groups, ttlMs, now = Date.now }: TokenClaims): string {
  const issuedAt = now()
  return createHs256Signer(secret)({
    sub,
    scope: scopes.join(' '),
    groups: groups.length > 0 ? groups : undefined,
    iat: Math.floor(issuedAt / 1000),
    exp: Math.ceil((issuedAt + ttlMs) / 1000)
  })
}

export interface TicketClaims {
  readonly user: string
  /** The one node that takes it. */
  readonly node: string
  readonly groups: readonly string[]
  /** Ms since 1970, of the user token that it was given for: no ticket outlives that. */
  readonly userTokenExpiresAt: number
  readonly userTokenIssuedAt?: number | undefined
}

export interface SignedTicket {
  readonly ticket: string
  /** Ms since 1970. */
  readonly expiresAt: number
}

export function createTicketSigner ({ secret, now = Date.now }: { secret: string, now?: () => number }): (claims: TicketClaims) => SignedTicket {
  const sign = createHs256Signer(secret)
  return ({ user, node, groups, userTokenExpiresAt, userTokenIssuedAt }) => {
    const issuedAt = now()
    const exp = Math.floor(Math.min(issuedAt + ticketTtlMs, userTokenExpiresAt) / 1000)
    const ticket = sign({
      aud: ticketAudience,
      sub: user,
      node,
      groups: groups.length > 0 ? groups : undefined,
      iat: Math.floor(issuedAt / 1000),
      exp,
      tokenExp: userTokenExpiresAt / 1000,
      tokenIat: userTokenIssuedAt === undefined ? undefined : userTokenIssuedAt / 1000
    })
    return { ticket, expiresAt: exp * 1000 }
  }
}

/** One ticket; who signs many keeps a signer. */
export const signTicket = ({ secret, now, ...claims }: TicketClaims & { secret: string, now?: () => number }): SignedTicket =>
  createTicketSigner({ secret, ...now !== undefined && { now } })(claims)
