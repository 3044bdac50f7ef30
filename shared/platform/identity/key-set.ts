/** A JWK set (RFC 7517) as a site publishes it: fetched, and rid of what cannot verify a token. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { algorithmsOf } from './algorithms.js'

export interface KeySet {
  readonly keys: readonly JsonWebKey[]
  /** How many members of the set are no key that could verify a token. */
  readonly passedOver: number
}

const fetchTimeoutMs = 5_000
const maxBodyBytes = 1024 * 1024

export interface KeySource {
  /** Without a user and password. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** `fetch` refuses addresses with a user and password in them; they travel as a header. */
export function keySource (text: string): KeySource {
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('GATEPOST_AUTH_JWKS_URL: takes an http or https address')
  const headers: Record<string, string> = { accept: 'application/jwk-set+json, application/json' }
  if (url.username !== '' || url.password !== '') {
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  return { url, headers }
}

/** `serverTimeMs`: the server's wall time in whole seconds, where it tells. Rejects with an Error that says what is wrong with the answer, and where none of its keys can be used. */
export async function fetchKeySet ({ url, headers }: KeySource, closed?: AbortSignal): Promise<KeySet & { readonly serverTimeMs: number | undefined }> {
  const { bytes, headers: received } = await fetchBytes(url, headers, closed)
  // What a cache gives has the time at which it was made.
  const serverTimeMs = received.has('age') ? NaN : Date.parse(received.get('date') ?? '')
  return { ...readKeySet(bytes), serverTimeMs: Number.isNaN(serverTimeMs) ? undefined : serverTimeMs }
}

/**
 * The issuer as the provider's discovery document (OpenID Connect Discovery, 4) writes it: so it is in tokens. Rejects with an Error that says what is
 * wrong with the answer.
 */
export async function fetchIssuer (issuer: string): Promise<string> {
  const { bytes } = await fetchBytes(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), { accept: 'application/json' })
  const { issuer: written } = Object(readJson(bytes)) as { issuer?: unknown }
  if (typeof written !== 'string' || written === '') throw new Error('answered with no issuer')
  return written
}

async function fetchBytes (url: URL, headers: Readonly<Record<string, string>>, closed?: AbortSignal): Promise<{ bytes: Uint8Array, headers: Headers }> {
  const timeout = AbortSignal.timeout(fetchTimeoutMs)
  // A redirect could lead to another scheme or into the inner network.
  const response = await fetch(url, { headers, redirect: 'error', signal: closed === undefined ? timeout : AbortSignal.any([closed, timeout]) })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`answered with status ${response.status}`)
  }
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength
    if (bytes > maxBodyBytes) throw new Error(`answered with more than ${maxBodyBytes} bytes`)
    parts.push(part)
  }
  return { bytes: Buffer.concat(parts), headers: response.headers }
}

function readJson (bytes: Uint8Array): unknown {
  // The decoder drops a byte order mark.
  try { return JSON.parse(new TextDecoder().decode(bytes)) } catch (cause) { throw new Error('answered with what is not JSON', { cause }) }
}

export function readKeySet (bytes: Uint8Array): KeySet {
  const { keys, jwks_uri: jwksUri } = Object(readJson(bytes)) as { keys?: unknown, jwks_uri?: unknown }
  if (!Array.isArray(keys)) {
    throw new Error(typeof jwksUri === 'string' ? `answered with a discovery document; its jwks_uri is ${jwksUri.slice(0, 500)}` : 'answered with no key set: it has no list of keys')
  }
  const usable = keys.map(usableKey).filter(key => key !== undefined)
  if (usable.length === 0) throw new Error(`answered with ${keys.length} keys, none of which can verify a token`)
  return { keys: usable, passedOver: keys.length - usable.length }
}

/** Undefined for a weak, a malformed, a private or a secret key, and one that is for something else. */
function usableKey (value: unknown): JsonWebKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { use, key_ops: operations, d, alg, ...rest } = value as Record<string, unknown>
  if (use !== undefined && use !== 'sig') return undefined
  if (d !== undefined || (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))) return undefined
  let algorithms: readonly string[]
  try { algorithms = algorithmsOf(createPublicKey({ key: rest as JsonWebKey, format: 'jwk' })) } catch { return undefined } // not a key
  if (algorithms.length === 0 || (alg !== undefined && !algorithms.includes(alg as string))) return undefined
  // An Ed25519 key has two names, and either may be in a token.
  return { ...rest, ...alg !== undefined && !algorithms.includes('EdDSA') && { alg } }
}
