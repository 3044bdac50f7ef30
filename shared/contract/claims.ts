/** What is written into our tokens and read out of anybody's, apart from signatures. Times outside are ms since 1970, inside seconds. */
import { GatepostError, refusal } from './errors.js'
import { isName, isUserName, nameTakes, userNameTakes } from './names.js'

export type Scope = 'user' | 'producer' | 'admin'
export const allScopes: readonly Scope[] = ['user', 'producer', 'admin']

/** In the `aud` of every ticket and of nothing else: a ticket is no user token, nor the reverse, though one key may sign both. */
export const ticketAudience = 'gatepost-ticket'
/** In the `aud` of the producers' and admins' tokens that we sign. A backend that signs its own may leave it out. */
export const serviceAudience = 'gatepost-service'

/** More would not fit into a request's headers anyway. */
export const maxTokenLength = 16 * 1024
/** A ticket carries the groups of a token that was this long, and some claims of its own. */
export const maxTicketLength = 24 * 1024
/** How far a signer's clock may be ahead of ours. */
export const maxAheadMs = 60_000
/** A time beyond it was given in milliseconds, or is a session without an end. */
const lastMs = Date.UTC(2100, 0, 1)

export type Payload = Readonly<Record<string, unknown>>

export interface CommonClaims {
  readonly sub: string
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
  if (issuedAt !== undefined && issuedAt > nowMs + maxAheadMs) throw invalidToken('iat: lies in the future')
  const notBefore = readTime(payload, 'nbf')
  if (notBefore !== undefined && notBefore > nowMs + maxAheadMs) throw invalidToken('nbf: the token is not valid yet')
  if (!isUserName(payload.sub)) throw invalidClaim('sub', payload.sub, userNameTakes)
  return { sub: payload.sub, issuedAt, expiresAt: readTime(payload, 'exp') }
}

/** Ms since 1970; undefined where the claim is absent. */
function readTime (payload: Payload, claim: string): number | undefined {
  const value = payload[claim]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(Math.abs(value) * 1000 <= lastMs)) throw invalidClaim(claim, value, 'seconds (not milliseconds) since 1970, before the year 2100')
  return value * 1000
}

export function readNodeName (value: unknown): string {
  if (!isName(value)) throw invalidClaim('node', value, nameTakes)
  return value
}

/**
 * The scopes of a token that GATEPOST_SECRET signed: `user` where it names none of ours. Words that mean nothing here
 * (an OpenID provider's own) are passed over.
 */
export function readScopes (value: unknown): readonly Scope[] {
  const words = typeof value === 'string' ? value.split(' ') : value ?? []
  if (!Array.isArray(words)) throw invalidClaim('scope', value, 'words separated by spaces, or a list of them')
  const scopes = allScopes.filter(scope => words.includes(scope))
  return scopes.length > 0 ? scopes : ['user']
}

/** `aud` is one text or a list of them (RFC 7519, 4.1.3). */
export const namesAudience = ({ aud }: Payload, audience: string): boolean => aud === audience || (Array.isArray(aud) && aud.includes(audience))

/** The form of a refusal that names a field, under the code that a token needs. */
export const invalidClaim = (claim: string, got: unknown, takes: string): GatepostError => invalidToken(refusal(claim, got, takes).message)

/** The token of an `Authorization` header. Throws GP_TOKEN_MISSING, or GP_TOKEN_INVALID for another scheme. */
export function bearerToken (header: string | undefined): string {
  if (header === undefined || header.trim() === '') throw new GatepostError('GP_TOKEN_MISSING', 'authorization: got nothing; takes "Bearer TOKEN"')
  const token = /^bearer +([\w.~+/=-]+) *$/i.exec(header)?.[1]
  // What was sent may be a password: it is not shown.
  if (token === undefined) throw invalidToken('authorization: got something else; takes "Bearer TOKEN"')
  return token
}
