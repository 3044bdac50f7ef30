/** The mail of the user whose ticket is sent (docs/protocol.md "Mail"). */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { IdempotencyKey, Message, parseMessage } from '../../../../shared/contract/message.js'
import { refusal } from '../../../../shared/contract/errors.js'
import type { App } from '../../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../../shared/platform/http/document-api.js'
import { refusals } from '../../../../shared/platform/http/error-response.js'
import { bearerToken } from '../../../../shared/contract/claims.js'
import type { UserId } from '../../../../shared/contract/names.js'
import { createValidator, Name, UserName } from '../../../../shared/contract/validate.js'
import { decodePosition } from '../../mailbox/queries/inbox-pages.js'
import { answerPosted } from './answer-posted.js'
import type { NodeCore } from '../node.js'
import { afterWriting } from '../../log/half-done.js'
import { createAnswerBudget } from './answer-budget.js'
import { entriesPerPrice, type Purpose } from '../../mailbox/user-budget.js'
import { MessageEntry, Page, PostedAnswer, UnreadAnswer, VolatileAnswer } from '../../../../shared/contract/wire.js'

const strict = { additionalProperties: false } as const
const json = 'application/json; charset=utf-8'

const PageParameters = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^(?:[1-9]|[1-9][0-9]|1[0-9][0-9]|200)$', description: 'a whole number, 1 to 200' })),
  before: Type.Optional(Type.String({ maxLength: 2_048, description: 'the `next` of an earlier page' })),
  box: Type.Optional(Type.Union([Type.Literal('inbox'), Type.Literal('sent'), Type.Literal('archived')], { description: 'inbox, sent or archived' })),
  unread: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')], { description: 'true or false' })),
  category: Type.Optional(Name('a category')),
  with: Type.Optional(UserName())
}, strict)

const Id = Type.Object({ id: Type.String({ minLength: 1, maxLength: 1_024, description: 'the id of a message' }) }, strict)
const Marks = Type.Object({
  read: Type.Optional(Type.Boolean({ description: 'true or false' })),
  archived: Type.Optional(Type.Boolean({ description: 'true or false' }))
}, { ...strict, description: '{read?, archived?}, at least one of them' })
const ReadTo = Type.Object({
  upTo: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'a seq: a whole number below 2^53, 0 or more' }), { description: '{stream: seq}' })),
  category: Type.Optional(Name('a category'))
}, { ...strict, description: '{upTo?, category?}' })

const validateKey = createValidator(IdempotencyKey)
const perUser = ['GP_TOKEN_MISSING', 'GP_TOKEN_REVOKED', 'GP_TICKET_EXPIRED', 'GP_TICKET_WRONG_NODE', 'GP_RATE_LIMIT', 'GP_STORE_UNAVAILABLE', 'GP_OVERLOADED'] as const
const perWriter = [...perUser, 'GP_OUTCOME_UNKNOWN'] as const

export function serveMessages (app: App, core: NodeCore): void {
  app.decorateRequest('user', '' as UserId)
  // With a callback: a promise for each request costs more than what there is to wait for, nearly always nothing.
  const authenticate = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    const ticket = core.verifyTicket(bearerToken(request.headers.authorization))
    request.user = ticket.user as UserId
    const joining = core.joinByTicket(ticket)
    if (joining === undefined) done()
    else joining.then(() => { done() }, done)
  }
  /** After the request was found right: what is refused for its form is not counted. */
  const priced = (purpose: Purpose) => (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    const charging = core.budget.charge(request.user, purpose)
    if (charging === undefined) done()
    else charging.then(() => { done() }, done)
  }
  const works = { onRequest: authenticate, preHandler: priced('work') }
  const reads = { onRequest: authenticate, preHandler: priced('reading') }
  const answers = createAnswerBudget()
  const asJson = (reply: FastifyReply, text: string): FastifyReply => reply.header('content-type', json).send(text)
  const common = { tags: ['messages'], security: needsBearer }

  app.post('/messages', {
    onRequest: authenticate,
    // The whole check of a message is parseMessage: it names members of `to`, counts bytes and levels.
    validatorCompiler: () => () => true,
    schema: {
      ...common,
      summary: 'Sends mail to users or to a group of one\'s own',
      headers: Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKey) }),
      body: Message,
      response: { 201: PostedAnswer, 200: PostedAnswer, 202: VolatileAnswer, ...refusals(...perWriter, 'GP_SCOPE', 'GP_NOT_MEMBER', 'GP_IDEMPOTENCY_CONFLICT', 'GP_TOO_LARGE', 'GP_DISPATCH_UNAVAILABLE') }
    }
  }, (request, reply) => {
    const key = request.headers['idempotency-key']
    const idempotencyKey = key === undefined ? undefined : validateKey(key, 'Idempotency-Key')
    core.postByUser(request.user, [{ draft: parseMessage(request.body), idempotencyKey }])[0]!.then(posted => {
      const { status, body } = answerPosted(posted)
      asJson(reply.code(status), JSON.stringify(body))
    }, (error: unknown) => { void (reply as FastifyReply).send(error) })
  })

  app.get('/messages', {
    ...reads,
    schema: { ...common, summary: 'Newest first, over all that the user may see', querystring: PageParameters, response: { 200: Page, ...refusals(...perUser) } }
  }, async (request, reply) => {
    const { limit, before, box, unread, category, with: other } = request.query
    return asJson(reply, await core.pages.page(request.user, {
      limit: limit === undefined ? 50 : Number(limit),
      before: before === undefined ? undefined : decodePosition(before),
      box: (box ?? 'inbox'),
      onlyUnread: unread === 'true',
      category,
      with: other,
      count: answers.hold(request.user, reply.raw),
      looked: entries => { core.budget.add(request.user, 'reading', Math.floor(entries / entriesPerPrice)) }
    }))
  })

  app.get('/messages/unread', {
    ...reads,
    schema: { ...common, summary: 'Unread messages, exact, in all and by category', response: { 200: UnreadAnswer, ...refusals(...perUser) } }
  }, async (request, reply) => asJson(reply, JSON.stringify(await core.unread.of(request.user))))

  app.post('/messages/read', {
    ...works,
    // No body at all is everything, as `{}` is.
    preValidation: async request => { if (request.body === undefined) request.body = {} },
    schema: { ...common, summary: 'Marks everything read up to now, or up to these seqs, or in one category', body: ReadTo, response: { 200: UnreadAnswer, ...refusals(...perWriter) } }
  }, async (request, reply) => {
    const { upTo, category } = request.body
    const marked = await core.marks.readTo(request.user, upTo, category)
    core.budget.add(request.user, 'work', Math.floor(marked / 10))
    return asJson(reply, JSON.stringify(await afterWriting(async () => await core.unread.of(request.user))))
  })

  app.get('/messages/:id', {
    ...reads,
    schema: { ...common, summary: 'One message', params: Id, response: { 200: MessageEntry, ...refusals(...perUser, 'GP_NOT_FOUND') } }
  }, async (request, reply) => asJson(reply, await core.marks.show(request.user, request.params.id)))

  app.patch('/messages/:id', {
    ...works,
    schema: { ...common, summary: 'Marks one message read or unread, archived or not', params: Id, body: Marks, response: { 200: MessageEntry, ...refusals(...perWriter, 'GP_NOT_FOUND') } }
  }, async (request, reply) => {
    const { read, archived } = request.body
    if (read === undefined && archived === undefined) throw refusal('read, archived', undefined, 'at least one of them')
    return asJson(reply, await core.marks.change(request.user, request.params.id, { read, archived }))
  })

  app.delete('/messages/:id', {
    ...works,
    schema: { ...common, summary: 'Removes one message for this user', params: Id, response: { 204: Type.Null(), ...refusals(...perWriter, 'GP_NOT_FOUND') } }
  }, async (request, reply) => {
    await core.marks.remove(request.user, request.params.id)
    return await reply.code(204).send(null)
  })

  app.post('/messages/:id/recall', {
    ...works,
    schema: { ...common, summary: 'Takes one\'s own message back, within 2 minutes', params: Id, response: { 200: MessageEntry, ...refusals(...perWriter, 'GP_NOT_FOUND', 'GP_NOT_SENDER', 'GP_RECALL_EXPIRED') } }
  }, async (request, reply) => asJson(reply, await core.recall.byUser(request.user, request.params.id)))
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose ticket the request carries. */
    user: UserId
  }
}
