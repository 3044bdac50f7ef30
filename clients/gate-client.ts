import { GatepostError, isTokenRefused } from './errors.js'
import { callHttp, withoutSlash, type HttpAnswer, type HttpCall } from './http.js'
import type { Tokens } from './tokens.js'

export interface GateClient {
  /** `path` begins with `/gate/`. A token that is refused is renewed once. */
  call (path: string, call?: Omit<HttpCall, 'url' | 'bearer'>): Promise<HttpAnswer & { token: string }>
}

export function createGateClient ({ gate, tokens }: { gate: string, tokens: Tokens }): GateClient {
  const base = withoutSlash(gate)
  let isFirst = true

  /** A wrong address looks like a Gate that is down: said once where none has answered yet. */
  async function callOnce (call: HttpCall): Promise<HttpAnswer> {
    try {
      const answer = await callHttp(call)
      isFirst = false
      return answer
    } catch (error) {
      if (error instanceof GatepostError && error.code !== 'GP_UNREACHABLE') isFirst = false
      if (isFirst && call.signal?.aborted !== true) {
        isFirst = false
        console.warn(`gatepost: ${base === '' ? 'the page\'s own Gate' : base} cannot be reached (${reasonOf(error)}); it is tried again`)
      }
      throw error
    }
  }

  return {
    async call (path, call = {}) {
      const url = `${base}${path}`
      const token = await tokens.get()
      try {
        return { ...await callOnce({ ...call, url, bearer: token }), token }
      } catch (error) {
        if (!isTokenRefused(error)) throw error
        const renewed = await tokens.renew(token)
        if (renewed === token) throw error
        return { ...await callOnce({ ...call, url, bearer: renewed }), token: renewed }
      }
    }
  }
}

/** fetch says "fetch failed"; why is in what caused it. */
function reasonOf (error: unknown): string {
  let at = error
  while (at instanceof Error && at.cause instanceof Error) at = at.cause
  return at instanceof Error ? at.message || at.name : String(at)
}
