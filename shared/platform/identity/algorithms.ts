/** What may sign a token. */
import type { KeyObject } from 'node:crypto'

/** The algorithms (RFC 7518, 8037 and 9864) that a public key may verify; none for a weak key or another kind of key. */
export function algorithmsOf ({ asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, namedCurve = '' } = {} }: KeyObject): readonly string[] {
  if (type === 'rsa') return modulusLength >= 2048 ? rsaAlgorithms : []
  // One key, two names.
  if (type === 'ed25519') return edAlgorithms
  return type === 'ec' ? ecAlgorithms[namedCurve] ?? [] : []
}

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const edAlgorithms = ['EdDSA', 'Ed25519']
const ecAlgorithms: Readonly<Record<string, readonly string[]>> = { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'] }

/** All of public keys, as a refusal lists them. */
export const publicKeyAlgorithms: readonly string[] = [...rsaAlgorithms, ...Object.values(ecAlgorithms).flat(), ...edAlgorithms]
