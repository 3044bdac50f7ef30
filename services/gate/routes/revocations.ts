import { Type } from 'typebox'
import type { Audit } from '../../../shared/platform/audit.js'
import { refusal } from '../../../shared/contract/errors.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import { bodyMayBeMissing } from '../../../shared/platform/http/optional-body.js'
import type { Revocation } from '../../../shared/contract/revocations.js'
import { revocationStream, type NodeId } from '../../../shared/contract/names.js'
import { ringName } from '../../../shared/contract/ring.js'
import { UserName } from '../../../shared/contract/validate.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Access } from '../access.js'
import { audited } from '../audited.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import { nodesInTurn, type Rings } from '../assignment.js'
import type { FollowedRevocations } from '../follow-revocations.js'
import { PageLimit, pageLimitOf } from './page-limit.js'
import { Time } from '../../../shared/contract/wire.js'
import { strict } from './schemas.js'

export interface RevocationsOptions {
  readonly access: Access
  readonly audit: Audit
  readonly requestWithFailover: RequestWithFailover
  readonly rings: () => Rings
  readonly dispatch: Pick<Dispatch, 'members'>
  readonly revocations: Pick<FollowedRevocations, 'page' | 'catchUp'>
  /** Ms since 1970. */
  readonly now: () => number
}

const Kind = Type.Union([Type.Literal('user'), Type.Literal('producer'), Type.Literal('admin')], { description: 'user, producer or admin' })
const Params = Type.Object({ kind: Kind, name: UserName('the name of a user, a producer or an admin') })
const Body = Type.Object({
  before: Type.Optional(Type.String({ format: 'date-time', description: 'a time in ISO 8601: what was issued before it is refused; now where none is given' }))
}, { ...strict, description: '{before?}', examples: [{}] })
const View = Type.Object({ kind: Type.String(), name: Type.String(), before: Time })
const Page = Type.Object({
  limit: PageLimit,
  after: Type.Optional(Type.String({ description: '`next` of the page before' }))
}, strict)

const viewOf = ({ kind, name, before }: Revocation): { kind: string, name: string, before: string } => ({ kind, name, before: new Date(before).toISOString() })

const revokedOf = ({ kind, name }: { kind: string, name: string }): string => `${kind} ${name}`

export function serveRevocations (app: App, { access, audit, requestWithFailover, rings, dispatch, revocations, now }: RevocationsOptions): void {
  const common = { tags: ['revocations'], security: needsBearer }
  const read = ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE'] as const
  const written = [...read, 'GP_NO_NODE', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE', 'GP_OUTCOME_UNKNOWN'] as const

  /** Durable, and in force on this Gate, when it resolves. */
  async function record (kind: Revocation['kind'], name: string, before: number | null): Promise<void> {
    const nodes = knowing(nodesInTurn(rings(), ringName(revocationStream), dispatch.members().length)).slice(0, maxNodesAsked)
    const { others } = await requestWithFailover(nodes, 'revoke', { kind, name, before })
    // The node that recorded it knows of it; the others read the same log.
    for (const node of [...nodes.slice(0, nodes.length - others.length).reverse(), ...others]) {
      try {
        await revocations.catchUp(node)
        return
      } catch { /* the next one; and heartbeats tell of it too */ }
    }
  }

  /** Nodes of version 0.1 know no revocations. */
  function knowing (nodes: readonly NodeId[]): NodeId[] {
    const able = new Set(dispatch.members().filter(member => member.revocations !== undefined).map(({ id }) => id))
    return nodes.filter(node => able.has(node))
  }

  app.put('/gate/revocations/:kind/:name', {
    onRequest: access('admin'),
    ...audited(audit, 'revocation.set', revokedOf),
    preValidation: bodyMayBeMissing,
    schema: {
      ...common,
      operationId: 'setRevocation',
      summary: 'Refuse what was issued to somebody before a time, and close the sockets opened with it',
      params: Params,
      body: Body,
      response: { 200: View, ...refusals(...written, 'GP_VALIDATION') }
    }
  }, async request => {
    const { kind, name } = request.params
    const { before } = request.body
    const revocation: Revocation = { kind, name, before: before === undefined ? now() : Date.parse(before) }
    if (Number.isNaN(revocation.before)) throw refusal('before', before, 'a time in ISO 8601')
    await record(kind, name, revocation.before)
    return viewOf(revocation)
  })

  app.delete('/gate/revocations/:kind/:name', {
    onRequest: access('admin'),
    ...audited(audit, 'revocation.lift', revokedOf),
    schema: { ...common, operationId: 'liftRevocation', summary: 'Lift a revocation', params: Params, response: { 204: Type.Null({ description: 'None is in force.' }), ...refusals(...written) } }
  }, async (request, reply) => {
    const { kind, name } = request.params
    await record(kind, name, null)
    return await reply.code(204).send(null)
  })

  app.get('/gate/revocations', {
    onRequest: access('admin'),
    schema: {
      ...common,
      operationId: 'listRevocations',
      summary: 'Those in force, page by page',
      querystring: Page,
      response: { 200: Type.Object({ revocations: Type.Array(View), next: Type.Union([Type.String(), Type.Null()], { description: '`after` of the next page; null where there is none.' }) }), ...refusals(...read, 'GP_NO_NODE', 'GP_DISPATCH_UNAVAILABLE') }
    }
  }, async request => {
    const { limit: limitText, after } = request.query
    const limit = pageLimitOf(limitText)
    const { revocations: found, next } = revocations.page(limit, after)
    return { revocations: found.map(viewOf), next }
  })
}
