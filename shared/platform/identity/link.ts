/**
 * The link that signs an admin in, once: what stands in it, and who may have made it. It is signed by a key derived from GATEPOST_SECRET,
 * so that no route takes it for a token. That it is used once is the nodes' matter (services/notifications/node/used-links.ts).
 */
import { createHmac, randomBytes } from 'node:crypto'
import { invalidToken, maxTokenLength, readCommonClaims } from '../../contract/claims.js'
import { GatepostError } from '../../contract/errors.js'
import { createHs256Check, createHs256Signer } from './hs256.js'

/** Times are ms since 1970. */
export interface AdminLink {
  /** Of this one link. */
  readonly id: string
  /** Whom it signs in. */
  readonly sub: string
  readonly issuedAt: number
  /** Until when it must have been opened. */
  readonly expiresAt: number
  /** How long it signs in, in ms. */
  readonly sessionMs: number
}

/** Long enough to open it, short enough for one that is left lying around. */
export const linkLivesMs = 15 * 60_000

const keyOf = (secret: string): string => createHmac('sha256', secret).update('gatepost admin links').digest('base64url')

export interface LinkClaims { readonly secret: string, readonly sub: string, readonly sessionMs: number, readonly now?: () => number }

export function signLink ({ secret, sub, sessionMs, now = Date.now }: LinkClaims): { link: string, expiresAt: number } {
  const iat = Math.floor(now() / 1000)
  const exp = iat + linkLivesMs / 1000
  return { link: createHs256Signer(keyOf(secret))({ jti: randomBytes(16).toString('base64url'), sub, iat, exp, session: sessionMs / 1000 }), expiresAt: exp * 1000 }
}

/** Throws GP_TOKEN_INVALID (none of ours), GP_TOKEN_EXPIRED. */
export function createLinkVerifier ({ secrets, now = Date.now }: { secrets: readonly string[], now?: () => number }): (text: string) => AdminLink {
  const checks = secrets.map(secret => createHs256Check(keyOf(secret)))
  return text => {
    const payload = text.length > maxTokenLength ? undefined : firstOf(checks.map(check => () => check(text)))
    if (payload === undefined) throw invalidToken('link: not made with the secret of this Gate; takes what `gatepost admin-link` printed')
    const { sub, issuedAt, expiresAt } = readCommonClaims(payload, now())
    const { jti: id, session } = payload
    if (issuedAt === undefined || expiresAt === undefined || typeof id !== 'string' || typeof session !== 'number') throw invalidToken('link: not one of ours')
    if (now() >= expiresAt) throw new GatepostError('GP_TOKEN_EXPIRED', `link: was to be opened before ${new Date(expiresAt).toISOString()}; takes a new one: gatepost admin-link`)
    return { id, sub, issuedAt, expiresAt, sessionMs: session * 1000 }
  }
}

function firstOf<T> (tries: ReadonlyArray<() => T>): T | undefined {
  for (const attempt of tries) {
    try { return attempt() } catch { /* another secret may have made it */ }
  }
  return undefined
}
