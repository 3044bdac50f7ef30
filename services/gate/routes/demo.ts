/**
 * What the demo's page does beside being any user: it is a backend, and it drains nodes. Registered only where the demo is on, and for
 * Gate's own pages and programs alone. It gives nobody an admin's token, and the last node stays.
 */
import { Type } from 'typebox'
import { GatepostError, shown } from '../../../shared/contract/errors.js'
import { askNode } from '../../../shared/contract/node-rpc.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { signToken } from '../../../shared/platform/identity/sign.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { LoginOptions } from './login.js'

export interface DemoOptions extends Pick<LoginOptions, 'now' | 'forOwnPages'> {
  /** Signs producers' tokens. */
  readonly secret: string
  readonly dispatch: Pick<Dispatch, 'members' | 'ask'>
}

const demoProducer = 'demo-shop'
const producerTokenTtlMs = 60 * 60_000
const NodeParams = Type.Object({ id: Type.String() })

export function serveDemo (app: App, { secret, dispatch, now, forOwnPages }: DemoOptions): void {
  const common = { onRequest: forOwnPages }

  // As text, so that a line of shell can use it.
  app.post('/gate/demo/token', { ...common, schema: { hide: true } }, async (_request, reply) => {
    const token = signToken({ secret, sub: demoProducer, scopes: ['producer'], groups: [], ttlMs: producerTokenTtlMs, now })
    return await reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store').send(token)
  })

  app.get('/gate/demo/nodes', { ...common, schema: { hide: true } }, async () => ({
    nodes: dispatch.members().map(({ id, url, state, load }) => ({ id, url, state, sockets: load.sockets }))
  }))

  for (const [method, kind] of [['POST', 'drain'], ['DELETE', 'undrain']] as const) {
    app.route({
      ...common,
      method,
      url: '/gate/demo/nodes/:id/drain',
      schema: { hide: true, params: NodeParams },
      handler: async (request, reply) => {
        const { id } = request.params
        const members = dispatch.members()
        const node = members.find(member => member.id === id)
        if (node === undefined) throw new GatepostError('GP_NOT_FOUND', `node: got ${shown(id)}; takes the id of a node that is here`)
        if (kind === 'drain' && !members.some(member => member.id !== id && member.state === 'up')) {
          throw new GatepostError('GP_CONFLICT', `node: got ${shown(id)}, the last one that takes users; takes one beside which another is up`)
        }
        await askNode(dispatch, node.id, kind, {})
        return await reply.code(202).send({ id })
      }
    })
  }
}
