/**
 * Who asks. Two keys may be at work: the site's, as GATEPOST_AUTH_* says, for users, and GATEPOST_SECRET for producers
 * and admins (and for users too where the site has no key of its own). A scope that a token's key cannot give is not
 * given; a token that is left without any was signed with the wrong key: GP_TOKEN_INVALID.
 */
import { GatepostError } from '../errors.js'
import type { Log } from '../log.js'
import type { AuthSettings } from '../settings/settings.js'
import { allScopes, invalidToken, isTicketPayload, maxTicketLength, maxTokenLength, readCommonClaims, readName, readScopes, type Payload, type Scope } from './claims.js'
import { createExpiringCache } from './expiring-cache.js'
import { createRemoteKeys } from './remote-keys.js'
import { checkWithPublicKey, checkWithSecret, type SignatureCheck } from './signing-key.js'

/** Times are ms since 1970. */
export interface Identity {
  readonly sub: string
  readonly scopes: ReadonlySet<Scope>
  readonly groups: readonly string[]
  readonly issuedAt: number | undefined
  /** Set for every user. */
  readonly expiresAt: number | undefined
}

export interface TokenVerifier {
  /**
   * At once where the key is at hand; a promise only where the site's keys must be asked. Throws (or rejects with)
   * GP_TOKEN_INVALID, GP_TOKEN_EXPIRED, GP_OVERLOADED (the site's keys cannot be fetched).
   */
  verify: (token: string) => Identity | Promise<Identity>
  close: () => void
}

export interface TokenVerifierOptions {
  readonly secret: string
  readonly auth: AuthSettings
  readonly now?: () => number
  readonly log?: Pick<Log, 'warn'> | undefined
}

const cacheCharacters = 16 * 1024 * 1024
/** So long a key that the site has withdrawn still opens with a token seen before. */
const remoteCacheMs = 5 * 60_000

export function createTokenVerifier ({ secret, auth, now = Date.now, log }: TokenVerifierOptions): TokenVerifier {
  const cache = createExpiringCache<Identity>({ maxCharacters: cacheCharacters })
  const checkOwn = checkWithSecret(secret)
  const isShared = auth.kind === 'secret' && auth.secret === secret
  const checkSites: SignatureCheck | undefined = isShared || auth.kind === 'jwks' ? undefined : auth.kind === 'secret' ? checkWithSecret(auth.secret) : checkWithPublicKey(auth.publicKey)
  const remote = auth.kind === 'jwks' ? createRemoteKeys({ url: auth.url, log, now }) : undefined

  const accept = (token: string, payload: Payload, givable: readonly Scope[], maxCacheMs: number): Identity => {
    const identity = readIdentity(payload, givable, now())
    // A user comes once for each login: with a secret, to check the token again costs less than to keep it.
    const isWorthKeeping = auth.kind !== 'secret' || identity.scopes.has('producer') || identity.scopes.has('admin')
    if (isWorthKeeping) cache.set(token, identity, Math.min(identity.expiresAt ?? Infinity, now() + maxCacheMs))
    return identity
  }

  return {
    verify (token) {
      if (token.length > maxTokenLength) throw invalidToken(`token: got ${token.length} characters; takes at most ${maxTokenLength}`)
      const cached = cache.get(token, now())
      if (cached !== undefined) return cached
      if (isShared) return accept(token, checkOwn(token), allScopes, Infinity)

      const ownPayload = unlessInvalid(checkOwn, token)
      if (ownPayload !== undefined) return accept(token, ownPayload, ['producer', 'admin'], Infinity)
      if (checkSites !== undefined) return accept(token, checkSites(token), ['user'], Infinity)
      if (remote === undefined) throw invalidToken('token: not signed with the configured key')
      return remote.check(token).then(payload => accept(token, payload, ['user'], remoteCacheMs))
    },
    close () {
      remote?.close()
      cache.clear()
    }
  }
}

function unlessInvalid (check: SignatureCheck, token: string): Payload | undefined {
  try { return check(token) } catch (error) {
    if (error instanceof GatepostError && error.code === 'GP_TOKEN_INVALID') return undefined
    throw error
  }
}

function readIdentity (payload: Payload, givable: readonly Scope[], nowMs: number): Identity {
  if (isTicketPayload(payload)) throw invalidToken('token: got a ticket; takes the token that the site issued')
  const { sub, groups, issuedAt, expiresAt } = readCommonClaims(payload, nowMs)
  const claimed = readScopes(payload.scope)
  const scopes = new Set(claimed.filter(scope => givable.includes(scope)))
  if (claimed.length > 0 && scopes.size === 0) throw invalidToken(`scope: the key of this token does not sign for ${claimed.join(', ')}`)
  if (expiresAt === undefined && scopes.has('user')) throw invalidToken('exp: got nothing; takes seconds since 1970')
  if (expiresAt !== undefined && nowMs >= expiresAt) throw new GatepostError('GP_TOKEN_EXPIRED', `exp: the token expired at ${new Date(expiresAt).toISOString()}`)
  return { sub, scopes, groups, issuedAt, expiresAt }
}

/** A ticket, verified. Times are ms since 1970. */
export interface Ticket {
  readonly user: string
  readonly node: string
  readonly groups: readonly string[]
  readonly expiresAt: number
  readonly issuedAt: number
  readonly userTokenExpiresAt: number
  readonly userTokenIssuedAt: number | undefined
}

/** Throws GP_TOKEN_INVALID (not one of ours), GP_TICKET_WRONG_NODE, GP_TICKET_EXPIRED, in this order. */
export function createTicketVerifier ({ secret, nodeId, now = Date.now }: { secret: string, nodeId: string, now?: () => number }): (ticket: string) => Ticket {
  const check = checkWithSecret(secret)
  const cache = createExpiringCache<Ticket>({ maxCharacters: cacheCharacters })
  return text => {
    if (text.length > maxTicketLength) throw invalidToken(`ticket: got ${text.length} characters; takes at most ${maxTicketLength}`)
    const cached = cache.get(text, now())
    if (cached !== undefined) return cached
    const ticket = readTicket(check(text), now())
    if (ticket.node !== nodeId) throw new GatepostError('GP_TICKET_WRONG_NODE', 'ticket: made for another node')
    if (now() >= ticket.expiresAt) throw new GatepostError('GP_TICKET_EXPIRED', `ticket: expired at ${new Date(ticket.expiresAt).toISOString()}`)
    cache.set(text, ticket, ticket.expiresAt)
    return ticket
  }
}

function readTicket (payload: Payload, nowMs: number): Ticket {
  if (!isTicketPayload(payload)) throw invalidToken('ticket: got another token; takes the ticket of an assignment')
  const { sub: user, groups, issuedAt, expiresAt } = readCommonClaims(payload, nowMs)
  const { tokenExp, tokenIat } = payload
  if (issuedAt === undefined || expiresAt === undefined || typeof tokenExp !== 'number') throw invalidToken('ticket: not one of ours')
  return {
    user,
    node: readName(payload.node, 'node'),
    groups,
    expiresAt,
    issuedAt,
    userTokenExpiresAt: Math.round(tokenExp * 1000),
    userTokenIssuedAt: typeof tokenIat === 'number' ? Math.round(tokenIat * 1000) : undefined
  }
}
