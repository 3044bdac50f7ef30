import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface HttpAnswer { readonly status: number, readonly text: string }

export interface HttpClient {
  /** Rejects where no answer came. */
  ask: (method: 'GET' | 'POST' | 'PUT', url: string, token: string, json?: string) => Promise<HttpAnswer>
  close: () => void
}

/** Connections that are kept, at most so many to each server. */
export function createHttpClient (maxSockets: number): HttpClient {
  const options = { keepAlive: true, maxSockets }
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  return {
    ask: async (method, url, token, json) => await new Promise((resolve, reject) => {
      const isHttps = url.startsWith('https:')
      const headers: Record<string, string | number> = { authorization: `Bearer ${token}` }
      if (json !== undefined) {
        headers['content-type'] = 'application/json'
        headers['content-length'] = Buffer.byteLength(json)
      }
      const outgoing = (isHttps ? httpsRequest : httpRequest)(url, { method, headers, agent: isHttps ? agents.https : agents.http }, incoming => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => { text += chunk })
        incoming.on('error', reject)
        incoming.on('end', () => { resolve({ status: incoming.statusCode ?? 0, text }) })
      })
      outgoing.on('error', reject)
      outgoing.end(json)
    }),
    close: () => {
      agents.http.destroy()
      agents.https.destroy()
    }
  }
}
