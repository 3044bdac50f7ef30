import { authWarnings } from '../../../shared/platform/identity/auth-warnings.js'
import { maxAheadMs } from '../../../shared/contract/claims.js'
import { fetchIssuer, fetchKeySet, keySource } from '../../../shared/platform/identity/key-set.js'
import { formatDuration } from '../../../shared/platform/settings/duration.js'
import { withoutCredentials } from '../../../shared/platform/settings/fault.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { fail, ok, reasonOf, warn, type Finding } from './finding.js'

const usualClockSeconds = 3

/** Whose tokens are taken, and whether the keys are there. */
export async function checkUserTokens ({ auth, rules }: DoctorSettings): Promise<Finding[]> {
  return [
    ...auth?.kind === 'jwks' ? (await Promise.all([checkKeySet(auth.url), checkIssuers(rules.issuers)])).flat() : [ok('user tokens', auth === undefined ? 'HS256 with the secret' : auth.kind === 'secret' ? 'HS256 with GATEPOST_AUTH_SECRET' : 'by the public key in GATEPOST_AUTH_PUBLIC_KEY')],
    ok('user tokens', rules.maxLifeMs === undefined ? 'they live as long as they say: GATEPOST_AUTH_MAX_LIFE is not set' : `they live ${formatDuration(rules.maxLifeMs)} at most`),
    ...authWarnings(auth === undefined ? undefined : { ...auth, rules }).map(({ text, remedy }) => warn('user tokens', text, remedy))
  ]
}

async function checkKeySet (url: string): Promise<Finding[]> {
  const source = keySource(url)
  const shown = source.url.origin + source.url.pathname
  try {
    const { keys, passedOver, serverTimeMs } = await fetchKeySet(source)
    const text = `${keys.length} usable keys at ${shown}`
    return [ok('user tokens', passedOver === 0 ? text : `${text}, ${passedOver} others passed over`), ...checkIssuerClock(serverTimeMs, Date.now())]
  } catch (error) {
    return [fail('user tokens', `the keys at ${shown}: ${withoutCredentials(reasonOf(error))}`, 'Set GATEPOST_AUTH_JWKS_URL to the address of the key set, and see that this machine reaches it')]
  }
}

/** Issuers that are addresses, by what their providers call themselves: one slash too many, and each login is refused. */
async function checkIssuers (issuers: readonly string[]): Promise<Finding[]> {
  return await Promise.all(issuers.filter(issuer => /^https?:/.test(issuer) && URL.canParse(issuer)).map(async issuer => {
    let written: string
    try { written = await fetchIssuer(issuer) } catch (error) { return ok('issuer', `${issuer}, not compared: its discovery document cannot be had (${withoutCredentials(reasonOf(error))})`) }
    if (issuers.includes(written)) return ok('issuer', `${issuer}, as its discovery document says`)
    return fail('issuer', `the provider at ${issuer} writes "${written.slice(0, 500)}" into its tokens: they are refused`, `Set GATEPOST_AUTH_ISSUER to ${written.slice(0, 500)}`)
  }))
}

/** By a clock that tells whole seconds. */
function checkIssuerClock (serverTimeMs: number | undefined, nowMs: number): Finding[] {
  if (serverTimeMs === undefined) return []
  const seconds = Math.round((serverTimeMs - nowMs) / 1000)
  if (Math.abs(seconds) <= usualClockSeconds) return [ok('issuer clock', `within ${usualClockSeconds} s of this machine's`)]
  const text = `the server of the keys is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} this machine`
  const remedy = 'Let both be set by NTP'
  if (seconds * 1000 > maxAheadMs) return [fail('issuer clock', `${text}: new tokens are refused`, remedy)]
  return [warn('issuer clock', text, `${remedy}: tokens ${seconds < 0 ? 'end too early' : 'are taken up to 60 s ahead'}`)]
}
