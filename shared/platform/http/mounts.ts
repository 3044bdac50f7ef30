/**
 * Several services on one port. Each has a path of its own, `/nodes/NAME`, which it does not see: its requests, and its upgrades to WebSockets, are
 * handed to the service's own server object, which listens nowhere. There is no connection in between, and nothing is done per message.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { lookAtFirstRequests, type FirstRequests } from './first-request.js'
import { declineUpgrade, isWebSocketAt } from './upgrades.js'

export interface Mounts {
  /** The port that all of them share: what is for none of them stays with its own listeners. Once, before it listens. */
  attach: (server: Server) => void
  /**
   * `webSocketPath`: where the service takes upgrades, as it sees it. `give`: gets connections whose first request is for it, with what was read,
   * or gives false. Throws for a name that has a service.
   */
  mount: (name: string, service: Server, webSocketPath: string, give?: GiveConnection) => Mount
  has: (name: string) => boolean
  /** Takes a connection that another process accepted, with what that one has read of it. */
  adopt: (connection: Socket, read: Uint8Array) => void
  /** Takes a request that another process took: as the port does. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** Hands over what is for one of them; false for everything else. */
  take: (request: IncomingMessage, response: ServerResponse) => boolean
}

export type GiveConnection = (socket: Socket, read: Buffer) => boolean

export interface Mount {
  readonly path: string
  /** Nothing new comes from here on; resolves when what had come is answered, or ended after half a second. */
  close: () => Promise<void>
}

interface Mounted {
  readonly server: Server
  readonly webSocketPath: string
  readonly give: GiveConnection | undefined
  /** Requests that are being answered, and WebSockets. */
  readonly open: Set<ServerResponse | Duplex>
  ended: (() => void) | undefined
  /** Hears that one of them has closed. */
  readonly forget: (this: ServerResponse | Duplex) => void
}

export const mountPrefix = '/nodes/'
export const mountPath = (name: string): string => `${mountPrefix}${encodeURIComponent(name)}`

/** As long as a service on a port of its own would wait. */
const closeWithinMs = 500

/** `hasOthers`: services of other processes may be mounted, which take whole connections. */
export function createMounts ({ hasOthers = false }: { readonly hasOthers?: boolean } = {}): Mounts {
  const services = new Map<string, Mounted>()
  let shared: Server | undefined
  let firstRequests: FirstRequests | undefined

  /** The service that a path is for, and the path as the service sees it. */
  function find (url: string | undefined): { service: Mounted, rest: string } | undefined {
    if (url?.startsWith(mountPrefix) !== true) return undefined
    const [, encoded = '', rest = ''] = /^([^/?]*)(.*)$/s.exec(url.slice(mountPrefix.length)) ?? []
    const service = services.get(decoded(encoded) ?? '')
    return service === undefined ? undefined : { service, rest: rest.startsWith('/') ? rest : `/${rest}` }
  }

  function take (request: IncomingMessage, response: ServerResponse): boolean {
    const found = find(request.url)
    if (found === undefined) return false
    request.url = found.rest
    keepWhileOpen(found.service, response)
    found.service.server.emit('request', request, response)
    return true
  }

  function takeUpgrade (server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const found = find(request.url)
    if (found === undefined || !isWebSocketAt(request, found.rest, found.service.webSocketPath)) {
      declineUpgrade(server, request, socket, head)
      return
    }
    request.url = found.rest
    keepWhileOpen(found.service, socket)
    found.service.server.emit('upgrade', request, socket, head)
  }

  return {
    attach (server) {
      shared = server
      const own = server.listeners('request') as Array<(request: IncomingMessage, response: ServerResponse) => void>
      server.removeAllListeners('request')
      server.on('request', (request, response) => { if (!take(request, response)) for (const listener of own) listener.call(server, request, response) })
      if (hasOthers) firstRequests = lookAtFirstRequests(server, (path, socket, read) => find(path)?.service.give?.(socket, read) === true)
      server.on('upgrade', (request, socket, head) => { takeUpgrade(server, request, socket, head) })
    },
    mount (name, server, webSocketPath, give) {
      if (services.has(name)) throw new Error(`${JSON.stringify(name)} is mounted already`)
      const service: Mounted = {
        server,
        webSocketPath,
        give,
        open: new Set(),
        ended: undefined,
        forget () {
          service.open.delete(this)
          if (service.open.size === 0) service.ended?.()
        }
      }
      services.set(name, service)
      return {
        path: mountPath(name),
        close: async () => {
          if (services.get(name) === service) services.delete(name)
          await untilEnded(service)
        }
      }
    },
    has: name => services.has(name),
    adopt (connection, read) {
      connection.unshift(read)
      if (firstRequests !== undefined) firstRequests.pass(connection)
      else shared?.emit('connection', connection)
    },
    answer (request, response) { if (shared === undefined) response.writeHead(503).end(); else shared.emit('request', request, response) },
    take
  }
}

function keepWhileOpen (service: Mounted, connection: ServerResponse | Duplex): void {
  service.open.add(connection)
  connection.on('close', service.forget)
}

async function untilEnded (service: Mounted): Promise<void> {
  if (service.open.size === 0) return
  await new Promise<void>(resolve => {
    const timer = setTimeout(() => { for (const connection of service.open) connection.destroy() }, closeWithinMs)
    service.ended = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

/** Undefined for what is no encoded text. */
function decoded (text: string): string | undefined {
  try { return decodeURIComponent(text) } catch { return undefined }
}

/**
 * Has a service that a proxy shows under `path` take its requests with it and without it: some proxies take the path off, others leave it on.
 * After everything that listens to the server.
 */
export function acceptUnder (server: Server, path: string): void {
  if (path === '') return
  const takeOff = (request: IncomingMessage): void => {
    const { url = '' } = request
    const rest = url.startsWith(path) ? url.slice(path.length) : undefined
    if (rest !== undefined && /^(?:[/?]|$)/.test(rest)) request.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  server.prependListener('request', takeOff)
  server.prependListener('upgrade', takeOff)
}
