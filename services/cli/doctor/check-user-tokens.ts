import { authWarnings } from '../../../shared/identity/auth-warnings.js'
import { fetchKeySet, keySource } from '../../../shared/identity/key-set.js'
import { withoutCredentials } from '../../../shared/settings/fault.js'
import type { DoctorSettings } from '../../../shared/settings/settings.js'
import { fail, ok, reasonOf, warn, type Finding } from './finding.js'

/** Whose tokens are taken, and whether the keys are there. */
export async function checkUserTokens ({ auth, rules, isDemo }: DoctorSettings): Promise<Finding[]> {
  return [
    auth?.kind === 'jwks' ? await checkKeySet(auth.url) : ok('user tokens', auth === undefined ? 'HS256 with the secret' : auth.kind === 'secret' ? 'HS256 with GATEPOST_AUTH_SECRET' : 'by the public key in GATEPOST_AUTH_PUBLIC_KEY'),
    ...authWarnings(auth === undefined ? undefined : { ...auth, rules }).map(({ text, remedy }) => warn('user tokens', text, remedy)),
    ...isDemo ? [warn('demo', '`gatepost up` would let whoever reaches it be any user', 'Set GATEPOST_DEMO=false, or GATEPOST_SECRET, before others can reach it')] : []
  ]
}

async function checkKeySet (url: string): Promise<Finding> {
  const source = keySource(url)
  const shown = source.url.origin + source.url.pathname
  try {
    const { keys, passedOver } = await fetchKeySet(source)
    const text = `${keys.length} usable keys at ${shown}`
    return passedOver === 0 ? ok('user tokens', text) : ok('user tokens', `${text}, ${passedOver} others passed over`)
  } catch (error) {
    return fail('user tokens', `the keys at ${shown}: ${withoutCredentials(reasonOf(error))}`, 'Set GATEPOST_AUTH_JWKS_URL to the address of the key set, and see that this machine reaches it')
  }
}
