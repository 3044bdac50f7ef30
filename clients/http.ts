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

/** An answer without a code of ours comes from something in between (a proxy's page): as good as none. */
function refusalOf (response: Response, text: string, url: string): GatepostError {
  const retryAfterSeconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(retryAfterSeconds) ? Math.max(0, retryAfterSeconds * 1000) : undefined
  const options = { status: response.status, retryAfterMs }
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
