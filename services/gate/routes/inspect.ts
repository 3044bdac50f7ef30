/** What an admin looks up: a user, a message. What a message says is not shown: an operator needs to know where mail is, not to read it. */
import { Type, type Static } from 'typebox'
import { parseMessageId } from '../../../shared/contract/clock.js'
import { GatepostError, refusal } from '../../../shared/contract/errors.js'
import { askNodes } from '../../../shared/contract/node-rpc.js'
import { ringName } from '../../../shared/contract/ring.js'
import { allStream, groupStream, userStream, type StreamId } from '../../../shared/contract/names.js'
import { Name, UserName } from '../../../shared/contract/validate.js'
import { Time } from '../../../shared/contract/wire.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Access } from '../access.js'
import { assignNode, nodesInTurn, type Rings } from '../assignment.js'
import type { FollowedRevocations } from '../follow-revocations.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import { adminRefusals } from './node-view.js'
import { RecentTimes, recentTimesOf } from './recent-times.js'
import { strict, UserParams } from './schemas.js'

export interface InspectOptions {
  readonly access: Access
  readonly dispatch: Pick<Dispatch, 'askAll' | 'isConnected' | 'members'>
  readonly requestWithFailover: RequestWithFailover
  readonly rings: () => Rings
  readonly revocations: Pick<FollowedRevocations, 'beforeOf'>
  /** Ms since 1970. */
  readonly now: () => number
}

const NullableText = Type.Union([Type.String(), Type.Null()])
const NullableTime = Type.Union([Time, Type.Null()])
const Box = Type.Union([Type.Literal('inbox'), Type.Literal('sent')])
const Socket = Type.Object({
  openedAt: Time,
  state: Type.String({ description: 'opening, live, or behind: it reads too slowly' }),
  waitingBytes: Type.Integer(),
  wasPassedOn: Type.Optional(Type.Boolean({ description: 'Of a message: its node has written it to this socket.' }))
})
const SocketsOfNode = Type.Object({ node: Type.String(), count: Type.Integer(), sockets: Type.Union([Type.Array(Socket), Type.Null()], { description: 'Null: a node of version 0.1 tells their number only.' }) })

export const UserAnswer = Type.Object({
  user: Type.String(),
  home: Type.Union([Type.String(), Type.Null()], { description: 'The node that the ring gives for this user; null where none is healthy.' }),
  nodes: Type.Array(SocketsOfNode),
  groups: Type.Array(Type.String(), { description: 'The first 100 by name.' }),
  groupCount: Type.Integer(),
  unread: Type.Integer(),
  byCategory: Type.Record(Type.String(), Type.Integer()),
  revokedBefore: NullableTime,
  messages: Type.Array(Type.Object({
    id: Type.String(), stream: Type.String(), from: Type.String({ description: 'u:USER or p:PRODUCER' }), category: Type.String(), createdAt: Time,
    boxes: Type.Array(Box), read: Type.Boolean(), archived: Type.Boolean(), recalled: Type.Boolean(), acted: NullableText
  }), { description: 'The last 30, newest first, without those that the user deleted.' })
})
export type UserAnswer = Static<typeof UserAnswer>

export const TraceAnswer = Type.Object({
  id: Type.String(),
  stream: Type.String({ description: 'u:USER, g:GROUP or all' }),
  from: Type.String({ description: 'u:USER or p:PRODUCER' }),
  category: Type.String(),
  acceptedAt: Time,
  storedAt: Time,
  storedBy: Type.Union([Type.String(), Type.Null()], { description: 'The node that the ring gives for the stream now. Which one stored it, `recent.broadcast` tells for as long as it is remembered.' }),
  expiresAt: Time,
  recalledAt: NullableTime,
  recent: RecentTimes,
  reader: Type.Union([Type.Object({
    user: Type.String(),
    sees: Type.Boolean({ description: 'False: no receiver, or no member of the group when it was posted.' }),
    read: Type.Boolean(), readAt: NullableTime, archived: Type.Boolean(), archivedAt: NullableTime, deleted: Type.Boolean(), deletedAt: NullableTime, acted: NullableText, actedAt: NullableTime,
    nodes: Type.Array(SocketsOfNode)
  }), Type.Null()])
})
export type TraceAnswer = Static<typeof TraceAnswer>

const messagesShown = 30
const userCodes = [...adminRefusals, 'GP_NO_NODE', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE'] as const

export function serveInspect (app: App, { access, dispatch, requestWithFailover, rings, revocations, now }: InspectOptions): void {
  const common = { security: needsBearer }
  const iso = (ms: number): string => new Date(ms).toISOString()
  const isoOrNull = (ms: number | null): string | null => ms === null ? null : iso(ms)

  function requireNodes (): void {
    if (!dispatch.isConnected) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no connection to the nodes')
  }

  /** Nodes of version 0.1 answer the first question alone. */
  async function socketsOf (user: string, place?: { stream: string, seq: number }): Promise<UserAnswer['nodes']> {
    requireNodes()
    const [counts, details] = await Promise.all([askNodes(dispatch, 'presence', { user }), askNodes(dispatch, 'user-sockets', { user, ...place })])
    return [...counts].map(([node, { sockets: count }]) => ({
      node,
      count,
      sockets: details.get(node)?.sockets.map(({ openedAgoMs, ...socket }) => ({ ...socket, openedAt: iso(now() - openedAgoMs) })) ?? null
    })).filter(({ count, sockets }) => count > 0 || (sockets?.length ?? 0) > 0).sort((one, other) => one.node < other.node ? -1 : 1)
  }

  app.get('/gate/users/:user', {
    onRequest: access('admin'),
    schema: { ...common, tags: ['users'], operationId: 'inspectUser', summary: 'A user: sockets, groups, unread, and what became of the last messages', params: UserParams, response: { 200: UserAnswer, ...refusals(...userCodes) } }
  }, async request => {
    const { user } = request.params
    const current = rings()
    const [nodes, { answer: { messages, groups, ...details } }] = await Promise.all([
      socketsOf(user),
      requestWithFailover(nodesInTurn(current, ringName(userStream(user)), maxNodesAsked), 'user-details', { user, messages: messagesShown })
    ])
    return {
      ...details, user, nodes,
      groups: [...groups],
      byCategory: { ...details.byCategory },
      home: assignNode(current, user, new Set()) ?? null,
      revokedBefore: isoOrNull(revocations.beforeOf('user', user)),
      messages: messages.map(({ createdAt, boxes, seq: _, ...message }) => ({ ...message, boxes: [...boxes], createdAt: iso(createdAt) }))
    }
  })

  app.get('/gate/messages/:id/trace', {
    onRequest: access('admin'),
    schema: {
      ...common,
      tags: ['messages'],
      operationId: 'traceMessage',
      summary: 'Where a message is, and what became of it, without what it says',
      description: 'An id says when the message was accepted, and whether it went to all, to a group or to users. Name the receiver (or the sender) for one to a user, the group or one of its members for one to a group.',
      params: Type.Object({ id: Type.String() }),
      querystring: Type.Object({ user: Type.Optional(UserName()), group: Type.Optional(Name('a group')) }, strict),
      response: { 200: TraceAnswer, ...refusals(...userCodes, 'GP_VALIDATION', 'GP_NOT_FOUND') }
    }
  }, async request => {
    const { id } = request.params
    const { user, group } = request.query
    requireReceiver(id, user, group)
    const current = rings()
    const place = ringName(user !== undefined ? userStream(user) : group !== undefined ? groupStream(group) : allStream)
    const { answer } = await requestWithFailover(nodesInTurn(current, place, maxNodesAsked), 'trace-message', { id, ...user !== undefined && { user }, ...group !== undefined && { group } })
    const { stream, seq, from, category, reader } = answer
    requireNodes()
    const recent = await recentTimesOf(dispatch, { stream, seq, storedAt: answer.storedAt, user: reader === null ? undefined : user })
    return {
      id, stream, from, category,
      acceptedAt: iso(answer.createdAt),
      storedAt: iso(answer.storedAt),
      storedBy: current.up.assign(ringName(stream as StreamId)) ?? null,
      expiresAt: iso(answer.expiresAt),
      recalledAt: isoOrNull(answer.recalledAt),
      recent,
      reader: reader === null || user === undefined
        ? null
        : {
            ...reader, user,
            readAt: isoOrNull(reader.readAt), archivedAt: isoOrNull(reader.archivedAt), deletedAt: isoOrNull(reader.deletedAt), actedAt: isoOrNull(reader.actedAt),
            nodes: await socketsOf(user, { stream, seq })
          }
    }
  })
}

/** An id says where its message lies: in the stream of all, of a group or of users. */
function requireReceiver (id: string, user: string | undefined, group: string | undefined): void {
  const home = parseMessageId(id)?.home
  if (home === undefined) throw refusal('id', id, 'the id of a message, as every answer to a sender names it')
  const isInGroup = home.startsWith('g')
  if (user !== undefined || home === 'a' || (isInGroup && group !== undefined)) return
  throw refusal(isInGroup ? 'group' : 'user', undefined, isInGroup ? 'the group that it was posted to, or a user who is in it' : 'its receiver or its sender')
}
