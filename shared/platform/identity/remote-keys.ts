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
  /** `goodForMs`: until the keys are read again. Throws GP_TOKEN_INVALID, GP_OVERLOADED (not known now); looks at the signature only, at no claim. */
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
/** How many answers wait for a fetch at a time; what is above is refused, to come again. */
const maxWaiting = 1_000

interface Known {
  readonly set: KeySet
  readonly check: (token: string) => Promise<SetOutcome>
  /** When the fetch began: what was published later may not be in it. */
  readonly asOfMs: number
  /** The number of that fetch. */
  readonly fetch: number
}

export function createRemoteKeys (options: RemoteKeysOptions): RemoteKeys {
  const { elapsed } = options
  const closed = new AbortController()
  const keys = new FetchedKeys(options, closed.signal)
  let waiting = 0

  /** Asks again with keys that are newer than those that could not tell. */
  const again = async (token: string, asked: Known, outcome: SetOutcome): Promise<{ payload: Payload, goodForMs: number }> => {
    const leftMs = asked.asOfMs + cooldownMs - elapsed()
    if (keys.known === asked && leftMs > 0) {
      if (outcome === 'unknown-key' || waiting >= maxWaiting) throw new GatepostError('GP_OVERLOADED', "the key of this token is not known yet; the site's keys are asked for again soon", { retryAfterSeconds: Math.ceil(leftMs / 1000) })
      waiting++
      // Ends early when this is closed.
      await pause(leftMs, undefined, { signal: closed.signal }).catch(() => {}).finally(() => { waiting-- })
    }
    if (keys.known === asked) await keys.refresh()
    const latest = keys.known ?? asked
    if (latest === asked) throw unreachable()
    const payload = await latest.check(token)
    if (typeof payload === 'string') throw notPublished()
    return { payload, goodForMs: latest.asOfMs + maxAgeMs - elapsed() }
  }

  void keys.refresh() // never rejects

  return {
    async check (token) {
      const before = keys.fetches
      const asked = await keys.current()
      const outcome = await asked.check(token)
      if (typeof outcome !== 'string') return { payload: outcome, goodForMs: asked.asOfMs + maxAgeMs - elapsed() }
      // Fetched since the token came: there is nothing newer to know.
      if (asked.fetch > before) throw notPublished()
      return await again(token, asked, outcome)
    },
    close () { closed.abort() }
  }
}

/** The keys as last fetched; they go on serving while the server is away. */
class FetchedKeys {
  readonly #options: RemoteKeysOptions
  readonly #source: ReturnType<typeof keySource>
  readonly #closed: AbortSignal
  #known: Known | undefined
  /** When the last try failed; undefined after one that did not. */
  #failedAtMs: number | undefined
  #underWay: Promise<void> | undefined
  #fetches = 0

  constructor (options: RemoteKeysOptions, closed: AbortSignal) {
    this.#options = options
    this.#source = keySource(options.url)
    this.#closed = closed
  }

  get known (): Known | undefined { return this.#known }
  /** How many have begun. */
  get fetches (): number { return this.#fetches }

  /** One fetch at a time, whoever asks; never rejects. */
  async refresh (): Promise<void> {
    if (this.#closed.aborted || this.#hasFailedWithin(retryMs)) return
    this.#underWay ??= this.#fetchOnce().finally(() => { this.#underWay = undefined })
    await this.#underWay
  }

  /** The keys to go by, new enough to be used. */
  async current (): Promise<Known> {
    const ageMs = this.#known === undefined ? Infinity : this.#options.elapsed() - this.#known.asOfMs
    // While the server is away old keys serve, and not everybody waits for a try.
    if (this.#known === undefined || (ageMs > maxAgeMs && !this.#hasFailedWithin(patienceMs))) await this.refresh()
    else if (ageMs > renewAfterMs) void this.refresh() // never rejects
    if (this.#known === undefined) throw unreachable()
    return this.#known
  }

  #hasFailedWithin (ms: number): boolean {
    return this.#failedAtMs !== undefined && this.#options.elapsed() - this.#failedAtMs < ms
  }

  async #fetchOnce (): Promise<void> {
    const { elapsed, log, onChange } = this.#options
    const [asOfMs, fetch] = [elapsed(), ++this.#fetches]
    try {
      const set = await fetchKeySet(this.#source, this.#closed)
      if (this.#failedAtMs !== undefined) log?.info({ event: 'jwks-reachable', url: this.#shownUrl() }, 'the keys of GATEPOST_AUTH_JWKS_URL can be fetched again')
      this.#failedAtMs = undefined
      if (this.#known !== undefined && isDeepStrictEqual(this.#known.set.keys, set.keys)) {
        this.#known = { ...this.#known, asOfMs, fetch }
        return
      }
      this.#known = { set, check: checkWithKeySet(set), asOfMs, fetch }
      onChange?.()
    } catch (err) {
      if (this.#closed.aborted) return
      if (this.#failedAtMs === undefined) log?.warn({ event: 'jwks-unreachable', url: this.#shownUrl(), err }, `cannot fetch the keys of GATEPOST_AUTH_JWKS_URL; ${this.#known === undefined ? 'no user can be let in' : 'those known go on serving'}`)
      this.#failedAtMs = elapsed()
    }
  }

  /** The path tells a wrong address from a server that is away; the query may hold a key. */
  #shownUrl (): string { return this.#source.url.origin + this.#source.url.pathname }
}

const notPublished = (): GatepostError => invalidToken('token: not signed with a key that the site publishes')

const unreachable = (): GatepostError =>
  new GatepostError('GP_OVERLOADED', "the keys of the site's tokens cannot be fetched now (GATEPOST_AUTH_JWKS_URL)", { retryAfterSeconds: 2 })
