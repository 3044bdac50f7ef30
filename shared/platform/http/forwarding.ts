/**
 * A service of another process of this machine, which listens on a Unix socket: requests go there and their answers come back. A WebSocket
 * is handed over as a whole (`giveUpgrade`): what it carries later passes through no other process.
 */
import { Agent, createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { GatepostError, outcomeUnknown } from '../../contract/errors.js'
import { toErrorResponse } from './error-response.js'

export interface ForwardingOptions {
  /** Where the service listens. */
  readonly socketPath: string
  /** What its paths begin with there, without a slash at the end. */
  readonly path: string
  /** Gets an upgrade's request as text, with what came behind it, and its socket. */
  readonly giveUpgrade: (head: Buffer, socket: Duplex) => void
}

/** A client with a ticket of a node that is gone asks Gate again. */
const nobodyThere = (): GatepostError => new GatepostError('GP_TICKET_WRONG_NODE', 'the process of this node has ended; ask Gate for another node')

const reads = new Set(['GET', 'HEAD', 'OPTIONS'])
const wasNothingDone = ({ method = '' }: IncomingMessage, error: NodeJS.ErrnoException): boolean => error.syscall === 'connect' || reads.has(method)

function refuse (outgoing: ServerResponse, error: GatepostError): void {
  const { statusCode, headers, body } = toErrorResponse(error)
  outgoing.writeHead(statusCode, { ...headers, 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** What is said about one connection (RFC 9110, 7.6.1): with a client's `Connection: close` the other side would close one of ours behind our back. */
const ofOneConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade'])

/** Names and values in turn, as Node has them. */
function endToEnd (rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !ofOneConnection.has(rawHeaders[at - at % 2]!.toLowerCase()))
}

/** Listens nowhere: for a mount (mounts.ts). */
export function createForwarding ({ socketPath, path, giveUpgrade }: ForwardingOptions): { readonly server: Server, readonly close: () => void } {
  // The other side closes idle connections too; ours must go first, or a request could meet a closing one.
  const agent = new Agent({ keepAlive: true, timeout: 30_000 })
  const server = createServer((incoming, outgoing) => { forward(incoming, outgoing) })

  function forward (incoming: IncomingMessage, outgoing: ServerResponse): void {
    const request = ask({ agent, socketPath, method: incoming.method, path: `${path}${incoming.url}`, headers: endToEnd(incoming.rawHeaders), setHost: false }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders))
      answer.pipe(outgoing)
      answer.once('error', () => { outgoing.destroy() })
    })
    request.once('error', error => {
      if (outgoing.headersSent) outgoing.destroy()
      else refuse(outgoing, wasNothingDone(incoming, error) ? nobodyThere() : outcomeUnknown('the process of this node ended', error))
    })
    outgoing.once('close', () => { if (!outgoing.writableEnded) request.destroy() })
    incoming.pipe(request)
  }

  server.on('upgrade', (request, socket, behind) => {
    const lines = [`${request.method} ${path}${request.url} HTTP/${request.httpVersion}`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    giveUpgrade(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), behind]), socket)
  })
  return { server, close: () => { agent.destroy() } }
}
