/** One message of the user: shown, marked, removed, recalled. */
import { Type } from 'typebox'
import { ActionId } from '../../../../shared/contract/action.js'
import { refusal } from '../../../../shared/contract/errors.js'
import { MessageEntry } from '../../../../shared/contract/wire.js'
import type { App } from '../../../../shared/platform/http/create-app.js'
import { refusals } from '../../../../shared/platform/http/error-response.js'
import { bodyMayBeMissing } from '../../../../shared/platform/http/optional-body.js'
import type { Mailbox } from '../../mailbox/create-mailbox.js'
import { asJson, common, perUser, perWriter, strict } from './common.js'
import type { TicketAccess } from './ticket-access.js'

const Id = Type.Object({ id: Type.String({ minLength: 1, maxLength: 1_024, description: 'the id of a message' }) }, strict)
const Choice = Type.Object({ ...Id.properties, action: ActionId }, strict)
const Marks = Type.Object({
  read: Type.Optional(Type.Boolean({ description: 'true or false' })),
  archived: Type.Optional(Type.Boolean({ description: 'true or false' }))
}, { ...strict, description: '{read?, archived?}, at least one of them', examples: [{ read: true }] })

export function serveMessage (app: App, { marks, act, recall }: Pick<Mailbox, 'marks' | 'act' | 'recall'>, { works, reads }: TicketAccess): void {
  app.get('/messages/:id', {
    ...reads,
    schema: { ...common, operationId: 'getMessage', summary: 'One message', params: Id, response: { 200: MessageEntry, ...refusals(...perUser, 'GP_NOT_FOUND') } }
  }, async (request, reply) => asJson(reply, await marks.show(request.user, request.params.id)))

  app.patch('/messages/:id', {
    ...works,
    schema: { ...common, operationId: 'markMessage', summary: 'Marks one message read or unread, archived or not', params: Id, body: Marks, response: { 200: MessageEntry, ...refusals(...perWriter, 'GP_NOT_FOUND') } }
  }, async (request, reply) => {
    const { read, archived } = request.body
    if (read === undefined && archived === undefined) throw refusal('read, archived', undefined, 'at least one of them')
    return asJson(reply, await marks.change(request.user, request.params.id, { read, archived }))
  })

  app.delete('/messages/:id', {
    ...works,
    schema: { ...common, operationId: 'deleteMessage', summary: 'Removes one message for this user', params: Id, response: { 204: Type.Null(), ...refusals(...perWriter, 'GP_NOT_FOUND') } }
  }, async (request, reply) => {
    await marks.remove(request.user, request.params.id)
    return await reply.code(204).send(null)
  })

  app.post('/messages/:id/actions/:action', {
    ...works,
    preValidation: bodyMayBeMissing,
    schema: {
      ...common,
      operationId: 'chooseAction',
      summary: 'The receiver chooses an action of the message, once',
      params: Choice,
      body: Type.Object({}, { ...strict, description: '{}', examples: [{}] }),
      response: { 200: MessageEntry, ...refusals(...perWriter, 'GP_NOT_FOUND', 'GP_CONFLICT') }
    }
  }, async (request, reply) => asJson(reply, await act(request.user, request.params.id, request.params.action)))

  app.post('/messages/:id/recall', {
    ...works,
    schema: { ...common, operationId: 'recallMail', summary: 'Takes one\'s own message back, within 2 minutes', params: Id, response: { 200: MessageEntry, ...refusals(...perWriter, 'GP_NOT_FOUND', 'GP_NOT_SENDER', 'GP_RECALL_EXPIRED') } }
  }, async (request, reply) => asJson(reply, await recall.byUser(request.user, request.params.id)))
}
