import { isTokenRefused } from './errors.js'
import { callHttp, withoutSlash, type HttpAnswer, type HttpCall } from './http.js'
import type { Tokens } from './tokens.js'

export interface GateClient {
  /** `path` begins with `/gate/`. A token that is refused is renewed once. */
  call (path: string, call?: Omit<HttpCall, 'url' | 'bearer'>): Promise<HttpAnswer & { token: string }>
}

export function createGateClient ({ gate, tokens }: { gate: string, tokens: Tokens }): GateClient {
  const base = withoutSlash(gate)
  return {
    async call (path, call = {}) {
      const url = `${base}${path}`
      const token = await tokens.get()
      try {
        return { ...await callHttp({ ...call, url, bearer: token }), token }
      } catch (error) {
        if (!isTokenRefused(error)) throw error
        const renewed = await tokens.renew(token)
        if (renewed === token) throw error
        return { ...await callHttp({ ...call, url, bearer: renewed }), token: renewed }
      }
    }
  }
}
