/**
 * The site's keys behind GATEPOST_AUTH_JWKS_URL.
 *
 * They are fetched when this is made, and again in the background when they are 10 minutes old. Keys older than 15 minutes
 * are fetched before they are used, so that a withdrawn one ends on a quiet process too; where that fails the old ones
 * go on serving. A rotation arrives with a token whose key is not known: it makes them be fetched at once, but not
 * within 5 s of the last fetch, whoever sends such tokens. In those seconds nobody can tell, and the answer is GP_OVERLOADED with
 * what is left of them; after a fetch a key that is still unknown is GP_TOKEN_INVALID. One that is known under its name and did
 * not sign the token may have been replaced under that name: the answer waits for the same fetch.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { GatepostError } from '../../contract/errors.js'
import type { Log } from '../log.js'
import { invalidToken, type Payload } from '../../contract/claims.js'
import { fetchKeySet, keySource, type KeySet } from './key-set.js'
import { checkWithKeySet, type SetOutcome } from './public-key-check.js'

export interface RemoteKeysOptions {
  readonly url: string
  readonly log?: Pick<Log, 'warn' | 'info'> | undefined
  /** Ms of a clock that never jumps. */
  readonly elapsed: () => number
  /** Another set than before is known: what was checked by the one before may be so no more. */
  readonly onChange?: () => void
}

export interface RemoteKeys {
  /** `goodForMs`: until the keys that told are looked at again. Throws GP_TOKEN_INVALID, GP_OVERLOADED (cannot be told now); looks at the signature only, at no claim. */
  check: (token: string) => Promise<{ payload: Payload, goodForMs: number }>
  /** Ends a fetch that is under way; idempotent. */
  close: () => void
}

const renewAfterMs = 10 * 60_000
const maxAgeMs = 15 * 60_000
/** Between two fetches that tokens with unknown keys ask for. */
const cooldownMs = 5_000
/** Between two tries while the server does not answer. */
const retryMs = 2_000
/** So long after a failed try old keys are used without waiting for the next one. */
const patienceMs = 30_000
/** How many answers wait for a fetch at a time; what is above is told to come again. */
const maxWaiting = 1_000

interface Known {
  readonly set: KeySet
  readonly check: (token: string) => Promise<SetOutcome>
  /** When the fetch began: what was published later may not be in it. */
  readonly asOfMs: number
  /** The number of that fetch. */
  readonly fetch: number
}

export function createRemoteKeys ({ url, log, elapsed, onChange = () => {} }: RemoteKeysOptions): RemoteKeys {
  const source = keySource(url)
  /** The path tells a wrong address from a server that is away; the query may hold a key. */
  const shownUrl = source.url.origin + source.url.pathname
  const closed = new AbortController()
  let known: Known | undefined
  /** When the last try failed; undefined after one that did not. */
  let failedAtMs: number | undefined
  let underWay: Promise<void> | undefined
  /** How many have begun. */
  let fetches = 0
  let waiting = 0

  const fetchOnce = async (): Promise<void> => {
    const [asOfMs, fetch] = [elapsed(), ++fetches]
    try {
      const set = await fetchKeySet(source, closed.signal)
      if (failedAtMs !== undefined) log?.info({ event: 'jwks-reachable', url: shownUrl }, 'the keys of GATEPOST_AUTH_JWKS_URL can be fetched again')
      failedAtMs = undefined
      if (known !== undefined && isDeepStrictEqual(known.set.keys, set.keys)) {
        known = { ...known, asOfMs, fetch }
        return
      }
      known = { set, check: checkWithKeySet(set), asOfMs, fetch }
      onChange()
    } catch (err) {
      if (closed.signal.aborted) return
      if (failedAtMs === undefined) log?.warn({ event: 'jwks-unreachable', url: shownUrl, err }, `cannot fetch the keys of GATEPOST_AUTH_JWKS_URL; ${known === undefined ? 'no user can be let in' : 'those known go on serving'}`)
      failedAtMs = elapsed()
    }
  }
  /** One fetch at a time, whoever asks; never rejects. */
  const refresh = async (): Promise<void> => {
    if (closed.signal.aborted || (failedAtMs !== undefined && elapsed() - failedAtMs < retryMs)) return
    underWay ??= fetchOnce().finally(() => { underWay = undefined })
    await underWay
  }

  /** The keys to go by, new enough to be used. */
  const current = async (): Promise<Known> => {
    const ageMs = known === undefined ? Infinity : elapsed() - known.asOfMs
    // While the server is away old keys serve, and not everybody waits for a try.
    const isAway = failedAtMs !== undefined && elapsed() - failedAtMs < patienceMs
    if (known === undefined || (ageMs > maxAgeMs && !isAway)) await refresh()
    else if (ageMs > renewAfterMs) void refresh() // never rejects
    if (known === undefined) throw unreachable()
    return known
  }

  /** Asks again with keys that are newer than those that could not tell. */
  const again = async (token: string, asked: Known, outcome: SetOutcome): Promise<{ payload: Payload, goodForMs: number }> => {
    const leftMs = asked.asOfMs + cooldownMs - elapsed()
    if (known === asked && leftMs > 0) {
      if (outcome === 'unknown-key' || waiting >= maxWaiting) throw new GatepostError('GP_OVERLOADED', "the key of this token is not known yet; the site's keys are asked for again soon", { retryAfterSeconds: Math.ceil(leftMs / 1000) })
      waiting++
      // Ends early when this is closed.
      await pause(leftMs, undefined, { signal: closed.signal }).catch(() => {}).finally(() => { waiting-- })
    }
    if (known === asked) await refresh()
    const latest = known ?? asked
    if (latest === asked) throw unreachable()
    const payload = await latest.check(token)
    if (typeof payload === 'string') throw notPublished()
    return { payload, goodForMs: latest.asOfMs + maxAgeMs - elapsed() }
  }

  void refresh() // never rejects

  return {
    async check (token) {
      const before = fetches
      const asked = await current()
      const outcome = await asked.check(token)
      if (typeof outcome !== 'string') return { payload: outcome, goodForMs: asked.asOfMs + maxAgeMs - elapsed() }
      // Fetched since the token came: there is nothing newer to know.
      if (asked.fetch > before) throw notPublished()
      return await again(token, asked, outcome)
    },
    close () { closed.abort() }
  }
}

const notPublished = (): GatepostError => invalidToken('token: not signed with a key that the site publishes')

const unreachable = (): GatepostError =>
  new GatepostError('GP_OVERLOADED', "the keys of the site's tokens cannot be fetched now (GATEPOST_AUTH_JWKS_URL)", { retryAfterSeconds: 2 })
