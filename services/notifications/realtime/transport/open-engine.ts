/** Socket.IO on a node's HTTP server, and what its engine does otherwise than by default (docs/security.md "Too much of everything"). */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Server } from 'socket.io'
import { WebSocketServer, type ServerOptions } from 'ws'
import { declineUpgrade, isWebSocketAt } from '../../../../shared/platform/http/upgrades.js'
import type { Origins } from '../../../../shared/platform/http/origins.js'
import type { FloodGuards } from './flood-guard.js'
import { forgetRequest } from './forget-request.js'

export const maxEventBytes = 1_000_000
/** From the connection to the handshake on it. */
const connectTimeoutMs = 10_000
/** How long the other side of a WebSocket may take to say that it closes, too; then the connection is ended without it. */
const closeTimeoutMs = 1_000

class PunctualWebSocketServer extends WebSocketServer {
  constructor (options: ServerOptions) { super({ ...options, closeTimeout: closeTimeoutMs } as ServerOptions) }
}

export function openEngine (httpServer: HttpServer, origins: Origins, floodGuards: Pick<FloodGuards, 'watch' | 'holdPosts'>): Server {
  const io = new Server(httpServer, {
    serveClient: false,
    cors: { origin: origins.areAll ? '*' : (origin, done) => { done(null, origins.allowed(origin) ?? false) } },
    maxHttpBufferSize: maxEventBytes,
    connectTimeout: connectTimeoutMs,
    perMessageDeflate: false,
    wsEngine: PunctualWebSocketServer,
    destroyUpgrade: false,
    allowRequest: (request, answer) => {
      // No browser asks first before it opens a WebSocket.
      const refusal = origins.admits(request.headers) ? reasonToRefuse(new URL(request.url ?? '', 'http://node').searchParams) : 'Origin: not one of GATEPOST_ORIGINS'
      answer(refusal, refusal === undefined)
    }
  })
  io.engine.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
    response.setHeader('x-content-type-options', 'nosniff')
    next()
  })
  io.engine.use(floodGuards.holdPosts)
  io.engine.on('connection', floodGuards.watch)
  io.engine.on('connection', forgetRequest)
  takeWebSocketsOnly(httpServer, `${io.path()}/`)
  return io
}

/** Before there is a connection; undefined for who may open one. */
function reasonToRefuse (query: URLSearchParams): string | undefined {
  // Engine.IO would agree to the WebSocket first, and then write the refusal as if it were frames.
  if (query.get('transport') === 'websocket' && query.get('EIO') !== '4') return 'Unsupported protocol version'
  // Answers that run as scripts: for browsers that know no CORS.
  if (query.has('j')) return 'JSONP is not served'
  return undefined
}

/** Whatever else a request asks to change to, it is answered as HTTP/1.1. */
function takeWebSocketsOnly (httpServer: HttpServer, path: string): void {
  const ofEngine = httpServer.listeners('upgrade') as Array<(request: IncomingMessage, socket: Duplex, head: Buffer) => void>
  httpServer.removeAllListeners('upgrade')
  httpServer.on('upgrade', (request, socket, head) => {
    if (isWebSocketAt(request, request.url, path)) for (const take of ofEngine) take(request, socket, head)
    else declineUpgrade(httpServer, request, socket, head)
  })
}
