/** The secrets that verify HS256 tokens, and what each may make of one. During a change of GATEPOST_SECRET there are several. */
import type { AuthSettings } from '../settings/settings.js'
import { allScopes, type Payload, type Scope } from '../../contract/claims.js'
import { createHs256Check, type SignatureCheck } from './hs256.js'

export interface SecretKey {
  readonly check: SignatureCheck
  readonly source: KeySource
}

/** What a key may make of a token. A `site` makes users and nothing else. */
export type KeySource = 'own' | 'service' | 'site'
export const givable: Readonly<Record<KeySource, readonly Scope[]>> = { own: allScopes, service: ['producer', 'admin'], site: ['user'] }

/** The site's own secret may be one of ours, too. */
export function secretKeys (ours: readonly string[], auth: AuthSettings): SecretKey[] {
  const sites = auth.kind === 'secret' ? auth.secret : undefined
  const isShared = sites === ours[0]
  return [
    ...ours.map(text => ({ check: createHs256Check(text), source: isShared || text === sites ? 'own' : 'service' } as const)),
    ...sites === undefined || ours.includes(sites) ? [] : [{ check: createHs256Check(sites), source: 'site' } as const]
  ]
}

/** Throws GP_TOKEN_INVALID where none of them signed it. */
export function checkWithSecrets (secrets: readonly SecretKey[], token: string): { payload: Payload, source: KeySource } {
  let refusal: unknown
  for (const { check, source } of secrets) {
    try { return { payload: check(token), source } } catch (error) { refusal ??= error }
  }
  throw refusal
}
