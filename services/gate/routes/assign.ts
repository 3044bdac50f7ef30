import { Type } from 'typebox'
import { createIsoTime } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { Assignment } from '../../../shared/contract/wire.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { createTicketSigner } from '../../../shared/platform/identity/sign.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { identityOf, type Access } from '../access.js'
import { assignNode } from '../assignment.js'
import type { NodeAddress } from '../node-address.js'
import type { MemberRings } from '../member-rings.js'
import { addressByRequest, type OwnNodes } from './own-nodes.js'
import { strict } from './schemas.js'

export interface AssignOptions {
  readonly access: Access
  readonly dispatch: Pick<Dispatch, 'hasConverged'>
  readonly rings: () => MemberRings
  readonly ownNodes: OwnNodes | undefined
  readonly signTicket: ReturnType<typeof createTicketSigner>
}

const takesNodes = 'ids of nodes, each as a parameter of its own'
const Query = Type.Object({
  avoid: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description: takesNodes }))
}, strict)
const nobody: ReadonlySet<string> = new Set()
const nowhere: NodeAddress = { url: '' }
const isoOfExpiry = createIsoTime()

export function serveAssign (app: App, { access, dispatch, rings, ownNodes, signTicket }: AssignOptions): void {
  app.get('/gate/assign', {
    onRequest: access('user'),
    schema: {
      tags: ['users'],
      operationId: 'assignNode',
      summary: "The user's node, and a ticket for it",
      description: '`avoid` names a node that was just found unreachable: the next one on the ring is given.',
      security: needsBearer,
      querystring: Query,
      response: { 200: Assignment, ...refusals('GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE', 'GP_NO_NODE', 'GP_OVERLOADED') }
    }
  }, request => {
    const { sub: user, groups, profile, expiresAt: userTokenExpiresAt, issuedAt: userTokenIssuedAt, aheadMs: userTokenAheadMs } = identityOf(request)
    const { avoid } = request.query
    // Who knows half of the members would give half of the users another node than the other Gates do.
    if (!dispatch.hasConverged || ownNodes?.areThere() === false) throw new GatepostError('GP_NO_NODE', 'this Gate has not heard of all nodes yet')
    const current = rings()
    const id = assignNode(current, user, avoid === undefined ? nobody : new Set(typeof avoid === 'string' ? [avoid] : avoid))
    if (id === undefined) throw new GatepostError('GP_NO_NODE', 'no node is healthy')
    const { ticket, expiresAt } = signTicket({ user, node: id, groups, profile, userTokenExpiresAt, userTokenIssuedAt, userTokenAheadMs })
    const { url, path } = addressByRequest(ownNodes, id, request.headers) ?? current.addresses.get(id) ?? nowhere
    return { user, node: { id, url, ...path !== undefined && { path } }, ticket, expiresAt: isoOfExpiry(expiresAt) }
  })
}
