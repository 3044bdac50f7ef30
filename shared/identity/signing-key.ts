/**
 * The keys that verify tokens. A key's own type fixes its one algorithm, whatever a token's header says: HS256 for a
 * secret, and for a public key RS256, ES256 or EdDSA. So no public key is ever taken for a secret, and `none` for neither.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { invalidToken, toPayload, type Payload } from './claims.js'
import { createHs256Check } from './hs256.js'

/** Throws GP_TOKEN_INVALID; looks at the signature only, at no claim. */
export type SignatureCheck = (token: string) => Payload

export const checkWithSecret = (secret: string): SignatureCheck => toSignatureCheck(createHs256Check(secret))

/** `pem` as settings take it: SPKI of an RSA, EC P-256 or Ed25519 key. Throws a plain Error for another. */
export function checkWithPublicKey (pem: string): SignatureCheck {
  const key = createPublicKey(pem)
  return toSignatureCheck(createVerifier({
    key: key.export({ format: 'pem', type: 'spki' }),
    algorithms: [algorithmOf(key)],
    cache: false,
    ignoreExpiration: true,
    ignoreNotBefore: true
  }))
}

function algorithmOf (key: KeyObject): 'RS256' | 'ES256' | 'EdDSA' {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return 'RS256'
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (type === 'ed25519') return 'EdDSA'
  throw new Error('GATEPOST_AUTH_PUBLIC_KEY: takes an RSA, EC P-256 or Ed25519 public key')
}

function toSignatureCheck (verify: (token: string) => unknown): SignatureCheck {
  return token => {
    let payload: unknown
    // Which part of it was wrong is nothing to tell a stranger.
    try { payload = verify(token) } catch (cause) { throw invalidToken('token: not signed with the configured key', cause) }
    return toPayload(payload)
  }
}
