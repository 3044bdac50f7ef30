import { randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import type { Audit } from '../../../shared/platform/audit.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import { groupStream, userStream } from '../../../shared/contract/names.js'
import { ringName } from '../../../shared/contract/ring.js'
import { UserName } from '../../../shared/contract/validate.js'
import type { Access } from '../access.js'
import { audited } from '../audited.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import { nodesInTurn, type Rings } from '../assignment.js'
import { PageLimit, pageLimitOf } from './page-limit.js'
import { GroupParams, MemberParams, strict } from './schemas.js'

export interface GroupsOptions {
  readonly access: Access
  readonly audit: Audit
  readonly requestWithFailover: RequestWithFailover
  readonly rings: () => Rings
}

const Page = Type.Object({
  limit: PageLimit,
  after: Type.Optional(UserName('`next` of the page before'))
}, strict)

/** A user in a group, as an audit line names it. */
const memberOf = ({ group, user }: { group: string, user: string }): string => `${group}: ${user}`

export function serveGroups (app: App, { access, audit, requestWithFailover, rings }: GroupsOptions): void {
  const common = { tags: ['groups'], security: needsBearer }
  const codes = ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE', 'GP_NO_NODE', 'GP_OVERLOADED', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE'] as const
  const refused = refusals(...codes, 'GP_OUTCOME_UNKNOWN')
  // Joining and leaving lie in the user's own stream.
  const nodesOfUser = (user: string): ReturnType<typeof nodesInTurn> => nodesInTurn(rings(), ringName(userStream(user)), maxNodesAsked)

  app.put('/gate/groups/:group/members/:user', {
    onRequest: access('producer', 'admin'),
    ...audited(audit, 'group.join', memberOf),
    schema: { ...common, operationId: 'addMember', summary: 'Make a user a member', params: MemberParams, response: { 200: Type.Object({ group: Type.String(), user: Type.String() }), ...refused } }
  }, async request => {
    const { group, user } = request.params
    await requestWithFailover(nodesOfUser(user), 'join-group', { group, user, question: randomUUID() })
    return { group, user }
  })

  app.delete('/gate/groups/:group/members/:user', {
    onRequest: access('producer', 'admin'),
    ...audited(audit, 'group.leave', memberOf),
    schema: { ...common, operationId: 'removeMember', summary: 'Take a user out', params: MemberParams, response: { 204: Type.Null({ description: 'Is no member.' }), ...refused } }
  }, async (request, reply) => {
    const { group, user } = request.params
    await requestWithFailover(nodesOfUser(user), 'leave-group', { group, user, question: randomUUID() })
    return await reply.code(204).send(null)
  })

  app.get('/gate/groups/:group/members', {
    onRequest: access('producer', 'admin'),
    schema: {
      ...common,
      operationId: 'listMembers',
      summary: 'The members, page by page',
      params: GroupParams,
      querystring: Page,
      response: { 200: Type.Object({ members: Type.Array(Type.String()), next: Type.Union([Type.String(), Type.Null()], { description: '`after` of the next page; null where there is none.' }) }), ...refusals(...codes) }
    }
  }, async request => {
    const { group } = request.params
    const { limit: limitText, after } = request.query
    const limit = pageLimitOf(limitText)
    const nodes = nodesInTurn(rings(), ringName(groupStream(group)), maxNodesAsked)
    const { answer: { members, next } } = await requestWithFailover(nodes, 'list-members', { group, limit, ...after !== undefined && { after } })
    return { members: [...members], next }
  })
}
