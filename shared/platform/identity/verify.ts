/**
 * Who asks. GATEPOST_SECRET signs producers and admins, and users where the site has no key of its own; the site's key, as
 * GATEPOST_AUTH_* says, makes users, whatever scopes its tokens name. A token's algorithm tells which kind of key to ask.
 */
import { GatepostError } from '../../contract/errors.js'
import type { Log } from '../log.js'
import { noRules, plainType, type AuthSettings, type TokenRules } from '../settings/settings.js'
import { publicKeyAlgorithms } from './algorithms.js'
import { invalidClaim, invalidToken, maxAheadMs, maxTokenLength, namesAudience, readCommonClaims, readScopes, serviceAudience, ticketAudience, type Payload, type Scope } from '../../contract/claims.js'
import { readProfile, type Profile } from '../../contract/profile.js'
import { createExpiringCache } from './expiring-cache.js'
import { createGroupsReader, type GroupsReader } from './groups-claim.js'
import { createHeaderReader, type JoseHeader } from './header.js'
import { checkWithPublicKey } from './public-key-check.js'
import { createRemoteKeys } from './remote-keys.js'
import { checkWithSecrets, givable, secretKeys, type KeySource } from './secret-keys.js'

/** Times are ms since 1970. */
export interface Identity {
  readonly sub: string
  readonly scopes: ReadonlySet<Scope>
  /** Undefined where the token does not say. */
  readonly groups: readonly string[] | undefined
  /** Of a user. */
  readonly profile: Profile | undefined
  readonly issuedAt: number | undefined
  /** By how many ms the clock that issued it may have been ahead of ours; 0 where none of this key's tokens was. */
  readonly aheadMs: number
  readonly expiresAt: number
}

export interface TokenVerifier {
  /**
   * At once where the key is at hand; a promise where a public key or a set of them is asked. Throws (or rejects with)
   * GP_TOKEN_INVALID, GP_TOKEN_EXPIRED, GP_OVERLOADED (the site's keys cannot tell now).
   */
  verify: (token: string) => Identity | Promise<Identity>
  close: () => void
}

export interface TokenVerifierOptions {
  readonly secret: string
  /** Verify, never sign. */
  readonly acceptSecrets?: readonly string[] | undefined
  readonly auth: AuthSettings
  readonly now?: () => number
  /** Ms of a clock that never jumps: when keys are fetched again. */
  readonly elapsed?: () => number
  readonly log?: Pick<Log, 'warn' | 'info'> | undefined
}

const cacheCharacters = 16 * 1024 * 1024
/** So long a token stays known whose key is one of a set. */
const remoteCacheMs = 5 * 60_000
/** A signer whose clock was ahead once may be so for this long. */
const rememberAheadMs = 24 * 3_600_000
/** A token's `iat` may be rounded up to the next second. */
const roundingMs = 1_000

export function createTokenVerifier ({ secret, acceptSecrets = [], auth, now = Date.now, elapsed = now, log }: TokenVerifierOptions): TokenVerifier {
  const cache = createExpiringCache<Identity>({ maxCharacters: cacheCharacters })
  const readHeader = createHeaderReader()
  const secrets = secretKeys([secret, ...acceptSecrets], auth)
  const publicKey = auth.kind === 'public-key' ? checkWithPublicKey(auth.publicKey) : undefined
  const remote = auth.kind === 'jwks' ? createRemoteKeys({ url: auth.url, log, elapsed, onChange: () => { cache.clear() } }) : undefined
  const siteAlgorithms = publicKey?.algorithms ?? (remote === undefined ? [] : publicKeyAlgorithms)
  const takenAlgorithms = auth.kind === 'secret'
    ? 'HS256 where neither GATEPOST_AUTH_JWKS_URL nor GATEPOST_AUTH_PUBLIC_KEY is set'
    : `${siteAlgorithms.join(', ')} (${auth.kind === 'jwks' ? 'GATEPOST_AUTH_JWKS_URL' : 'GATEPOST_AUTH_PUBLIC_KEY'})`
  const { rules = noRules } = auth
  const readIdentity = createIdentityReader({ rules, readGroups: createGroupsReader(rules, log), now })

  const keep = (token: string, identity: Identity, untilMs: number): Identity => {
    cache.set(token, identity, Math.min(identity.expiresAt, untilMs))
    return identity
  }

  const verifyNew = (token: string): Identity | Promise<Identity> => {
    const header = readHeader(token)
    if (header.alg === 'HS256') {
      const { payload, source } = checkWithSecrets(secrets, token)
      const identity = readIdentity(payload, header, source)
      // A user comes once for each login: with a secret, to check the token again costs less than to keep it.
      return identity.scopes.has('producer') || identity.scopes.has('admin') ? keep(token, identity, Infinity) : identity
    }
    if (!siteAlgorithms.includes(header.alg as string)) throw invalidClaim('alg', header.alg, takenAlgorithms)
    if (publicKey !== undefined) return publicKey.check(token).then(payload => keep(token, readIdentity(payload, header, 'site'), Infinity))
    return remote!.check(token).then(({ payload, goodForMs }) => keep(token, readIdentity(payload, header, 'site'), now() + Math.min(goodForMs, remoteCacheMs)))
  }

  return {
    verify (token) {
      if (token.length > maxTokenLength) throw invalidToken(`token: got ${token.length} characters; takes at most ${maxTokenLength}`)
      return cache.get(token, now()) ?? verifyNew(token)
    },
    close () {
      remote?.close()
      cache.clear()
    }
  }
}

function createIdentityReader ({ rules, readGroups, now }: { rules: TokenRules, readGroups: GroupsReader, now: () => number }) {
  let aheadSeenAtMs = -Infinity

  /** How far a token's `iat` may lie behind the moment at which it was issued: what is ahead when it comes was issued by a clock that is ahead, nobody knows how far. */
  const aheadOf = (issuedAt: number | undefined, nowMs: number): number => {
    if (issuedAt !== undefined && issuedAt > nowMs + roundingMs) aheadSeenAtMs = nowMs
    return nowMs - aheadSeenAtMs < rememberAheadMs ? maxAheadMs : 0
  }

  return (payload: Payload, header: JoseHeader, source: KeySource): Identity => {
    if (namesAudience(payload, ticketAudience)) throw invalidToken('token: got a ticket; takes the token that the site issued')
    const nowMs = now()
    const { sub, issuedAt, expiresAt } = readCommonClaims(payload, nowMs)
    const claimed = source === 'site' ? givable.site : readScopes(payload.scope)
    const scopes = new Set(claimed.filter(scope => givable[source].includes(scope)))
    if (scopes.size === 0) throw invalidToken(`scope: the key of this token does not sign for ${claimed.join(', ')}`)
    if (scopes.has('user')) requireUserClaims(payload, header, rules)
    else requireServiceAudience(payload, rules)
    if (expiresAt === undefined) throw invalidClaim('exp', undefined, 'seconds since 1970')
    if (scopes.has('user')) requireShortLife(issuedAt, expiresAt, rules)
    if (nowMs >= expiresAt) throw new GatepostError('GP_TOKEN_EXPIRED', `exp: the token expired at ${new Date(expiresAt).toISOString()}`)
    const ofUser = scopes.has('user') ? { groups: readGroups(payload), profile: readProfile(payload) } : { groups: undefined, profile: undefined }
    return { sub, scopes, ...ofUser, issuedAt, aheadMs: aheadOf(issuedAt, nowMs), expiresAt }
  }
}

/** Another application's token of the same issuer is signed with the same key. */
function requireUserClaims (payload: Payload, { typ }: JoseHeader, { audiences, issuers, types }: TokenRules): void {
  if (audiences.length > 0 && !audiences.some(audience => namesAudience(payload, audience))) throw invalidClaim('aud', payload.aud, `one of ${audiences.join(', ')} (GATEPOST_AUTH_AUDIENCE)`)
  if (issuers.length > 0 && !issuers.includes(payload.iss as string)) throw invalidClaim('iss', payload.iss, `exactly one of ${issuers.join(', ')} (GATEPOST_AUTH_ISSUER)`)
  if (types.length > 0 && !types.includes(plainType(typeof typ === 'string' ? typ : typ === undefined ? 'JWT' : ''))) throw invalidClaim('typ', typ, `one of ${types.join(', ')} (GATEPOST_AUTH_TYP)`)
}

function requireShortLife (issuedAt: number | undefined, expiresAt: number, { maxLifeMs }: TokenRules): void {
  if (maxLifeMs === undefined) return
  if (issuedAt === undefined) throw invalidClaim('iat', undefined, 'seconds since 1970: how long a token lives is limited here (GATEPOST_AUTH_MAX_LIFE)')
  if (expiresAt - issuedAt > maxLifeMs) throw invalidClaim('exp', `${(expiresAt - issuedAt) / 1000} s after iat`, `at most ${maxLifeMs / 1000} s after it (GATEPOST_AUTH_MAX_LIFE)`)
}

/** Where the site says whom its tokens are for, one that is for somebody else makes no producer or admin either. */
function requireServiceAudience (payload: Payload, { audiences }: TokenRules): void {
  if (payload.aud === undefined || audiences.length === 0 || [serviceAudience, ...audiences].some(audience => namesAudience(payload, audience))) return
  throw invalidClaim('aud', payload.aud, `nothing, ${serviceAudience}, or one of ${audiences.join(', ')} (GATEPOST_AUTH_AUDIENCE)`)
}
