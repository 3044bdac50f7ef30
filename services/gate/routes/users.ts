import { Type } from 'typebox'
import type { Audit } from '../../../shared/platform/audit.js'
import { askNodes } from '../../../shared/contract/node-rpc.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Access } from '../access.js'
import { audited } from '../audited.js'
import { UserParams } from './schemas.js'

export interface UsersOptions {
  readonly access: Access
  readonly audit: Audit
  readonly dispatch: Pick<Dispatch, 'askAll' | 'isConnected'>
}

const Presence = Type.Object({
  user: Type.String(),
  online: Type.Boolean(),
  sockets: Type.Integer(),
  nodes: Type.Array(Type.String(), { description: 'Ids of the nodes with a socket of this user.' })
})

export function serveUsers (app: App, { access, audit, dispatch }: UsersOptions): void {
  const common = { tags: ['users'], security: needsBearer, params: UserParams }
  const refused = refusals('GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE', 'GP_DISPATCH_UNAVAILABLE')
  const checkLink = (): void => {
    if (!dispatch.isConnected) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no connection to the nodes')
  }

  app.get('/gate/users/:user/presence', {
    onRequest: access('producer', 'admin'),
    schema: { ...common, operationId: 'getPresence', summary: 'The open sockets of a user, now, over all nodes', response: { 200: Presence, ...refused } }
  }, async request => {
    checkLink()
    const { user } = request.params
    const found = [...await askNodes(dispatch, 'presence', { user })].filter(([, answer]) => answer.sockets > 0)
    const sockets = found.reduce((sum, [, answer]) => sum + answer.sockets, 0)
    return { user, online: sockets > 0, sockets, nodes: found.map(([id]) => id).sort() }
  })

  app.post('/gate/users/:user/disconnect', {
    onRequest: access('producer', 'admin'),
    ...audited<{ user: string }>(audit, 'user.disconnect', ({ user }) => user),
    schema: { ...common, operationId: 'disconnectUser', summary: 'Close all sockets of a user everywhere', response: { 200: Type.Object({ sockets: Type.Integer({ description: 'How many were closed.' }) }), ...refused } }
  }, async request => {
    checkLink()
    const answers = await askNodes(dispatch, 'disconnect', request.params)
    return { sockets: [...answers.values()].reduce((sum, { sockets }) => sum + sockets, 0) }
  })
}
