/** A node's answers to what Gates (and other nodes) ask over dispatch. */
import type { MessageResult, NodeAnswer, NodeRequestHandlers } from '../../../shared/contract/node-rpc.js'
import { GatepostError, isInDoubt, outcomeUnknownOfOld } from '../../../shared/contract/errors.js'
import type { Log } from '../../../shared/platform/log.js'
import type { GroupId, UserId } from '../../../shared/contract/names.js'
import type { Sender } from '../mailbox/commands/post.js'
import { answerPosted } from './routes/answer-posted.js'
import type { NodeCore } from './node.js'
import type { Rebalancer } from './rebalancer.js'
import { createSingleFlight } from '../../../shared/platform/single-flight.js'

/** What takes longer may be asked again. */
const slowMs = 2_000

export function createNodeRequests ({ core, rebalancer, log }: { core: NodeCore, rebalancer: Rebalancer, log: Log }): NodeRequestHandlers {
  const refused = (error: unknown): MessageResult => {
    if (error instanceof GatepostError) return { status: error.statusCode, code: error.code, message: error.message }
    log.error({ err: error }, 'a message that was handed over could not be stored')
    return { status: 500, code: 'GP_INTERNAL', message: 'the node could not do this; its log says why' }
  }

  // Gate gave the ids for this one request: they name it.
  const singleFlight = createSingleFlight<NodeAnswer<'append-messages'>>({ slowMs })
  const doneOnce = createSingleFlight<unknown>({ slowMs })
  const once = async (question: string | undefined, work: () => Promise<unknown>): Promise<void> => { await (question === undefined ? work() : doneOnce(question, work)) }

  return {
    'append-messages': async ({ sender, messages }, _from, isOld) => await singleFlight(messages[0]?.id ?? '', async () => {
      const posted = core.postAll(sender as Sender, messages.map(({ id, message, idempotencyKey }) => ({ id, draft: message, idempotencyKey })))
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
      await once(question, async () => { await core.recall.byProducer(sender as Sender, id, to) })
      return { id }
    },
    presence: async ({ user }) => ({ sockets: core.users.connectionsOf(user as UserId).filter(({ state }) => state !== 'opening').length }),
    disconnect: async ({ user }) => {
      const connections = core.users.connectionsOf(user as UserId)
      for (const connection of connections) connection.socket.disconnect(true)
      return { sockets: connections.length }
    },
    'join-group': async ({ group, user, question }) => { await once(question, async () => { await core.groups.join(user as UserId, group as GroupId) }); return {} },
    'leave-group': async ({ group, user, question }) => { await once(question, async () => { await core.groups.leave(user as UserId, group as GroupId) }); return {} },
    'list-members': async ({ group, limit, after }) => await core.groups.members(group as GroupId, limit, after),
    revoke: async ({ kind, name, before }) => { await core.revocations.record(kind, name, before); return {} },
    'revocations-after': async ({ seq, limit }) => {
      core.revocations.requireKnown()
      return core.revocations.changesAfter(seq, limit)
    },
    drain: async () => { void rebalancer.drain(); return {} },
    undrain: async () => { rebalancer.undrain(); return {} }
  }
}
