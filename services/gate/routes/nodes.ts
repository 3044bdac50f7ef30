import { Type } from 'typebox'
import type { Audit } from '../../../shared/platform/audit.js'
import { askNode } from '../../../shared/contract/node-rpc.js'
import { GatepostError, shown } from '../../../shared/contract/errors.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { Dispatch, Member } from '../../dispatch/dispatch.js'
import type { Access } from '../access.js'
import { audited } from '../audited.js'
import type { Rings } from '../assignment.js'
import { adminRefusals, NodeView, viewOfNode } from './node-view.js'

export interface NodesOptions {
  readonly access: Access
  readonly audit: Audit
  readonly dispatch: Pick<Dispatch, 'members' | 'ask'>
  readonly rings: () => Rings
}

const NodeParams = Type.Object({ id: Type.String() })
const Ordered = Type.Object({ id: Type.String() })

export function serveNodes (app: App, { access, audit, dispatch, rings }: NodesOptions): void {
  const find = (id: string): Member => {
    const member = dispatch.members().find(member => member.id === id)
    if (member === undefined) throw new GatepostError('GP_NOT_FOUND', `node: got ${shown(id)}; takes the id of a node that was here in the last 10 minutes`)
    return member
  }

  app.get('/gate/nodes', {
    onRequest: access('admin'),
    schema: {
      tags: ['nodes'],
      operationId: 'listNodes',
      summary: 'All nodes and how they are',
      security: needsBearer,
      response: { 200: Type.Object({ nodes: Type.Array(NodeView) }), ...refusals(...adminRefusals) }
    }
  }, async () => {
    const shares = rings().up.shares()
    return { nodes: dispatch.members().map(member => viewOfNode(member, shares)) }
  })

  app.get('/gate/nodes/:id', {
    onRequest: access('admin'),
    schema: { tags: ['nodes'], operationId: 'getNode', summary: 'One node', security: needsBearer, params: NodeParams, response: { 200: NodeView, ...refusals(...adminRefusals, 'GP_NOT_FOUND') } }
  }, async request => viewOfNode(find(request.params.id), rings().up.shares()))

  for (const [method, kind, operationId, summary] of [
    ['POST', 'drain', 'drainNode', 'Take a node off the ring and hand its sockets over'],
    ['DELETE', 'undrain', 'undrainNode', 'Put a drained node that still runs back on the ring']
  ] as const) {
    app.route({
      method,
      url: '/gate/nodes/:id/drain',
      onRequest: access('admin'),
      ...audited<{ id: string }>(audit, `node.${kind}`, ({ id }) => id),
      schema: {
        tags: ['nodes'],
        operationId,
        summary,
        security: needsBearer,
        params: NodeParams,
        response: { 202: { ...Ordered, description: 'The node has taken the order.' }, ...refusals(...adminRefusals, 'GP_NOT_FOUND', 'GP_DISPATCH_UNAVAILABLE', 'GP_OUTCOME_UNKNOWN') }
      },
      handler: async (request, reply) => {
        const { id } = find(request.params.id)
        await askNode(dispatch, id, kind, {})
        return await reply.code(202).send({ id })
      }
    })
  }
}
