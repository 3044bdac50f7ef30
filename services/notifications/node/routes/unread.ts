/** What the user has not read: the numbers, and marking all of it read. */
import { Type } from 'typebox'
import { Name } from '../../../../shared/contract/validate.js'
import { UnreadAnswer } from '../../../../shared/contract/wire.js'
import type { App } from '../../../../shared/platform/http/create-app.js'
import { refusals } from '../../../../shared/platform/http/error-response.js'
import { bodyMayBeMissing } from '../../../../shared/platform/http/optional-body.js'
import { afterWriting } from '../../log/half-done.js'
import { priceOfStreams } from '../../mailbox/user-budget.js'
import type { NotificationsNode } from '../node.js'
import { asJson, common, perUser, perWriter, strict } from './common.js'
import type { TicketAccess } from './ticket-access.js'

const ReadTo = Type.Object({
  upTo: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'a seq: a whole number below 2^53, 0 or more' }), { description: '{stream: seq}' })),
  category: Type.Optional(Name('a category'))
}, { ...strict, description: '{upTo?, category?}', examples: [{}] })

export function serveUnread (app: App, { mailbox: { marks, unread }, entrance: { budget } }: Pick<NotificationsNode, 'mailbox' | 'entrance'>, { works, reads }: TicketAccess): void {
  app.get('/messages/unread', {
    ...reads,
    schema: { ...common, operationId: 'countUnread', summary: 'Unread messages, exact, in all and by category', response: { 200: UnreadAnswer, ...refusals(...perUser) } }
  }, async (request, reply) => asJson(reply, JSON.stringify(await unread.of(request.user))))

  app.post('/messages/read', {
    ...works,
    preValidation: bodyMayBeMissing,
    schema: { ...common, operationId: 'markAllRead', summary: 'Marks everything read up to now, or up to these seqs, or in one category', body: ReadTo, response: { 200: UnreadAnswer, ...refusals(...perWriter) } }
  }, async (request, reply) => {
    const { upTo, category } = request.body
    const marked = await marks.readTo(request.user, upTo, category)
    budget.add(request.user, 'work', Math.floor(marked / 10) + priceOfStreams(upTo) - 1)
    return asJson(reply, JSON.stringify(await afterWriting(async () => await unread.of(request.user))))
  })
}
