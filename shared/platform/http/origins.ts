/** Which web pages may call: by `Origin` (RFC 6454), which browsers send and pages cannot change. Other programs send none and are not asked. */
import type { IncomingHttpHeaders } from 'node:http'

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

/** Hosts only: what is in front may have taken TLS off. */
function isSameHost ({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
