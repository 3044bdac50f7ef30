import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** What asks for another protocol, or belongs to the asking. */
const askingHeaders = new Set(['upgrade', 'http2-settings', 'connection'])

/**
 * Answers a request that asks for a protocol which is not spoken here as if it had not asked (RFC 9110, 7.8): Java's HttpClient
 * and `curl --http2` offer `Upgrade: h2c` with an ordinary request. Node has taken such a connection from the HTTP server by the time
 * that it hears of (`upgrade`), so the connection is given back, with the request in front of what came behind it.
 */
export function declineUpgrade (server: Server, { method, url, httpVersion, rawHeaders }: IncomingMessage, socket: Duplex, behind: Buffer): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    if (!askingHeaders.has(name.toLowerCase())) lines.push(`${name}: ${value}`)
    else if (name.toLowerCase() === 'connection' && /\bclose\b/i.test(value)) lines.push('Connection: close')
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), behind]))
  server.emit('connection', socket)
}

/** Whether a request asks for a WebSocket at a path, or below it. `url`: the request's, or what of it counts. */
export const isWebSocketAt = ({ headers }: IncomingMessage, url: string | undefined, path: string): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && url?.startsWith(path) === true
