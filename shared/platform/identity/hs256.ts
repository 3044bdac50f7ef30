/** HS256 (RFC 7518, 3.2) with a secret, by fast-jwt, which answers at once: tickets, and whatever else a secret signs. */
import { createSigner, createVerifier } from 'fast-jwt'
import { isUtf8 } from 'node:buffer'
import { invalidToken, toPayload, type Payload } from '../../contract/claims.js'

/** Throws GP_TOKEN_INVALID; looks at the signature only, at no claim. */
export type SignatureCheck = (token: string) => Payload

/** Whatever a secret looks like, a PEM key too, it is bytes and nothing else. */
const keyOf = (secret: string): Buffer => Buffer.from(secret, 'utf8')

/** Of the 43 characters of a signature the last one carries four bits; the other texts for the same bytes are not taken. */
const canonicalEnd = /[AEIMQUYcgkosw048]$/

/** Takes payloads with an `iat`; fields that are undefined are left out. */
export const createHs256Signer = (secret: string, typ = 'JWT'): (payload: object) => string =>
  createSigner({ key: keyOf(secret), algorithm: 'HS256', header: { alg: 'HS256', typ } })

export function createHs256Check (secret: string): SignatureCheck {
  const verify = createVerifier({ key: keyOf(secret), algorithms: ['HS256'], cache: false, ignoreExpiration: true, ignoreNotBefore: true })
  return token => {
    let payload: unknown
    // Which part of it was wrong is nothing to tell a stranger.
    try { payload = verify(token) } catch (cause) { throw invalidToken('token: not signed with the configured key', cause) }
    if (!canonicalEnd.test(token)) throw invalidToken('token: its signature is not base64url in its one form')
    // Decoding has put another character in the place of each wrong byte: two names could become one.
    if (!isUtf8(Buffer.from(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')), 'base64url'))) throw invalidToken('token: its payload is not UTF-8')
    return toPayload(payload)
  }
}
