/** Signatures by public keys, checked by jose: those of a key that is configured, and those of a set. */
import { createPublicKey } from 'node:crypto'
import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import { GatepostError } from '../../contract/errors.js'
import { algorithmsOf, publicKeyAlgorithms } from './algorithms.js'
import { invalidToken, toPayload, type Payload } from '../../contract/claims.js'
import type { KeySet } from './key-set.js'

/** Rejects with GP_TOKEN_INVALID; looks at the signature only, at no claim. */
export type AsyncSignatureCheck = (token: string) => Promise<Payload>

export interface PublicKeyCheck {
  readonly algorithms: readonly string[]
  readonly check: AsyncSignatureCheck
}

/** `pem` as settings take it: SPKI. Throws a plain Error for a key that signs no tokens. The key's own type fixes its algorithms. */
export function checkWithPublicKey (pem: string): PublicKeyCheck {
  const key = createPublicKey(pem)
  const algorithms = [...algorithmsOf(key)]
  if (algorithms.length === 0) throw new Error('GATEPOST_AUTH_PUBLIC_KEY: takes an RSA, EC P-256, P-384 or P-521, or Ed25519 public key')
  return {
    algorithms,
    check: async token => {
      try { return payloadOf(await compactVerify(token, key, { algorithms })) } catch (error) { throw refused(error, 'token: not signed with the configured key') }
    }
  }
}

/** `unknown-key`: the set has none of that name and kind. `not-signed`: it has, and the signature is another's. */
export type SetOutcome = Payload | 'unknown-key' | 'not-signed'

/** Rejects with GP_TOKEN_INVALID for what no key could mend. */
export function checkWithKeySet ({ keys }: KeySet): (token: string) => Promise<SetOutcome> {
  const resolve = createLocalJWKSet({ keys } as unknown as JSONWebKeySet)
  const algorithms = [...publicKeyAlgorithms]
  return async token => {
    try {
      return payloadOf(await compactVerify(token, resolve, { algorithms }))
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return 'unknown-key'
      if (error instanceof errors.JWSSignatureVerificationFailed) return 'not-signed'
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw refused(error, 'token: not signed with a key that the site publishes')
      // No `kid`: one after the other.
      for await (const key of error) {
        try { return payloadOf(await compactVerify(token, key, { algorithms })) } catch (cause) {
          if (!(cause instanceof errors.JWSSignatureVerificationFailed)) throw refused(cause, 'token: not signed with a key that the site publishes')
        }
      }
      return 'not-signed'
    }
  }
}

function payloadOf ({ payload }: { payload: Uint8Array }): Payload {
  let value: unknown
  try { value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) } catch (cause) { throw invalidToken('token: its payload is no JSON object', cause) }
  return toPayload(value)
}

const refused = (cause: unknown, text: string): GatepostError => cause instanceof GatepostError ? cause : invalidToken(text, cause)
