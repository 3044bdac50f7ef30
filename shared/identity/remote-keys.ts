/**
 * The site's keys behind GATEPOST_AUTH_JWKS_URL.
 *
 * Keys are fetched at the first token and again when they are old, in the background, so that no request waits. A token
 * whose key is not among them makes them be fetched at once, at most every 30 s: that is how a rotation arrives. While
 * the site's server is out of reach the keys known go on serving; where none of them fits, the answer is that this cannot
 * be told now (GP_OVERLOADED), never that the token is invalid.
 */
import { compactVerify, createLocalJWKSet, errors, type CompactJWSHeaderParameters, type CryptoKey, type FlattenedJWSInput, type JSONWebKeySet } from 'jose'
import { GatepostError } from '../errors.js'
import type { Log } from '../log.js'
import { invalidToken, toPayload, type Payload } from './claims.js'

export interface RemoteKeysOptions {
  readonly url: string
  readonly log?: Pick<Log, 'warn'> | undefined
  readonly now?: () => number
}

export interface RemoteKeys {
  /** Throws GP_TOKEN_INVALID, GP_OVERLOADED (no keys to tell by); looks at the signature only, at no claim. */
  check: (token: string) => Promise<Payload>
  /** Ends a fetch that is under way; idempotent. */
  close: () => void
}

const algorithms = ['RS256', 'ES256', 'EdDSA']
const maxAgeMs = 10 * 60_000
/** Between two fetches that unknown keys ask for. */
const cooldownMs = 30_000
/** Between two tries while the server does not answer. */
const retryMs = 2_000
const fetchTimeoutMs = 5_000
const maxBodyBytes = 1024 * 1024

type Resolve = (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>

export function createRemoteKeys ({ url, log, now = Date.now }: RemoteKeysOptions): RemoteKeys {
  const source = parseSource(url)
  const closed = new AbortController()
  let known: { readonly resolve: Resolve, readonly fetchedAtMs: number } | undefined
  let failedAtMs = -Infinity
  let underWay: Promise<void> | undefined

  const fetchOnce = async (): Promise<void> => {
    try {
      known = { resolve: createLocalJWKSet(await fetchKeySet(source, closed.signal)), fetchedAtMs: now() }
      failedAtMs = -Infinity
    } catch (cause) {
      failedAtMs = now()
      if (!closed.signal.aborted) log?.warn({ event: 'jwks-unreachable', url: source.url.origin, err: cause }, 'cannot fetch the keys of GATEPOST_AUTH_JWKS_URL')
    }
  }
  const isFailing = (): boolean => now() - failedAtMs < retryMs
  /** One fetch at a time, whoever asks; never rejects. */
  const refresh = async (): Promise<void> => {
    if (closed.signal.aborted || isFailing()) return
    underWay ??= fetchOnce().finally(() => { underWay = undefined })
    await underWay
  }

  const unreachable = (): GatepostError => new GatepostError('GP_OVERLOADED', "the keys of the site's tokens cannot be fetched now", { retryAfterSeconds: 5 })

  return {
    async check (token) {
      if (known === undefined) await refresh()
      else if (now() - known.fetchedAtMs > maxAgeMs) void refresh() // never rejects; the known keys serve meanwhile
      const asked = known
      if (asked === undefined) throw unreachable()
      try {
        return await verifyWith(asked.resolve, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw invalid(error)
      }
      // A rotation, or a stranger's key.
      if (known === asked && now() - asked.fetchedAtMs >= cooldownMs) await refresh()
      const latest = known ?? asked
      if (latest === asked) throw failedAtMs === -Infinity ? invalidToken('token: signed with a key that the site does not publish') : unreachable()
      try { return await verifyWith(latest.resolve, token) } catch (error) { throw invalid(error) }
    },
    close () { closed.abort() }
  }
}

async function verifyWith (resolve: Resolve, token: string): Promise<Payload> {
  try {
    return payloadOf(await compactVerify(token, resolve, { algorithms }))
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    // No `kid`: one after the other.
    for await (const key of error) {
      try { return payloadOf(await compactVerify(token, key, { algorithms })) } catch (cause) {
        if (!(cause instanceof errors.JWSSignatureVerificationFailed)) throw cause
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

function payloadOf ({ payload }: { payload: Uint8Array }): Payload {
  let value: unknown
  try { value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) } catch (cause) { throw invalidToken('token: its payload is no JSON object', cause) }
  return toPayload(value)
}

const invalid = (cause: unknown): GatepostError => cause instanceof GatepostError ? cause : invalidToken('token: not signed with a key that the site publishes', cause)

/** `fetch` refuses addresses with a user and password in them; they travel as a header. */
function parseSource (text: string): { url: URL, headers: Record<string, string> } {
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

async function fetchKeySet ({ url, headers }: ReturnType<typeof parseSource>, closed: AbortSignal): Promise<JSONWebKeySet> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(fetchTimeoutMs)])
  // A redirect could lead to another scheme or into the inner network.
  const response = await fetch(url, { headers, redirect: 'error', signal })
  if (response.status !== 200 || response.body === null) throw new Error(`answered with status ${response.status}`)
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength
    if (bytes > maxBodyBytes) throw new Error(`answered with more than ${maxBodyBytes} bytes`)
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString()) as JSONWebKeySet
}
