/** What is written into our tokens and read out of anybody's, apart from signatures. Times outside are ms since 1970, inside seconds. */
import { GatepostError, refusal } from '../errors.js'
import { isName } from '../names.js'

export type Scope = 'user' | 'producer' | 'admin'
export const allScopes: readonly Scope[] = ['user', 'producer', 'admin']

/** In the `aud` of every ticket and of nothing else: a ticket is no user token, nor the reverse, though one key may sign both. */
export const ticketAudience = 'gatepost-ticket'

/** More would not fit into a request's headers anyway. */
export const maxTokenLength = 16 * 1024
/** A ticket carries the groups of a token that was this long, and some claims of its own. */
export const maxTicketLength = 24 * 1024
const maxGroups = 1_000
/** How far a signer's clock may be ahead of ours. */
const maxIssuedAheadMs = 60_000
const maxNotBeforeAheadMs = 5_000
/** The last moment that a Date, so ISO 8601 here, can name. */
const lastDateMs = 8.64e15

export type Payload = Readonly<Record<string, unknown>>

export interface CommonClaims {
  readonly sub: string
  readonly groups: readonly string[]
  readonly issuedAt: number | undefined
  readonly expiresAt: number | undefined
}

export const invalidToken = (text: string, cause?: unknown): GatepostError =>
  new GatepostError('GP_TOKEN_INVALID', text, cause === undefined ? {} : { cause })

/** The payload of a JWS, decoded: an object, or GP_TOKEN_INVALID. */
export function toPayload (value: unknown): Payload {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidToken('token: its payload is no JSON object')
  return value as Payload
}

/** Checks everything but the expiry, which tickets and user tokens name differently. Throws GP_TOKEN_INVALID. */
export function readCommonClaims (payload: Payload, nowMs: number): CommonClaims {
  const issuedAt = readTime(payload, 'iat')
  if (issuedAt !== undefined && issuedAt > nowMs + maxIssuedAheadMs) throw invalidToken('iat: lies in the future')
  const notBefore = readTime(payload, 'nbf')
  if (notBefore !== undefined && notBefore > nowMs + maxNotBeforeAheadMs) throw invalidToken('nbf: the token is not valid yet')
  return {
    sub: readName(payload.sub, 'sub'),
    groups: readGroups(payload.groups),
    issuedAt,
    expiresAt: readTime(payload, 'exp')
  }
}

/** Ms since 1970; undefined where the claim is absent. */
function readTime (payload: Payload, claim: string): number | undefined {
  const value = payload[claim]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(Math.abs(value) * 1000 <= lastDateMs)) throw invalidClaim(claim, value, 'seconds since 1970')
  return value * 1000
}

export function readName (value: unknown, claim: string): string {
  if (!isName(value)) throw invalidClaim(claim, value, 'a name: 1 to 128 Unicode characters, none of them a control character')
  return value
}

function readGroups (value: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > maxGroups) throw invalidClaim('groups', Array.isArray(value) ? `${value.length} groups` : value, `an array of at most ${maxGroups} names`)
  return [...new Set(value.map(group => readName(group, 'groups')))]
}

/** Absent = `user`. Words that mean nothing here (an OpenID provider's own scopes) are passed over. */
export function readScopes (value: unknown): readonly Scope[] {
  if (value === undefined) return ['user']
  if (typeof value !== 'string') throw invalidClaim('scope', value, 'words separated by spaces')
  const words = value.split(' ')
  return allScopes.filter(scope => words.includes(scope))
}

export const isTicketPayload = ({ aud }: Payload): boolean => aud === ticketAudience || (Array.isArray(aud) && aud.includes(ticketAudience))

/** The form of a refusal that names a field, under the code that a token needs. */
const invalidClaim = (claim: string, got: unknown, takes: string): GatepostError => invalidToken(refusal(claim, got, takes).message)

/** The token of an `Authorization` header. Throws GP_TOKEN_MISSING, or GP_TOKEN_INVALID for another scheme. */
export function bearerToken (header: string | undefined): string {
  if (header === undefined || header.trim() === '') throw new GatepostError('GP_TOKEN_MISSING', 'authorization: got nothing; takes "Bearer TOKEN"')
  const token = /^bearer +([\w.~+/=-]+) *$/i.exec(header)?.[1]
  // What was sent may be a password: it is not shown.
  if (token === undefined) throw invalidToken('authorization: got something else; takes "Bearer TOKEN"')
  return token
}
