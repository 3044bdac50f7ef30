import { GatepostError, unreachable } from './errors.js'

export interface HttpCall {
  url: string
  bearer: string
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** JSON, already text: a body that is sent twice is encoded once. */
  body?: string
  timeoutMs?: number
  signal?: AbortSignal
}

export interface HttpAnswer { status: number, body: unknown }

/** One request and its JSON answer; everything but a 2xx is thrown as GatepostError. */
export async function callHttp ({ url, bearer, method = 'GET', body, timeoutMs = 10_000, signal }: HttpCall): Promise<HttpAnswer> {
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  const timer = setTimeout(stop, timeoutMs)
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted === true) stop()
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
      cache: 'no-store',
      credentials: 'omit',
      signal: abort.signal
    })
    const text = await response.text()
    if (!response.ok) throw refusalOf(response, text, url)
    if (text === '') return { status: response.status, body: undefined }
    return { status: response.status, body: JSON.parse(text) as unknown }
  } catch (error) {
    throw error instanceof GatepostError ? error : unreachable(new URL(url, 'http://localhost').host, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** Longer waits are not for a client that somebody looks at, whatever a proxy says. */
const maxRetryAfterMs = 5 * 60_000

/** Of `Retry-After`: seconds or a date. */
export function retryAfterMs (header: string | null, nowMs = Date.now()): number | undefined {
  if (header === null || header.trim() === '') return undefined
  const ms = Number.isFinite(Number(header)) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(maxRetryAfterMs, Math.max(0, ms))
}

/** An answer without a code of ours comes from something in between (a proxy's page): as good as none. */
function refusalOf (response: Response, text: string, url: string): GatepostError {
  const options = { status: response.status, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) }
  let code: unknown, message: unknown
  try { ({ code, message } = JSON.parse(text) as { code?: unknown, message?: unknown }) } catch (cause) {
    return new GatepostError('GP_UNREACHABLE', `${url} answered ${response.status} without a Gatepost code`, { ...options, cause })
  }
  if (typeof code !== 'string' || !code.startsWith('GP_')) {
    return new GatepostError('GP_UNREACHABLE', `${url} answered ${response.status} without a Gatepost code`, options)
  }
  return new GatepostError(code, typeof message === 'string' ? message : code, options)
}

export const withoutSlash = (url: string): string => url.replace(/\/+$/, '')
