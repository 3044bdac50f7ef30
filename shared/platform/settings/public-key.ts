import { createPublicKey, type KeyObject } from 'node:crypto'
import { algorithmsOf } from '../identity/algorithms.js'

/**
 * The public key of a PEM text, as SPKI PEM, where it is of a kind that may sign users' tokens: RSA of 2048 bits or
 * more, EC P-256, P-384 or P-521, or Ed25519. Lines may be separated by the two characters `\n`, as environment
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
  return algorithmsOf(key).length > 0 ? key.export({ type: 'spki', format: 'pem' }).toString() : undefined
}
