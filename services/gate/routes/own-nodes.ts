/** Nodes of Gate's own process, which are reached by Gate's port under /nodes/ID (shared/platform/http/mounts.ts). */
import type { IncomingHttpHeaders } from 'node:http'
import type { NodeId } from '../../../shared/contract/names.js'
import { GatepostError, shown } from '../../../shared/contract/errors.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { mountPath, mountPrefix, type Mounts } from '../../../shared/platform/http/mounts.js'
import { nodeAddress, type NodeAddress } from '../node-address.js'

export interface OwnNodes {
  readonly mounts: Mounts
  /** Gate listens on all addresses of the machine, and nobody said by which one clients come: by the one they asked by. */
  readonly isByRequest: boolean
  /** All of them have started: users are given to none before, since the rings would be others then. */
  readonly areThere: () => boolean
}

/** Undefined where it is as announced. Whoever sends wrong headers is the only one to get the answer. */
export function addressByRequest (own: OwnNodes | undefined, id: NodeId, { host, 'x-forwarded-proto': protocol }: IncomingHttpHeaders): NodeAddress | undefined {
  if (own?.isByRequest !== true || !own.mounts.has(id) || host === undefined || !/^[\w.:[\]-]+$/.test(host)) return undefined
  const base = `${protocol === 'https' ? 'https' : 'http'}://${host}`
  return URL.canParse(base) ? nodeAddress(`${new URL(base).origin}${mountPath(id)}`) : undefined
}

/** What was not handed over: the node is not in this process, or Fastify's second server for `localhost` took it. */
export function serveOwnNodes (app: App, { mounts }: OwnNodes): void {
  for (const url of [`${mountPrefix}:id`, `${mountPrefix}:id/*`]) {
    app.route<{ Params: { id: string } }>({
      // A preflight is answered as everywhere.
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url,
      schema: { hide: true },
      onRequest: (request, reply, done) => {
        if (mounts.take(request.raw, reply.raw)) { reply.hijack(); return }
        const text = `node: got ${shown(request.params.id)}; takes a node of this process, as GET /gate/assign gives it`
        // A client with a ticket of a node that is gone asks Gate again; a 404 would tell it that its message is gone.
        done(new GatepostError(request.headers.authorization === undefined ? 'GP_NOT_FOUND' : 'GP_TICKET_WRONG_NODE', text))
      },
      handler: () => {}
    })
  }
}
