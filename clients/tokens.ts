import { GatepostError } from './errors.js'
import { within } from './pause.js'

/** A user token, or a function that has the site issue one whenever it is called. */
export type TokenSource = string | (() => string | Promise<string>)

export interface Claims { sub?: string, exp?: number, iat?: number }

export interface Tokens {
  readonly isRenewable: boolean
  get (): Promise<string>
  /** Another token than the one that was refused or is about to expire; the same one where only a text was given. */
  renew (stale: string): Promise<string>
  /** From now on this one. */
  replace (token: string): void
}

const providerTimeoutMs = 30_000
/** A token with less left to live is not worth a connection. */
const leastLifeMs = 5_000

export function createTokens (source: TokenSource): Tokens {
  let current = typeof source === 'string' ? source : undefined
  let asking: Promise<string> | undefined

  async function ask (provide: () => string | Promise<string>): Promise<string> {
    try {
      const token = await within(providerTimeoutMs, Promise.resolve().then(provide), () => new Error('no answer'))
      if (typeof token !== 'string' || token === '') throw new TypeError('the token function gave no text')
      current = token
      return token
    } catch (cause) {
      throw new GatepostError('GP_TOKEN_UNAVAILABLE', 'the function that hands out tokens failed', { cause })
    } finally {
      asking = undefined
    }
  }

  const renewed = (): Promise<string> => {
    if (typeof source === 'string') return Promise.resolve(current ?? source)
    // One call for all who wait for its answer.
    asking ??= ask(source)
    return asking
  }

  return {
    isRenewable: typeof source !== 'string',
    get () {
      if (current === undefined || (typeof source !== 'string' && lifeMs(current) < leastLifeMs)) return renewed()
      return Promise.resolve(current)
    },
    renew (stale) {
      return current !== undefined && current !== stale ? Promise.resolve(current) : renewed()
    },
    replace (token) { current = token }
  }
}

/** The claims of a JWT, unchecked: a client uses them only to know when to ask for another one. */
export function claimsOf (token: string): Claims {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(payload), char => char.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims === 'object' && claims !== null ? claims : {}
  } catch {
    // Not a JWT: the server will say so.
    return {}
  }
}

/** What is left of a token's life in ms, Infinity where it does not say. */
export function lifeMs (token: string, nowMs = Date.now()): number {
  const { exp, iat } = claimsOf(token)
  if (typeof exp !== 'number') return Infinity
  const leftMs = exp * 1000 - nowMs
  // A device whose clock is slow sees a token issued in the future: it has no more than its whole life.
  return typeof iat === 'number' ? Math.min(leftMs, (exp - iat) * 1000) : leftMs
}

/** When to ask for the next token: with a fifth of its life left, at most a minute. Undefined = never. */
export function refreshDelayMs (token: string, nowMs = Date.now()): number | undefined {
  const { exp, iat } = claimsOf(token)
  const leftMs = lifeMs(token, nowMs)
  if (leftMs === Infinity) return undefined
  // Expired, and yet a server has just taken it: this device's clock is fast, and only the token's whole life is known.
  const useMs = leftMs <= 0 && exp !== undefined && iat !== undefined ? (exp - iat) * 1000 : leftMs
  return Math.max(1_000, useMs - Math.min(60_000, useMs * 0.2))
}
