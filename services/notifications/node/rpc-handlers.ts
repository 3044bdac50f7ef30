/** A node's answers to what Gates (and other nodes) ask over dispatch. */
import { Type } from 'typebox'
import { answerNodeRequests, type MessageResult, type NodeAnswer, type NodeRequestHandlers } from '../../../shared/contract/node-rpc.js'
import { createValidator } from '../../../shared/contract/validate.js'
import { GatepostError, isInDoubt, outcomeUnknownOfOld } from '../../../shared/contract/errors.js'
import type { Log } from '../../../shared/platform/log.js'
import type { GroupId, StreamId, UserId } from '../../../shared/contract/names.js'
import type { Sender } from '../mailbox/commands/post.js'
import { answerPosted } from './routes/answer-posted.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { budgetKind, type BudgetRequest } from '../mailbox/user-budget.js'
import { forwardKind, type ForwardedEntries } from './forwarder.js'
import type { GapRepair } from './gap-repair.js'
import type { NotificationsNode } from './node.js'
import type { Rebalancer } from './rebalancer.js'
import { createProducerRates } from './producer-rates.js'
import { createSeenGates } from './seen-gates.js'
import { describeSockets, recentTimes } from './describe-sockets.js'
import { socketsKind, type Holdings } from './socket-places.js'
import { createSingleFlight } from '../../../shared/platform/single-flight.js'

/** What takes longer may be asked again. */
const slowMs = 2_000

const validateLookAt = createValidator(Type.Object({ streams: Type.Array(Type.String()) }))

interface Answering { readonly node: NotificationsNode, readonly rebalancer: Rebalancer, readonly log: Log }

/** All that other processes ask this node. They are of the same cluster and the same package: the shape of all but the last is believed. */
export function answerRequests (dispatch: Dispatch, { gapRepair, ...answering }: Answering & { readonly gapRepair: GapRepair }): void {
  const { streams, entrance } = answering.node
  answerNodeRequests(dispatch, createNodeRequests(answering))
  dispatch.answer(forwardKind, async body => await streams.forwarder.serve(body as ForwardedEntries))
  dispatch.answer(budgetKind, async body => entrance.budget.serve(body as BudgetRequest))
  dispatch.answer(socketsKind, async (body, from) => entrance.places.serve(body as Holdings, from))
  dispatch.answer('look-at', async body => { await gapRepair.lookAt(validateLookAt(body).streams as StreamId[]); return {} })
}

function createNodeRequests ({ node, rebalancer, log }: Answering): NodeRequestHandlers {
  const refused = (error: unknown): MessageResult => {
    if (error instanceof GatepostError) return { status: error.statusCode, code: error.code, message: error.message }
    log.error({ err: error }, 'a message that was handed over could not be stored')
    return { status: 500, code: 'GP_INTERNAL', message: 'the node could not do this; its log says why' }
  }

  // Gate gave the ids for this one request: they name it.
  const singleFlight = createSingleFlight<NodeAnswer<'append-messages'>>({ slowMs })
  const doneOnce = createSingleFlight<unknown>({ slowMs })
  const once = async (question: string | undefined, work: () => Promise<unknown>): Promise<void> => { await (question === undefined ? work() : doneOnce(question, work)) }

  const seenGates = createSeenGates()

  return {
    'append-messages': async ({ sender, messages }, _from, isOld) => await singleFlight(messages[0]?.id ?? '', async () => {
      const posted = node.posting.all(sender as Sender, messages.map(({ id, message, idempotencyKey }) => ({ id, draft: message, idempotencyKey })))
      const results = await Promise.all(posted.map(async (one): Promise<MessageResult> => {
        try {
          const stored = await one
          const { id, createdAt, duplicate } = stored
          return { status: answerPosted(stored).status, id, createdAt, duplicate }
        } catch (error) { return refused(isOld && isInDoubt(error) ? outcomeUnknownOfOld() : error) }
      }))
      return { results }
    }),
    recall: async ({ sender, id, to, question }) => {
      await once(question, async () => { await node.mailbox.recall.byProducer(sender as Sender, id, to) })
      return { id }
    },
    presence: async ({ user }) => ({ sockets: node.realtime.users.connectionsOf(user as UserId).filter(({ state }) => state !== 'opening').length }),
    'user-sockets': async body => ({ sockets: describeSockets(node.realtime, body) }),
    'user-details': async ({ user, messages }) => await node.mailbox.inspect.user(user as UserId, messages),
    'trace-message': async ({ id, user, group }) => await node.mailbox.inspect.message(id, user as UserId | undefined, group as GroupId | undefined),
    'recent-times': async body => recentTimes(node.realtime, body),
    'count-producer': createProducerRates(() => performance.now()),
    'announce-gate': async gate => ({ gates: seenGates.announce(gate) }),
    disconnect: async ({ user }) => {
      const connections = node.realtime.users.connectionsOf(user as UserId)
      for (const connection of connections) connection.end()
      return { sockets: connections.length }
    },
    'join-group': async ({ group, user, question }) => { await once(question, async () => { await node.mailbox.groups.join(user as UserId, group as GroupId) }); return {} },
    'leave-group': async ({ group, user, question }) => { await once(question, async () => { await node.mailbox.groups.leave(user as UserId, group as GroupId) }); return {} },
    'list-members': async ({ group, limit, after }) => await node.mailbox.groups.members(group as GroupId, limit, after),
    revoke: async ({ kind, name, before }) => { await node.entrance.revocations.record(kind, name, before); return {} },
    'use-link': async use => ({ isFirst: await node.entrance.useLink(use) }),
    'revocations-after': async ({ seq, limit }) => await node.entrance.revocations.after(seq, limit),
    drain: async () => { void rebalancer.drain(); return {} },
    undrain: async () => { rebalancer.undrain(); return {} }
  }
}
