/** What a node does when a client sends an event (docs/protocol.md "Events"). */
import { GatepostError, refusalInWords } from '../../../shared/contract/errors.js'
import { afterWriting } from '../log/half-done.js'
import { priceOfMany, priceOfStreams } from '../mailbox/user-budget.js'
import type { Connection } from '../realtime/connection.js'
import type { AnswerEvents } from '../realtime/transport/event-queue.js'
import type { NotificationsNode } from './node.js'
import { answerPosted } from './routes/answer-posted.js'
import { maxTopics, parseRead, parseRefresh, parseSend, parseSync, parseTopics, refuseBytes } from './socket-payloads.js'

export interface SocketEvents {
  readonly names: ReadonlySet<string>
  /** Of which those that wait together are answered together. */
  readonly grouped: string
  readonly answerAll: AnswerEvents
}

type AnswerEvent = (connection: Connection, payload: unknown) => Promise<unknown>

export function createSocketEvents ({ entrance, mailbox, posting, realtime }: NotificationsNode): SocketEvents {
  const works: Readonly<Record<string, AnswerEvent>> = {
    sync: async (connection, payload) => {
      const { cursors, limit } = parseSync(payload)
      await entrance.budget.charge(connection.user, 'reading', priceOfStreams(cursors))
      const before = connection.state
      const answer = await connection.sync(cursors, limit)
      if (before === 'behind' && connection.state === 'live') realtime.users.notified(connection.user, undefined)
      return answer
    },
    read: async ({ user }, payload) => {
      const read = parseRead(payload)
      await entrance.budget.charge(user, 'work', read.ids === undefined ? priceOfStreams(read.upTo) : priceOfMany(read.ids.length))
      if (read.ids !== undefined) await mailbox.marks.read(user, read.ids)
      else await mailbox.marks.readTo(user, read.upTo, undefined)
      const unread = await afterWriting(async () => await mailbox.unread.of(user))
      // The client shows it at once, and it may be old by then: the number that comes behind it is not.
      setImmediate(() => { realtime.users.notified(user, undefined) })
      return unread
    },
    subscribe: async (connection, payload) => {
      const topics = parseTopics(payload)
      await entrance.budget.charge(connection.user, 'reading', priceOfMany(topics.length))
      const added = new Set([...connection.topics, ...topics])
      if (added.size > maxTopics) throw refusalInWords('topics', `${added.size} in all`, `at most ${maxTopics} for a socket`)
      realtime.topics.add(connection, topics)
      return { topics: [...connection.topics] }
    },
    unsubscribe: async (connection, payload) => {
      const topics = parseTopics(payload)
      await entrance.budget.charge(connection.user, 'reading', priceOfMany(topics.length))
      realtime.topics.remove(connection, topics)
      return { topics: [...connection.topics] }
    },
    refresh: async (connection, payload) => {
      const token = parseRefresh(payload)
      await entrance.budget.charge(connection.user, 'reading')
      const identity = await entrance.verifyToken(token)
      const { expiresAt, issuedAt, profile } = identity
      if (!identity.scopes.has('user')) throw new GatepostError('GP_SCOPE', 'token: takes one of scope user')
      if (identity.sub !== connection.user) throw new GatepostError('GP_TOKEN_INVALID', 'token: made for another user')
      connection.token = { expiresAt, issuedAt, profile }
      await mailbox.groups.takeToken(connection.user, identity)
      return { expiresAt: new Date(expiresAt).toISOString() }
    }
  }

  /** Messages that wait together are stored together, in their order. */
  function send ({ user, token: { profile } }: Connection, payloads: readonly unknown[]): Array<Promise<object>> {
    const parsed = payloads.map(payload => {
      try { return { ...parseSend(payload), profile } } catch (error) { return { error } }
    })
    const posted = posting.byUser(user, parsed.filter(one => 'draft' in one))
    let next = 0
    return parsed.map(async one => {
      if ('error' in one) throw one.error
      return answerPosted(await posted[next++]!).body
    })
  }

  async function answerOne (connection: Connection, event: string, payload: unknown): Promise<unknown> {
    refuseBytes(payload)
    return await works[event]!(connection, payload)
  }

  return {
    names: new Set(['send', ...Object.keys(works)]),
    grouped: 'send',
    answerAll: (connection, event, payloads) => event === 'send' ? send(connection, payloads) : payloads.map(payload => answerOne(connection, event, payload))
  }
}
