/** Signs what Gatepost itself gives out: tokens of the command line and the demo, and Gate's tickets. HS256 always. */
import { currentForm } from '../../contract/form.js'
import type { Profile } from '../../contract/profile.js'
import { noRules, type TokenRules } from '../settings/settings.js'
import { serviceAudience, ticketAudience, type Scope } from '../../contract/claims.js'
import { createHs256Signer } from './hs256.js'

export const ticketTtlMs = 15 * 60_000

export interface TokenClaims {
  readonly secret: string
  readonly sub: string
  readonly scopes: readonly Scope[]
  readonly groups: readonly string[]
  readonly ttlMs: number
  /** What a user's token must carry to be taken. */
  readonly rules?: TokenRules | undefined
  readonly now?: () => number
}

export function signToken ({ secret, sub, scopes, groups, ttlMs, rules = noRules, now = Date.now }: TokenClaims): string {
  const issuedAt = now()
  const isUsers = scopes.includes('user')
  const audiences = [...isUsers ? rules.audiences.slice(0, 1) : [], ...scopes.some(scope => scope !== 'user') ? [serviceAudience] : []]
  const iat = Math.floor(issuedAt / 1000)
  // Rounded away from each other, the two times could be a second more apart than the site allows.
  const latest = isUsers && rules.maxLifeMs !== undefined ? iat + Math.floor(rules.maxLifeMs / 1000) : Infinity
  return createHs256Signer(secret, isUsers ? rules.types[0] : undefined)({
    iss: isUsers ? rules.issuers[0] : undefined,
    aud: audiences.length > 1 ? audiences : audiences[0],
    sub,
    scope: scopes.join(' '),
    ...groups.length > 0 && rules.groupsClaim !== undefined && { [rules.groupsClaim]: groups },
    iat,
    exp: Math.min(Math.ceil((issuedAt + ttlMs) / 1000), latest)
  })
}

export interface TicketClaims {
  readonly user: string
  /** The one node that takes it. */
  readonly node: string
  /** Undefined: the user token does not say. */
  readonly groups: readonly string[] | undefined
  readonly profile?: Profile | undefined
  /** Ms since 1970, of the user token that it was given for: no ticket outlives that. */
  readonly userTokenExpiresAt: number
  readonly userTokenIssuedAt?: number | undefined
  /** By how many ms the clock that issued it may have been ahead. */
  readonly userTokenAheadMs?: number
}

export interface SignedTicket {
  readonly ticket: string
  /** Ms since 1970. */
  readonly expiresAt: number
}

export function createTicketSigner ({ secret, now = Date.now }: { secret: string, now?: () => number }): (claims: TicketClaims) => SignedTicket {
  const sign = createHs256Signer(secret)
  return ({ user, node, groups, profile, userTokenExpiresAt, userTokenIssuedAt, userTokenAheadMs = 0 }) => {
    const issuedAt = now()
    const exp = Math.floor(Math.min(issuedAt + ticketTtlMs, userTokenExpiresAt) / 1000)
    const ticket = sign({
      aud: ticketAudience,
      form: currentForm,
      sub: user,
      node,
      groups,
      name: profile?.name ?? undefined,
      picture: profile?.picture ?? undefined,
      iat: Math.floor(issuedAt / 1000),
      exp,
      nbf: undefined, // left out; fast-jwt sets it in a copy, and to add a field there takes a sixth of the time for a ticket
      tokenExp: userTokenExpiresAt / 1000,
      tokenIat: userTokenIssuedAt === undefined ? undefined : userTokenIssuedAt / 1000,
      tokenAhead: userTokenAheadMs === 0 ? undefined : userTokenAheadMs / 1000
    })
    return { ticket, expiresAt: exp * 1000 }
  }
}

/** One ticket; who signs many keeps a signer. */
export const signTicket = ({ secret, now, ...claims }: TicketClaims & { secret: string, now?: () => number }): SignedTicket =>
  createTicketSigner({ secret, ...now !== undefined && { now } })(claims)
