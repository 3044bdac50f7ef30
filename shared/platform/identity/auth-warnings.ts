/** What works and should not stay so: said by the start in the log, and by `gatepost doctor`. */
import { isLoopback } from '../settings/addresses.js'
import type { AuthSettings } from '../settings/settings.js'

export interface AuthWarning {
  readonly event: string
  readonly text: string
  readonly remedy: string
}

/** What GATEPOST_DEMO makes of a Gate: once for all Gates of a site's start. */
export function demoWarnings (isDemo: boolean, auth: AuthSettings): Array<Pick<AuthWarning, 'event' | 'text'>> {
  const warnings: ReturnType<typeof demoWarnings> = []
  if (isDemo && auth.kind === 'secret') warnings.push({ event: 'demo-on', text: 'GATEPOST_DEMO: on, so whoever reaches this Gate can be any user, send as a backend and drain nodes; not for a site that others reach' })
  else if (isDemo) warnings.push({ event: 'demo-off', text: "GATEPOST_DEMO: off, since the site's own key signs its users and Gate has only the public half" })
  return warnings
}

export function authWarnings (auth: AuthSettings | undefined): AuthWarning[] {
  if (auth?.kind !== 'jwks') return []
  const { protocol, hostname } = new URL(auth.url)
  const warnings: AuthWarning[] = []
  if ((auth.rules?.audiences ?? []).length === 0) {
    warnings.push({ event: 'audience-not-asked', text: 'GATEPOST_AUTH_JWKS_URL is set and GATEPOST_AUTH_AUDIENCE is not: a token that the same issuer made for any other application opens this one', remedy: 'Set GATEPOST_AUTH_AUDIENCE to the audience of your own tokens' })
  }
  if (protocol === 'http:' && !isLoopback(hostname)) {
    warnings.push({ event: 'jwks-not-encrypted', text: 'GATEPOST_AUTH_JWKS_URL begins with http: whoever sits between can give out keys of their own', remedy: 'Use https' })
  }
  return warnings
}
