/**
 * The Socket.IO side of a node (docs/protocol.md "Handshake"): handshake, events, and their answers. A handshake is
 * answered only when everything of the user is loaded, so a store that is away is a refused handshake with its code.
 */
import type { Server as HttpServer } from 'node:http'
import type { Log } from '../../../shared/platform/log.js'
import type { Socket } from 'socket.io'
import { Type } from 'typebox'
import { IdempotencyKey, parseMessage } from '../../../shared/contract/message.js'
import { GatepostError, refusal } from '../../../shared/contract/errors.js'
import { currentForm, isKnownForm } from '../../../shared/contract/form.js'
import type { Ticket } from '../../../shared/platform/identity/ticket.js'
import { allStream, parseStream, userStream, type UserId } from '../../../shared/contract/names.js'
import type { Origins } from '../../../shared/platform/http/origins.js'
import { createValidator, Name } from '../../../shared/contract/validate.js'
import type { Outgoing } from '../mailbox/commands/post.js'
import { answerPosted } from './routes/answer-posted.js'
import type { NodeCore } from './node.js'
import { afterWriting } from '../log/half-done.js'
import { priceOfMany } from '../mailbox/user-budget.js'
import { createReadGuards } from '../realtime/transport/flood-guard.js'
import { EventQueue, type EventRules } from '../realtime/transport/event-queue.js'
import { maxEventBytes, openEngine } from '../realtime/transport/open-engine.js'
import { Connection, type Cursors } from '../realtime/connection.js'

export interface SocketServerOptions {
  readonly core: NodeCore
  /** Then nobody new is taken. */
  readonly isDraining: () => boolean
  readonly httpServer: HttpServer
  /** Pages that may open sockets. */
  readonly origins: Origins
  readonly log: Log
}

export interface SocketServer {
  /** Closes every socket. Their connections end with the HTTP server's, at the latest. */
  close: () => void
}

const maxTopics = 1_000
const maxCursors = 10_000
const maxIds = 1_000
const strict = { additionalProperties: false } as const

const Cursors = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'a seq: a whole number below 2^53, 0 or more' }), { maxProperties: maxCursors, description: '{stream: seq}, at most 10,000 streams' })
const Topics = Type.Array(Name('a topic'), { maxItems: maxTopics, description: 'an array of at most 1,000 topics' })

const validateCursors = createValidator(Type.Object({ cursors: Type.Optional(Cursors) }))
const validateTopics = createValidator(Type.Object({ topics: Type.Optional(Topics) }))
const validateKey = createValidator(Type.Object({ idempotencyKey: Type.Optional(IdempotencyKey) }))
const Sync = Type.Object({ cursors: Cursors, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'a whole number, 1 to 1000' })) }, strict)
const Read = Type.Object({
  ids: Type.Optional(Type.Array(Type.String({ description: 'the id of a message' }), { minItems: 1, maxItems: maxIds, description: 'an array of 1 to 1,000 ids' })),
  upTo: Type.Optional(Cursors)
}, strict)
const Subscribe = Type.Object({ topics: Topics }, strict)
const Refresh = Type.Object({ token: Type.String({ description: 'a user token' }) }, strict)

const validateSync = createValidator(Sync)
const validateRead = createValidator(Read)
const validateSubscribe = createValidator(Subscribe)
const validateRefresh = createValidator(Refresh)

/** Cursors name streams; anything else is refused, one that the user does not see is passed over later. */
function checkCursors (cursors: Record<string, number> | undefined, field: string): Cursors | undefined {
  if (cursors === undefined) return undefined
  const streams = Object.keys(cursors)
  if (streams.length > maxCursors) throw refusal(field, `${streams.length} streams`, `at most ${maxCursors}`)
  for (const stream of streams) if (parseStream(stream) === undefined) throw refusal(field, stream, 'u:NAME, g:NAME or all as its keys')
  return cursors
}

export function createSocketServer ({ core, isDraining, httpServer, origins, log }: SocketServerOptions): SocketServer {
  const readGuards = createReadGuards()
  const io = openEngine(httpServer, origins, readGuards)
  const opening = new WeakMap<Socket, { connection: Connection, unreadJson: string }>()
  /** Connections whose handshake is being looked at. */
  const handshaking = new WeakSet<Socket['conn']>()

  io.use((socket, next) => {
    const { conn } = socket
    // Each would load everything of its user, as often as one connection asks.
    if (handshaking.has(conn)) {
      next(connectError(new GatepostError('GP_VALIDATION', 'connect: got another before the first was answered; takes one')))
      conn.close()
      return
    }
    handshaking.add(conn)
    void admit(socket).then(() => { next() }, (error: unknown) => { next(connectError(error)) }).finally(() => { handshaking.delete(conn) })
  })

  /** Checks the handshake and loads everything that `ready` needs; what it opened closes with the connection. */
  async function admit (socket: Socket): Promise<void> {
    const auth: unknown = socket.handshake.auth
    const { form, ticket: text, cursors, topics } = Object(auth) as { form?: unknown, ticket?: unknown, cursors?: unknown, topics?: unknown }
    if (isDraining()) throw new GatepostError('GP_DRAINING', 'this node is draining; ask Gate for another')
    if (isUnset(text) || text === '') throw new GatepostError('GP_TOKEN_MISSING', 'auth.ticket: got nothing; takes the ticket that Gate assigned')
    if (typeof text !== 'string') throw new GatepostError('GP_TOKEN_INVALID', 'auth.ticket: not text')
    if (!isUnset(form) && !isKnownForm(form)) throw refusal('auth.form', form, `a number up to ${currentForm}`)
    const ticket = core.verifyTicket(text)
    // Typed clients send null for what is not set.
    const checked = checkCursors(validateCursors(isUnset(cursors) ? {} : { cursors }, 'auth').cursors, 'auth.cursors')
    const wanted = validateTopics(isUnset(topics) ? {} : { topics }, 'auth').topics ?? []
    const connection = new Connection({ node: core, socket, ticket, cursors: checked })
    const end = (): void => {
      socket.conn.off('close', end)
      if (connection.state === 'closed') return
      connection.close()
      core.users.remove(connection)
      core.places.released(connection.user)
      core.topics.remove(connection, [...connection.topics])
    }
    socket.conn.once('close', end)
    try {
      await core.budget.charge(connection.user, 'reading')
      requirePlace(connection)
      const unreadJson = await load(connection, ticket)
      core.topics.add(connection, wanted)
      opening.set(socket, { connection, unreadJson })
      socket.once('disconnect', () => {
        end()
        // A connection is for its one socket: nothing else would ever close it.
        socket.conn.close()
      })
    } catch (error) {
      end()
      throw error
    }
  }

  /** In the turn in which the connection takes it: of many that come at once no more than there are places. */
  function requirePlace ({ state, user }: Connection): void {
    if (state === 'closed') throw new GatepostError('GP_OVERLOADED', 'connect: who asked has gone')
    core.places.require(user)
  }

  async function load (connection: Connection, ticket: Ticket): Promise<string> {
    const user = ticket.user as UserId
    core.users.add(connection)
    const placed = core.places.confirm(user)
    placed?.catch(() => {}) // awaited below
    // A reader of the own stream before the memberships are read, of the groups before their ranges are.
    const streams = [connection.open(userStream(user)), connection.open(allStream)]
    await core.joinByTicket(ticket)
    await Promise.all([placed, ...streams.map(({ opened }) => opened)])
    const view = await connection.openAll()
    const { unread } = await core.unread.count(view, stream => core.hub.get(stream)?.head ?? 0)
    return JSON.stringify(unread)
  }

  io.on('connection', socket => {
    const opened = opening.get(socket)
    if (opened === undefined || opened.connection.state !== 'opening') { socket.disconnect(true); return }
    opening.delete(socket)
    const { connection, unreadJson } = opened
    const view = core.views.peek(userStream(connection.user))
    if (view === undefined) { socket.disconnect(true); return }
    connection.start(view, heads => {
      socket.emit('ready', { user: connection.user, node: core.nodeId, heads, ...JSON.parse(unreadJson) as object })
    })
    core.users.told(connection.user, unreadJson)
    void new EventQueue({ socket, connection, readGuard: readGuards.open(socket), rules }) // held by its listener
  })

  const works: Readonly<Record<string, (connection: Connection, payload: unknown) => Promise<unknown>>> = {
    sync: async (connection, payload) => {
      const { cursors, limit } = validateSync(payload)
      await core.budget.charge(connection.user, 'reading')
      const before = connection.state
      const answer = await connection.sync(checkCursors(cursors, 'cursors') ?? {}, limit ?? 200)
      if (before === 'behind' && connection.state === 'live') core.users.told(connection.user, undefined)
      return answer
    },
    read: async ({ user }, payload) => {
      const { ids, upTo } = validateRead(payload === undefined ? {} : payload)
      if (ids !== undefined && upTo !== undefined) throw refusal('ids, upTo', 'both', 'one of them')
      await core.budget.charge(user, 'work', priceOfMany(ids?.length ?? 1))
      if (ids !== undefined) await core.marks.read(user, ids)
      else await core.marks.readTo(user, checkCursors(upTo, 'upTo'), undefined)
      return await afterWriting(async () => await core.unread.of(user))
    },
    subscribe: async (connection, payload) => {
      const { topics } = validateSubscribe(payload)
      await core.budget.charge(connection.user, 'reading', priceOfMany(topics.length))
      const added = new Set([...connection.topics, ...topics])
      if (added.size > maxTopics) throw refusal('topics', `${added.size} in all`, `at most ${maxTopics} for a socket`)
      core.topics.add(connection, topics)
      return { topics: [...connection.topics] }
    },
    unsubscribe: async (connection, payload) => {
      const { topics } = validateSubscribe(payload)
      await core.budget.charge(connection.user, 'reading', priceOfMany(topics.length))
      core.topics.remove(connection, topics)
      return { topics: [...connection.topics] }
    },
    refresh: async (connection, payload) => {
      const { token } = validateRefresh(payload)
      await core.budget.charge(connection.user, 'reading')
      const identity = await core.verifyToken(token)
      if (!identity.scopes.has('user')) throw new GatepostError('GP_SCOPE', 'token: takes one of scope user')
      if (identity.sub !== connection.user) throw new GatepostError('GP_TOKEN_INVALID', 'token: made for another user')
      connection.expiresAt = identity.expiresAt
      connection.tokenIssuedAt = identity.issuedAt
      await core.groups.takeToken(connection.user, identity)
      return { expiresAt: new Date(identity.expiresAt).toISOString() }
    }
  }

  /** Messages that wait together are stored together, in their order. */
  function send ({ user }: Connection, payloads: readonly unknown[]): Array<Promise<object>> {
    const parsed = payloads.map(payload => {
      try { return parseSend(payload) } catch (error) { return { error } }
    })
    const posted = core.postByUser(user, parsed.filter(one => 'draft' in one))
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

  const rules: EventRules = {
    names: new Set(['send', ...Object.keys(works)]),
    grouped: 'send',
    answerAll: (connection, event, payloads) => event === 'send' ? send(connection, payloads) : payloads.map(payload => answerOne(connection, event, payload)),
    toError: errorAnswer,
    maxEventBytes
  }

  function errorAnswer (error: unknown): { code: string, message: string } {
    if (error instanceof GatepostError && error.code !== 'GP_INTERNAL') return { code: error.code, message: error.message }
    log.error({ err: error }, 'an event could not be answered')
    return { code: 'GP_INTERNAL', message: 'the node could not do this; its log says why' }
  }

  function connectError (error: unknown): Error {
    const data = errorAnswer(error)
    return Object.assign(new Error(data.message), { data })
  }

  return {
    close: () => { io.engine.close() }
  }
}

function parseSend (payload: unknown): Outgoing {
  if (!isPlainObject(payload)) return { draft: parseMessage(payload) } // which refuses it
  const { idempotencyKey, ...message } = payload as { idempotencyKey?: unknown }
  return { idempotencyKey: validateKey(idempotencyKey === undefined ? {} : { idempotencyKey }).idempotencyKey, draft: parseMessage(message) }
}

/** To a schema bytes are an object, and none of them one without members. */
function refuseBytes (payload: unknown): void {
  for (const [field, value] of [['payload', payload], ...Object.entries(Object(payload) as object)]) {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) throw refusal(field as string, 'bytes', 'JSON')
  }
}

const isUnset = (value: unknown): value is null | undefined => value === undefined || value === null
const isPlainObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
