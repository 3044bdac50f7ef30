/** What an admin sends from the dashboard, and to how many: to all, to a group, or to one user. */
import { Type } from 'typebox'
import type { Audit } from '../../../shared/platform/audit.js'
import { IdempotencyHeaders, Message, parseMessage, parseTarget, ToAll, ToGroup, ToUser } from '../../../shared/contract/message.js'
import { groupStream } from '../../../shared/contract/names.js'
import { ringName } from '../../../shared/contract/ring.js'
import { leadStreamOf } from '../../../shared/contract/target.js'
import { Name } from '../../../shared/contract/validate.js'
import { Time } from '../../../shared/contract/wire.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { identityOf, type Access } from '../access.js'
import { nodesInTurn, type Rings } from '../assignment.js'
import { readKey } from '../read-batch.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import type { Submit } from '../submit.js'
import { adminRefusals } from './node-view.js'
import { strict } from './schemas.js'

export interface AnnouncementsOptions {
  readonly access: Access
  readonly audit: Audit
  readonly dispatch: Pick<Dispatch, 'members'>
  readonly requestWithFailover: RequestWithFailover
  readonly submit: Pick<Submit, 'one'>
  readonly rings: () => Rings
}

const Target = Type.Union([ToAll, ToGroup, ToUser], { description: 'exactly one of {all: true}, {group}, {user}' })
const { title, body, category, ttl, url, sender } = Message.properties
const Announcement = Type.Object({ to: Target, title, body, category, ttl, url, sender }, { ...strict, description: 'an announcement: {to, title?, body?, category?, ttl?, url?, sender?}', examples: [{ to: { all: true }, title: 'Closed on Monday', ttl: 86_400 }] })
const Stored = Type.Object({ id: Type.String(), createdAt: Time, duplicate: Type.Boolean() })

const Receivers = Type.Object({
  receivers: Type.Union([Type.Integer(), Type.Null()], { description: 'Members of the group; null for all: users are not counted, whoever comes later gets it too.' }),
  isAtLeast: Type.Boolean({ description: 'There are more than were counted.' }),
  online: Type.Union([Type.Integer(), Type.Null()], { description: 'For all: users with an open socket now; one on two nodes counts twice. Null for a group.' })
})
const countedPages = 10
const pageOfMembers = 1_000
const readCodes = [...adminRefusals, 'GP_NO_NODE', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE'] as const

export function serveAnnouncements (app: App, { access, audit, dispatch, requestWithFailover, submit, rings }: AnnouncementsOptions): void {
  const common = { tags: ['dashboard'], security: needsBearer }

  app.post('/gate/announcements', {
    onRequest: access('admin'),
    // First, because it names the member of `to` and not the union.
    preValidation: async ({ body }) => { if (Object.hasOwn(Object(body) as object, 'to')) parseTarget((body as { to: unknown }).to) },
    schema: {
      ...common,
      operationId: 'sendAnnouncement',
      summary: 'Send an announcement as an admin',
      description: 'Its sender is a producer of the admin\'s name. Answers once it is stored; with an `Idempotency-Key` a second try stores nothing more.',
      headers: IdempotencyHeaders,
      body: Announcement,
      response: {
        200: { ...Stored, description: 'The same key and message as before: the first one.' },
        201: { ...Stored, description: 'Stored.' },
        ...refusals(...readCodes, 'GP_VALIDATION', 'GP_IDEMPOTENCY_CONFLICT', 'GP_TOO_LARGE', 'GP_OVERLOADED', 'GP_OUTCOME_UNKNOWN')
      }
    }
  }, async (request, reply) => {
    const draft = { message: parseMessage(request.body), idempotencyKey: readKey(request.headers['idempotency-key'], 'idempotency-key') }
    const { sub: actor, scopes } = identityOf(request)
    const { status, id, createdAt, duplicate } = await submit.one(`p:${actor}`, draft)
    audit.record({ actor, scope: [...scopes].join(' '), action: 'announcement.send', target: leadStreamOf(draft.message.to), result: 'done' })
    return await reply.code(status === 200 ? 200 : 201).send({ id, createdAt, duplicate })
  })

  app.get('/gate/receivers', {
    onRequest: access('admin'),
    schema: {
      ...common,
      operationId: 'countReceivers',
      summary: 'How many an announcement to all, or to a group, reaches',
      querystring: Type.Object({ group: Type.Optional(Name('a group')) }, strict),
      response: { 200: Receivers, ...refusals(...readCodes) }
    }
  }, async request => {
    const { group } = request.query
    if (group !== undefined) return { ...await countMembers(group), online: null }
    const there = dispatch.members().filter(({ state }) => state === 'up' || state === 'draining')
    return { receivers: null, isAtLeast: false, online: there.reduce((sum, { load }) => sum + load.users, 0) }
  })

  async function countMembers (group: string): Promise<{ receivers: number, isAtLeast: boolean }> {
    const nodes = nodesInTurn(rings(), ringName(groupStream(group)), maxNodesAsked)
    let receivers = 0
    let after: string | null = null
    for (let page = 0; page < countedPages; page++) {
      const asked: { members: readonly string[], next: string | null } = (await requestWithFailover(nodes, 'list-members', { group, limit: pageOfMembers, ...after !== null && { after } })).answer
      receivers += asked.members.length
      after = asked.next
      if (after === null) break
    }
    return { receivers, isAtLeast: after !== null }
  }
}
