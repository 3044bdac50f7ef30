import { randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import { Message, parseMessage, parseTarget, Target, IdempotencyHeaders, IdempotencyKey } from '../../../shared/contract/message.js'
import type { MessageResult, RefusedMessage } from '../../../shared/contract/node-rpc.js'
import { GatepostError, refusal, refusalInWords } from '../../../shared/contract/errors.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import { ringName } from '../../../shared/contract/ring.js'
import { leadStreamOf } from '../../../shared/contract/target.js'
import { identityOf, type Access } from '../access.js'
import type { TakeOfProducer } from '../producer-limit.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import { nodesInTurn, type Rings } from '../assignment.js'
import type { Draft, Submit } from '../submit.js'
import { isDraft, maxBatchMessages, readBatch, readKey } from '../read-batch.js'
import { Time } from '../../../shared/contract/wire.js'
import { strict } from './schemas.js'

export interface MessagesOptions {
  readonly access: Access
  readonly requestWithFailover: RequestWithFailover
  readonly submit: Submit
  readonly rings: () => Rings
  /** Undefined: as many as they want. */
  readonly takeOfProducer: TakeOfProducer | undefined
  /** Told the status of every message that was answered, also of those in a batch. */
  readonly count: (status: number) => void
}

const maxBatchBytes = 8 * 1024 * 1024
const takesBody = `a message, or an array of 1 to ${maxBatchMessages} messages`

const order = { to: { user: 'ann' }, title: 'Your order is on its way', body: 'It arrives tomorrow.', category: 'orders', url: '/orders/1042', data: { order: 1042 } }
const examples = {
  message: { summary: 'To one user', value: order },
  announcement: { summary: 'To everybody, for a day', value: { to: { all: true }, title: 'Closed on Monday', ttl: 86_400 } },
  batch: { summary: 'Several at once', value: [{ ...order, idempotencyKey: 'order-1042-shipped' }, { to: { users: ['bob', 'cid'] }, title: 'Your parcel is here', idempotencyKey: 'parcel-77' }] }
}
const Item = Type.Object({ ...Message.properties, idempotencyKey: Type.Optional(IdempotencyKey) }, strict)
const Body = Type.Union([Message, Type.Array(Item, { minItems: 1, maxItems: maxBatchMessages })], { description: takesBody, 'x-examples': examples })
const Stored = Type.Object({ id: Type.String(), createdAt: Time, duplicate: Type.Boolean() }, { title: 'Stored' })
const HandedOn = Type.Object({ id: Type.String(), createdAt: Time }, { title: 'HandedOn' })
const Results = Type.Object({
  results: Type.Array(Type.Object({
    status: Type.Integer(),
    id: Type.Optional(Type.String()),
    createdAt: Type.Optional(Time),
    duplicate: Type.Optional(Type.Boolean()),
    code: Type.Optional(Type.String()),
    message: Type.Optional(Type.String())
  }), { description: 'In order; {status, id, createdAt, duplicate}, or {status, code, message}.' })
}, { title: 'Results' })

export function serveMessages (app: App, { access, requestWithFailover, submit, rings, takeOfProducer, count }: MessagesOptions): void {
  app.post('/gate/messages', {
    onRequest: access('producer'),
    bodyLimit: maxBatchBytes,
    // Each message is checked by itself, so that a bad one stops no other; the schema here is for the document.
    validatorCompiler: () => () => true,
    schema: {
      tags: ['messages'],
      operationId: 'sendMessage',
      summary: 'Take a system message, or a batch of them',
      description: 'Answers once it is stored. A single message may have the header `Idempotency-Key`, each message of a batch an `idempotencyKey`.',
      security: needsBearer,
      headers: IdempotencyHeaders,
      body: Body,
      response: {
        200: { ...Stored, description: 'The same key and message as before: the first one.' },
        201: { ...Stored, description: 'Stored.' },
        202: { ...HandedOn, description: 'Volatile: handed to dispatch.' },
        207: { ...Results, description: 'A batch.' },
        ...refusals('GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE', 'GP_IDEMPOTENCY_CONFLICT', 'GP_TOO_LARGE', 'GP_RATE_LIMIT', 'GP_NO_NODE', 'GP_OVERLOADED', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE', 'GP_OUTCOME_UNKNOWN')
      }
    }
  }, async (request, reply) => {
    const { sub: producer } = identityOf(request)
    const sender = `p:${producer}`
    const body: unknown = request.body
    const header = request.headers['idempotency-key']
    if (Array.isArray(body)) {
      if (header !== undefined) throw refusalInWords('idempotency-key', 'a header', 'an idempotencyKey in each message of a batch')
      const items = readBatch(body)
      const drafts = items.filter(isDraft)
      await charge(producer, drafts.length)
      const results = drafts.length === 0 ? [] : await submit.many(sender, drafts)
      const answers = inOrder(items, results)
      for (const { status } of answers) count(status)
      return await reply.code(207).send({ results: answers })
    }
    if (body === undefined) throw refusal('body', undefined, takesBody)
    const draft = { message: parseMessage(body), idempotencyKey: readKey(header, 'idempotency-key') }
    await charge(producer, 1)
    const { status, id, createdAt, duplicate } = await submit.one(sender, draft)
    count(status)
    return await reply.code(status).send(status === 202 ? { id, createdAt } : { id, createdAt, duplicate })
  })

  app.post('/gate/messages/:id/recall', {
    onRequest: access('producer'),
    // First, because it names the member of `to` and not the union.
    preValidation: async ({ body }) => { if (Object.hasOwn(Object(body) as object, 'to')) parseTarget((body as { to: unknown }).to) },
    schema: {
      tags: ['messages'],
      operationId: 'recallMessage',
      summary: 'Take a message of its own back',
      description: '`to` as it was sent. At any time; the content is erased for everyone.',
      security: needsBearer,
      params: Type.Object({ id: Type.String() }),
      body: Type.Object({ to: Target }, { ...strict, examples: [{ to: order.to }] }),
      response: {
        200: Type.Object({ id: Type.String(), recalled: Type.Literal(true) }),
        ...refusals('GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE', 'GP_NOT_SENDER', 'GP_NOT_FOUND', 'GP_NO_NODE', 'GP_OVERLOADED', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE', 'GP_OUTCOME_UNKNOWN')
      }
    }
  }, async request => {
    const { id } = request.params
    const { to } = request.body
    const nodes = nodesInTurn(rings(), ringName(leadStreamOf(to)), maxNodesAsked)
    await requestWithFailover(nodes, 'recall', { sender: `p:${identityOf(request).sub}`, id, to, question: randomUUID() })
    return { id, recalled: true as const }
  })

  async function charge (producer: string, messages: number): Promise<void> {
    if (takeOfProducer === undefined || messages === 0) return
    const waitSeconds = await takeOfProducer(producer, messages)
    if (waitSeconds > 0) throw new GatepostError('GP_RATE_LIMIT', `producer: got ${messages} more; takes no more than its messages a minute`, { retryAfterSeconds: waitSeconds })
  }
}

/** Puts the results of those that were handed over between the refusals of the others. */
function inOrder (items: ReadonlyArray<Draft | RefusedMessage>, results: readonly MessageResult[]): MessageResult[] {
  let next = 0
  return items.map(item => isDraft(item) ? results[next++] ?? item as never : item)
}
