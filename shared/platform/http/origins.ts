/** Which web pages may call: by `Origin` (RFC 6454), which browsers send and pages cannot change. Other programs send none and are not asked. */
import type { IncomingHttpHeaders } from 'node:http'
import { GatepostError, shown } from '../../contract/errors.js'
import { isLoopback } from '../settings/addresses.js'

export interface Origins {
  readonly areAll: boolean
  /** What `Access-Control-Allow-Origin` answers this page, if anything. */
  allowed: (origin: string | undefined) => string | undefined
  /** Whether a request may be served: one without an `Origin`, of a page that may call, or of one that this very address served. */
  admits: (headers: IncomingHttpHeaders) => boolean
}

/** `list` as GATEPOST_ORIGINS has it: origins, or `*`. */
export function createOrigins (list: readonly string[]): Origins {
  const areAll = list.includes('*')
  const known = new Set(list)
  const allowed = (origin: string | undefined): string | undefined => areAll ? '*' : origin !== undefined && known.has(origin) ? origin : undefined
  return {
    areAll,
    allowed,
    admits: headers => areAll || headers.origin === undefined || known.has(headers.origin) || isSameHost(headers)
  }
}

/** Whether a request comes from a page of this very address, or from no page at all. */
export function isSameOrigin (headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  // `none` = typed into the address bar. A browser that says it knows better than a comparison behind a proxy.
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return headers.origin === undefined || isSameHost(headers)
}

/**
 * Whoever owns a name can let it stand for 127.0.0.1; to a browser a page of that name is then of the same origin as what listens here.
 * What only this machine reaches knows its names. Elsewhere a balancer may send any. Throws GP_SCOPE.
 */
export function hostGuard (listensOn: string, publicUrl: string | undefined): (headers: IncomingHttpHeaders) => void {
  if (!isLoopback(listensOn)) return () => {}
  const ownName = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  return ({ host }) => {
    if (host === undefined) return
    const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined
    if (name === undefined || (!isLoopback(name) && name !== ownName)) throw new GatepostError('GP_SCOPE', `host: got ${shown(host)}; takes a name of this machine alone, such as localhost, or that of GATEPOST_PUBLIC_URL`)
  }
}

/** Hosts only: what is in front may have taken TLS off. */
function isSameHost ({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
