/** The mail of the user whose ticket is sent (docs/protocol.md "Mail"): sending it, and lists of it. */
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { IdempotencyHeaders, IdempotencyKey, Message, parseMessage } from '../../../../shared/contract/message.js'
import { createValidator, Name, UserName } from '../../../../shared/contract/validate.js'
import { Page, PostedAnswer, VolatileAnswer } from '../../../../shared/contract/wire.js'
import type { App } from '../../../../shared/platform/http/create-app.js'
import { refusals } from '../../../../shared/platform/http/error-response.js'
import { decodePosition } from '../../mailbox/queries/inbox-pages.js'
import { entriesPerPrice } from '../../mailbox/user-budget.js'
import type { NotificationsNode } from '../node.js'
import { createAnswerBudget } from './answer-budget.js'
import { answerPosted } from './answer-posted.js'
import { asJson, common, perUser, perWriter, strict } from './common.js'
import { serveMessage } from './message.js'
import { createTicketAccess } from './ticket-access.js'
import { serveUnread } from './unread.js'

const PageParameters = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^(?:[1-9]|[1-9][0-9]|1[0-9][0-9]|200)$', description: 'a whole number, 1 to 200' })),
  before: Type.Optional(Type.String({ maxLength: 2_048, description: 'the `next` of an earlier page' })),
  box: Type.Optional(Type.Union([Type.Literal('inbox'), Type.Literal('sent'), Type.Literal('archived')], { description: 'inbox, sent or archived' })),
  unread: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')], { description: 'true or false' })),
  category: Type.Optional(Name('a category')),
  with: Type.Optional(UserName())
}, strict)

const validateKey = createValidator(IdempotencyKey)

export function serveMessages (app: App, node: NotificationsNode): void {
  const access = createTicketAccess(app, node.entrance)
  const answers = createAnswerBudget()

  app.post('/messages', {
    onRequest: access.authenticate,
    // The whole check of a message is parseMessage: it names members of `to`, counts bytes and levels.
    validatorCompiler: () => () => true,
    schema: {
      ...common,
      operationId: 'sendMail',
      summary: 'Sends mail to users or to a group of one\'s own',
      headers: IdempotencyHeaders,
      body: { ...Message, examples: [{ to: { user: 'bob' }, title: 'Lunch?', body: 'At noon, the usual place.' }] },
      response: { 201: PostedAnswer, 200: PostedAnswer, 202: VolatileAnswer, ...refusals(...perWriter, 'GP_SCOPE', 'GP_NOT_MEMBER', 'GP_IDEMPOTENCY_CONFLICT', 'GP_TOO_LARGE', 'GP_DISPATCH_UNAVAILABLE') }
    }
  }, (request, reply) => {
    const key = request.headers['idempotency-key']
    const idempotencyKey = key === undefined ? undefined : validateKey(key, 'Idempotency-Key')
    node.posting.byUser(request.user, [{ draft: parseMessage(request.body), idempotencyKey, profile: request.profile }])[0]!.then(posted => {
      const { status, body } = answerPosted(posted)
      asJson(reply.code(status), JSON.stringify(body))
    }, (error: unknown) => { void (reply as FastifyReply).send(error) })
  })

  app.get('/messages', {
    ...access.reads,
    schema: { ...common, operationId: 'listMessages', summary: 'Newest first, over all that the user may see', querystring: PageParameters, response: { 200: Page, ...refusals(...perUser) } }
  }, async (request, reply) => {
    const { limit, before, box, unread, category, with: other } = request.query
    return asJson(reply, await node.mailbox.pages.page(request.user, {
      limit: limit === undefined ? 50 : Number(limit),
      before: before === undefined ? undefined : decodePosition(before),
      box: (box ?? 'inbox'),
      onlyUnread: unread === 'true',
      category,
      with: other,
      count: answers.hold(request.user, reply.raw),
      looked: entries => { node.entrance.budget.add(request.user, 'reading', Math.floor(entries / entriesPerPrice)) }
    }))
  })

  serveUnread(app, node, access)
  serveMessage(app, node.mailbox, access)
}
