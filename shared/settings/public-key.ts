import { createPublicKey, type KeyObject } from 'node:crypto'

/**
 * The public key of a PEM text, as SPKI PEM, where it is of a kind that may sign users' tokens: RSA of 2048 bits or
 * more (RS256), EC P-256 (ES256), Ed25519 (EdDSA). Lines may be separated by the two characters `\n`, as environment
 * files often have it. Undefined for anything else, a private key included.
 */
export function usablePublicKey (text: string): string | undefined {
  const pem = text.replaceAll('\\n', '\n').trim()
  if (!/^-----BEGIN (?:RSA PUBLIC KEY|PUBLIC KEY|CERTIFICATE)-----\n/.test(pem.replaceAll('\r', ''))) return undefined
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    return undefined // the caller says what is taken
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  const isUsable = key.asymmetricKeyType === 'ed25519' ||
    (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) ||
    (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1')
  return isUsable ? key.export({ type: 'spki', format: 'pem' }).toString() : undefined
}
