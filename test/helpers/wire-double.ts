/**
 * A small Gatepost in memory for the tests of the client libraries: one Gate and several nodes, real fastify and
 * real Socket.IO, with the faults that a wire and a cluster have, on purpose and on demand.
 */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Server, type Socket } from 'socket.io'
import type { Test } from 'tap'
import type { ChangeEntry, Cursors, Entry, MessageEntry, OutgoingMessage, Target } from '../../clients/protocol.js'

export interface Faults {
  /** Chances, 0 to 1, for live entries: sent twice; not sent at all (the next one shows the hole). */
  duplicate: number
  drop: number
  /** The next so many acknowledgements of `send` are lost after the message was stored. */
  loseAcks: number
  /** The same for Gate's answers to batches: the connection is cut instead. */
  loseBatchAnswers: number
  /** What the next handshakes, sends, batches (each one) and syncs are refused with; GP_OUTCOME_UNKNOWN is said of what is stored. */
  refuseHandshakes: string[]
  /** As nodes between version 0.1 and form 2 did. */
  refusesForm2: boolean
  refuseSends: string[]
  refuseBatches: string[]
  refuseSyncs: string[]
  refuseBatchItem: ((message: OutgoingMessage) => string | undefined) | undefined
}

interface Connection {
  user: string
  node: DoubleNode
  topics: Set<string>
  behind: boolean
  token: string
}

export interface DoubleNode {
  id: string
  url: string
  /** Cuts every connection and stops listening. */
  kill (): Promise<void>
  /** Listens again on the port it had. */
  revive (): Promise<void>
  isUp (): boolean
}

type Stored = { owner: string, content: Record<string, unknown>, seq: number, prev: number }
type UserState = { read: Set<string>, archived: Set<string>, deleted: Set<string>, acted: Map<string, string> }

const codeStatus: Record<string, number> = {
  GP_VALIDATION: 400, GP_TOKEN_INVALID: 401, GP_TOKEN_EXPIRED: 401, GP_TICKET_EXPIRED: 401, GP_TICKET_WRONG_NODE: 401, GP_SCOPE: 403,
  GP_NOT_FOUND: 404, GP_CONFLICT: 409, GP_IDEMPOTENCY_CONFLICT: 409, GP_RATE_LIMIT: 429, GP_INTERNAL: 500
}

export function userToken (user: string, { ttlSeconds = 3600, scope = 'user' } = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Date.now() / 1000
  return `${part({ alg: 'none' })}.${part({ sub: user, scope, iat, exp: iat + ttlSeconds, jti: randomUUID() })}.unsigned`
}

export async function startWireDouble (t: Test, { nodes: nodeCount = 2, random = Math.random } = {}) {
  const faults: Faults = {
    duplicate: 0, drop: 0, loseAcks: 0, loseBatchAnswers: 0, refuseHandshakes: [], refusesForm2: false, refuseSends: [], refuseBatches: [], refuseSyncs: [], refuseBatchItem: undefined
  }
  const streams = new Map<string, Stored[]>()
  const expiredTo = new Map<string, number>()
  const groups = new Map<string, Map<string, number>>()
  const states = new Map<string, UserState>()
  const keys = new Map<string, { body: string, answer: { id: string, createdAt: string, stream: string, seq: number } }>()
  const sessions = new Map<Socket, Connection>()
  const nodes: DoubleNode[] = []
  /** What clients did, for tests to look at. */
  const seen = {
    assigns: [] as string[][], handshakes: [] as Array<{ user: string, node: string, cursors: Cursors | undefined, topics: string[] | undefined }>,
    sends: [] as string[], batches: [] as number[], syncs: 0, refreshes: [] as string[], bearers: [] as string[], lists: [] as string[]
  }
  let clock = 1_000
  let placing: ((user: string, candidates: DoubleNode[]) => DoubleNode) = (user, candidates) => {
    const sum = [...user].reduce((total, char) => total + char.charCodeAt(0), 0)
    return candidates[sum % candidates.length] as DoubleNode
  }

  const head = (stream: string): number => streams.get(stream)?.at(-1)?.seq ?? 0
  const streamsOf = (user: string): string[] => [`u:${user}`, 'all', ...[...groups].filter(([, members]) => members.has(user)).map(([group]) => `g:${group}`)]
  const stateOf = (user: string): UserState => {
    const state = states.get(user) ?? { read: new Set(), archived: new Set(), deleted: new Set(), acted: new Map() }
    states.set(user, state)
    return state
  }

  function asSeenBy (user: string, { owner, content, seq, prev }: Stored): Entry {
    const place = { stream: owner, seq, prev }
    if (content['type'] !== 'message') return { ...content, ...place } as unknown as ChangeEntry
    const state = stateOf(user)
    const id = content['id'] as string
    return { ...content, ...place, read: state.read.has(id), archived: state.archived.has(id), acted: state.acted.get(id) ?? null } as unknown as MessageEntry
  }

  /** What a reader with this cursor gets of one stream. */
  function replay (user: string, stream: string, cursor: number | undefined): Entry[] {
    const from = Math.max(cursor ?? 0, stream.startsWith('g:') ? groups.get(stream.slice(2))?.get(user) ?? 0 : 0)
    const goneTo = expiredTo.get(stream) ?? 0
    const entries = (streams.get(stream) ?? []).filter(entry => entry.seq > from && entry.seq > goneTo).map(entry => asSeenBy(user, entry))
    if (goneTo > from) entries.unshift({ type: 'gone', stream, seq: goneTo, prev: from })
    return entries
  }

  function append (owner: string, content: Record<string, unknown>): Stored {
    clock += 1 + Math.floor(random() * 5)
    const stored = { owner, content, seq: clock, prev: head(owner) }
    streams.set(owner, [...streams.get(owner) ?? [], stored])
    for (const [socket, session] of sessions) {
      if (!streamsOf(session.user).includes(owner) || session.behind || random() < faults.drop) continue
      const entries = [asSeenBy(session.user, stored)]
      socket.emit('entries', entries)
      if (random() < faults.duplicate) socket.emit('entries', entries)
    }
    return stored
  }

  const countUnread = (user: string): { unread: number, byCategory: Record<string, number> } => {
    const { read, archived, deleted } = stateOf(user)
    const byCategory: Record<string, number> = {}
    let unread = 0
    for (const stream of streamsOf(user)) {
      for (const { content } of streams.get(stream) ?? []) {
        const id = content['id'] as string
        if (content['type'] !== 'message' || content['recalled'] === true || !(content['boxes'] as string[]).includes('inbox') || read.has(id) || archived.has(id) || deleted.has(id)) continue
        unread += 1
        const category = content['category'] as string
        byCategory[category] = (byCategory[category] ?? 0) + 1
      }
    }
    return { unread, byCategory }
  }

  const tellUnread = (users: (user: string) => boolean): void => {
    for (const [socket, { user }] of sessions) if (users(user)) socket.emit('unread', countUnread(user))
  }

  function post (message: OutgoingMessage, from: { user: string } | { producer: string }, id: string = `m${String(clock).padStart(9, '0')}-${randomUUID()}`): { id: string, createdAt: string, stream: string, seq: number } {
    const createdAt = new Date().toISOString()
    const content = (to: Target, boxes: string[]): Record<string, unknown> => ({
      type: 'message', id, from: { name: null, picture: null, ...from }, to, title: message.title ?? null, body: message.body ?? null, data: message.data ?? null,
      category: message.category ?? 'general', createdAt, expiresAt: null, boxes, url: message.url ?? null, actions: message.actions ?? null, recalled: false
    })
    const { to } = message
    if (message.volatile === true || 'topic' in to) {
      const { recalled, boxes, ...volatile } = content(to, ['inbox'])
      for (const [socket, { user, topics }] of sessions) {
        const hears = 'topic' in to
          ? [...topics].some(topic => to.match === 'prefix' ? topic.startsWith(to.topic) : topic === to.topic)
          : 'user' in to ? to.user === user : true
        if (hears) socket.emit('entries', [volatile])
      }
      return { id, createdAt, stream: '', seq: 0 }
    }
    const owners = 'user' in to ? [`u:${to.user}`] : 'users' in to ? to.users.map(user => `u:${user}`) : 'group' in to ? [`g:${to.group}`] : ['all']
    const stored = owners.map(owner => append(owner, content('users' in to ? { user: owner.slice(2) } : to, ['inbox'])))
    const copy = 'user' in from ? append(`u:${from.user}`, content(to, ['sent'])) : stored.at(-1) as Stored
    tellUnread(user => streamsOf(user).some(stream => owners.includes(stream)))
    return { id, createdAt, stream: copy.owner, seq: copy.seq }
  }

  function postOnce (scope: string, key: string | undefined, message: OutgoingMessage, from: { user: string } | { producer: string }) {
    if (key === undefined) return { ...post(message, from), duplicate: false }
    const body = JSON.stringify(message)
    const known = keys.get(`${scope} ${key}`)
    if (known !== undefined) return known.body === body ? { ...known.answer, duplicate: true } : undefined
    const answer = post(message, from)
    keys.set(`${scope} ${key}`, { body, answer })
    return { ...answer, duplicate: false }
  }

  function find (user: string, id: string): Stored | undefined {
    for (const stream of streamsOf(user)) {
      const stored = streams.get(stream)?.find(({ content }) => content['id'] === id)
      if (stored !== undefined && !stateOf(user).deleted.has(id)) return stored
    }
    return undefined
  }

  function change (user: string, content: Record<string, unknown>): void {
    append(`u:${user}`, { type: 'change', ...content })
    tellUnread(other => other === user)
  }

  function markRead (user: string, ids: string[] | undefined, upTo: Cursors | undefined, category: string | undefined): void {
    const { read } = stateOf(user)
    if (ids !== undefined) {
      for (const id of ids) read.add(id)
      return change(user, { ids, read: true })
    }
    const readTo = upTo ?? Object.fromEntries(streamsOf(user).map(stream => [stream, head(stream)]))
    for (const [stream, seq] of Object.entries(readTo)) {
      for (const { content, seq: at } of streams.get(stream) ?? []) {
        if (content['type'] === 'message' && at <= seq && (category === undefined || content['category'] === category)) read.add(content['id'] as string)
      }
    }
    change(user, { readTo, read: true, ...(category === undefined ? {} : { category }) })
  }

  function recall (id: string): void {
    for (const [stream, entries] of streams) {
      const stored = entries.find(({ content }) => content['id'] === id)
      if (stored === undefined) continue
      Object.assign(stored.content, { title: null, body: null, data: null, url: null, actions: null, recalled: true })
      append(stream, { type: 'change', ids: [id], recalled: true })
    }
    tellUnread(() => true)
  }

  const refuse = async (reply: FastifyReply, code: string, retryAfterSeconds = 0): Promise<FastifyReply> => {
    const status = codeStatus[code] ?? 503
    if (status === 503 || status === 429) reply.header('retry-after', retryAfterSeconds)
    return await reply.code(status).send({ statusCode: status, code, error: code, message: `refused: ${code}` })
  }
  const bearer = (request: FastifyRequest): string => (request.headers.authorization ?? '').replace('Bearer ', '')
  const claims = (token: string): { sub: string, exp: number, scope: string } | undefined => {
    try { return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string, exp: number, scope: string } } catch { return undefined }
  }
  const ticketFor = (user: string, node: string, token: string): string => Buffer.from(JSON.stringify({ user, node, token, n: randomUUID() })).toString('base64url')
  const readTicket = (ticket: string): { user: string, node: string, token: string } | undefined => {
    try { return JSON.parse(Buffer.from(ticket, 'base64url').toString()) as { user: string, node: string, token: string } } catch { return undefined }
  }
  const expiredTickets = new Set<string>()

  // Gate
  const gate = fastify({ bodyLimit: 9 * 1024 * 1024 })
  await gate.register(cors, { origin: true, methods: ['GET', 'POST', 'PATCH', 'DELETE'] })
  gate.get('/gate/assign', async (request, reply) => {
    const token = bearer(request)
    seen.bearers.push(token)
    const who = claims(token)
    if (who?.sub === undefined) return await refuse(reply, 'GP_TOKEN_INVALID')
    if (who.exp * 1000 < Date.now()) return await refuse(reply, 'GP_TOKEN_EXPIRED')
    const avoid = [(request.query as { avoid?: string | string[] }).avoid ?? []].flat()
    seen.assigns.push(avoid)
    const candidates = nodes.filter(node => !avoid.includes(node.id) && !leaving.has(node.id))
    if (candidates.length === 0) return await refuse(reply, 'GP_NO_NODE')
    const node = placing(who.sub, candidates)
    return { user: who.sub, node: { id: node.id, url: node.url }, ticket: ticketFor(who.sub, node.id, token), expiresAt: new Date(Date.now() + 900_000).toISOString() }
  })
  gate.post('/gate/messages', async (request, reply) => {
    const who = claims(bearer(request))
    if (who === undefined || who.exp * 1000 < Date.now()) return await refuse(reply, 'GP_TOKEN_EXPIRED')
    const code = faults.refuseBatches.shift()
    if (code !== undefined) return await refuse(reply, code)
    const batch = request.body as Array<OutgoingMessage & { idempotencyKey?: string }>
    seen.batches.push(batch.length)
    const results = batch.map(({ idempotencyKey, ...message }) => {
      const refused = faults.refuseBatchItem?.(message)
      const answer = refused === undefined || refused === 'GP_OUTCOME_UNKNOWN' ? postOnce(`p:${who.sub}`, idempotencyKey, message, { producer: who.sub }) : undefined
      if (refused !== undefined) return { status: codeStatus[refused] ?? 503, code: refused, message: refused }
      if (answer === undefined) return { status: 409, code: 'GP_IDEMPOTENCY_CONFLICT', message: 'another body' }
      return { status: answer.duplicate ? 200 : 201, id: answer.id, createdAt: answer.createdAt, duplicate: answer.duplicate }
    })
    if (faults.loseBatchAnswers > 0) {
      faults.loseBatchAnswers -= 1
      request.raw.socket.destroy()
      return await reply
    }
    return await reply.code(207).send({ results })
  })
  gate.post('/gate/messages/:id/recall', async request => { recall((request.params as { id: string }).id); return {} })
  const gateUrl = await gate.listen({ port: 0, host: '127.0.0.1' })

  // Nodes
  const leaving = new Set<string>()
  async function startNode (id: string): Promise<DoubleNode> {
    let app: FastifyInstance | undefined
    let io: Server | undefined
    let port = 0
    const node: DoubleNode = {
      id,
      url: '',
      isUp: () => app !== undefined,
      async kill () {
        const [oldIo, oldApp] = [io, app]
        io = app = undefined
        for (const [socket, session] of sessions) if (session.node === node) sessions.delete(socket)
        oldApp?.server.closeAllConnections()
        await oldIo?.close()
        await oldApp?.close()
      },
      async revive () {
        const server = fastify()
        await server.register(cors, { origin: true, methods: ['GET', 'POST', 'PATCH', 'DELETE'] })
        routes(server, id)
        io = new Server(server.server, { cors: { origin: true } })
        sockets(io, node)
        await server.listen({ port, host: '127.0.0.1' })
        app = server
        port = (server.server.address() as AddressInfo).port
        node.url = `http://127.0.0.1:${port}`
      }
    }
    await node.revive()
    nodes.push(node)
    return node
  }

  function routes (app: FastifyInstance, nodeId: string): void {
    const users = new WeakMap<FastifyRequest, string>()
    app.addHook('preHandler', async (request, reply) => {
      const ticket = bearer(request)
      const holder = readTicket(ticket)
      if (holder === undefined || expiredTickets.has(ticket)) return await refuse(reply, 'GP_TICKET_EXPIRED')
      if (holder.node !== nodeId) return await refuse(reply, 'GP_TICKET_WRONG_NODE')
      users.set(request, holder.user)
    })
    const userOf = (request: FastifyRequest): string => users.get(request) ?? ''
    const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id
    app.get('/messages', async request => {
      const user = userOf(request)
      const { limit = '50', before, box = 'inbox', unread, category, with: partner } = request.query as Record<string, string>
      seen.lists.push(box)
      const { deleted } = stateOf(user)
      const all = streamsOf(user).flatMap(stream => (streams.get(stream) ?? []))
        .filter(({ content, seq }) => content['type'] === 'message' && !deleted.has(content['id'] as string) && (before === undefined || seq < Number(before)))
        .map(stored => asSeenBy(user, stored) as MessageEntry)
        .filter(message => box === 'sent' ? message.boxes.includes('sent') : message.boxes.includes('inbox') && message.archived === (box === 'archived'))
        .filter(message => unread === undefined || message.read !== (unread === 'true'))
        .filter(message => category === undefined || message.category === category)
        .filter(message => partner === undefined || JSON.stringify(box === 'sent' ? message.to : message.from).includes(JSON.stringify({ user: partner }).slice(1, -1)))
        .sort((a, b) => b.seq - a.seq)
      const messages = all.slice(0, Number(limit))
      return { messages, next: all.length > messages.length ? String(messages.at(-1)?.seq) : null }
    })
    app.get('/messages/unread', async request => countUnread(userOf(request)))
    app.get('/messages/:id', async (request, reply) => {
      const stored = find(userOf(request), idOf(request))
      return stored === undefined ? await refuse(reply, 'GP_NOT_FOUND') : asSeenBy(userOf(request), stored)
    })
    app.patch('/messages/:id', async (request, reply) => {
      const [user, id] = [userOf(request), idOf(request)]
      const stored = find(user, id)
      if (stored === undefined) return await refuse(reply, 'GP_NOT_FOUND')
      const body = request.body as { read?: boolean, archived?: boolean }
      for (const name of ['read', 'archived'] as const) {
        if (body[name] !== undefined) stateOf(user)[name][body[name] ? 'add' : 'delete'](id)
      }
      change(user, { ids: [id], ...body })
      return asSeenBy(user, stored)
    })
    app.post('/messages/read', async request => {
      const { upTo, category } = request.body as { upTo?: Cursors, category?: string }
      markRead(userOf(request), undefined, upTo, category)
      return countUnread(userOf(request))
    })
    app.delete('/messages/:id', async (request, reply) => {
      const [user, id] = [userOf(request), idOf(request)]
      if (find(user, id) === undefined) return await refuse(reply, 'GP_NOT_FOUND')
      stateOf(user).deleted.add(id)
      change(user, { ids: [id], deleted: true })
      return await reply.code(204).send()
    })
    app.post('/messages/:id/actions/:action', async (request, reply) => {
      const [user, id, { action }] = [userOf(request), idOf(request), request.params as { action: string }]
      const stored = find(user, id)
      if (!(stored?.content['actions'] as Array<{ id: string }> | null | undefined ?? []).some(offered => offered.id === action)) return await refuse(reply, 'GP_NOT_FOUND')
      const { acted } = stateOf(user)
      if ((acted.get(id) ?? action) !== action) return await refuse(reply, 'GP_CONFLICT')
      if (!acted.has(id)) {
        acted.set(id, action)
        change(user, { ids: [id], acted: action })
      }
      return asSeenBy(user, stored as Stored)
    })
    app.post('/messages/:id/recall', async (request, reply) => {
      if (find(userOf(request), idOf(request)) === undefined) return await refuse(reply, 'GP_NOT_FOUND')
      recall(idOf(request))
      return {}
    })
  }

  function sockets (io: Server, node: DoubleNode): void {
    io.use((socket, next) => {
      const no = (code: string): void => next(Object.assign(new Error(code), { data: { code } }))
      const refused = faults.refuseHandshakes.shift()
      if (refused !== undefined) return no(refused)
      const { ticket, form } = socket.handshake.auth as { ticket?: string, form?: number }
      if (faults.refusesForm2 && form === 2) return no('GP_VALIDATION')
      const holder = readTicket(ticket ?? '')
      if (holder === undefined || expiredTickets.has(ticket as string)) return no('GP_TICKET_EXPIRED')
      if (holder.node !== node.id) return no('GP_TICKET_WRONG_NODE')
      next()
    })
    io.on('connection', socket => {
      const { ticket, cursors, topics } = socket.handshake.auth as { ticket: string, cursors?: Cursors, topics?: string[] }
      const { user, token } = readTicket(ticket) as { user: string, token: string }
      seen.handshakes.push({ user, node: node.id, cursors, topics })
      const session: Connection = { user, node, topics: new Set(topics), behind: false, token }
      const heads = Object.fromEntries(streamsOf(user).map(stream => [stream, head(stream)]))
      socket.emit('ready', { user, node: node.id, heads, ...countUnread(user) })
      if (cursors !== undefined && Object.keys(cursors).length > 0) {
        const entries = streamsOf(user).flatMap(stream => replay(user, stream, cursors[stream]))
        if (entries.length > 0) socket.emit('entries', entries)
      }
      sessions.set(socket, session)
      socket.on('disconnect', () => sessions.delete(socket))
      socket.on('send', ({ idempotencyKey, ...message }: OutgoingMessage & { idempotencyKey?: string }, ack: (answer: unknown) => void) => {
        seen.sends.push(idempotencyKey ?? '')
        const code = faults.refuseSends.shift()
        const answer = code === undefined || code === 'GP_OUTCOME_UNKNOWN' ? postOnce(`u:${user}`, idempotencyKey, message, { user }) : undefined
        if (code !== undefined) return ack({ error: { code, message: `refused: ${code}` } })
        if (faults.loseAcks > 0) { faults.loseAcks -= 1; return }
        ack(answer ?? { error: { code: 'GP_IDEMPOTENCY_CONFLICT', message: 'another body' } })
      })
      socket.on('sync', ({ cursors, limit = 200 }: { cursors: Cursors, limit?: number }, ack: (answer: unknown) => void) => {
        seen.syncs += 1
        const code = faults.refuseSyncs.shift()
        if (code !== undefined) return ack({ error: { code, message: code } })
        const entries = streamsOf(user).flatMap(stream => replay(user, stream, cursors[stream])).sort((a, b) => a.seq - b.seq)
        const more = entries.length > limit
        if (!more) session.behind = false
        ack({ entries: entries.slice(0, limit), heads: Object.fromEntries(streamsOf(user).map(stream => [stream, head(stream)])), more })
      })
      socket.on('read', ({ ids, upTo }: { ids?: string[], upTo?: Cursors }, ack: (answer: unknown) => void) => {
        markRead(user, ids, upTo, undefined)
        ack(countUnread(user))
      })
      socket.on('subscribe', ({ topics }: { topics: string[] }, ack: (answer: unknown) => void) => {
        if (topics.includes('refused')) return ack({ error: { code: 'GP_VALIDATION', message: 'topics: not this one' } })
        for (const topic of topics) session.topics.add(topic)
        ack({ topics: [...session.topics] })
      })
      socket.on('unsubscribe', ({ topics }: { topics: string[] }, ack: (answer: unknown) => void) => {
        for (const topic of topics) session.topics.delete(topic)
        ack({ topics: [...session.topics] })
      })
      socket.on('refresh', ({ token }: { token: string }, ack: (answer: unknown) => void) => {
        seen.refreshes.push(token)
        session.token = token
        ack({ expiresAt: new Date((claims(token)?.exp ?? 0) * 1000).toISOString() })
      })
    })
  }

  for (let i = 0; i < nodeCount; i += 1) await startNode(`node-${i}`)
  t.teardown(async () => {
    await Promise.all([...nodes.map(async node => { await node.kill() }), gate.close()])
  })

  const socketsOf = (user: string): Socket[] => [...sessions].filter(([, session]) => session.user === user).map(([socket]) => socket)

  return {
    gateUrl,
    nodes,
    faults,
    seen,
    stateOf,
    countUnread,
    markRead,
    recall,
    streamsOf,
    head,
    entriesOf: (stream: string) => streams.get(stream) ?? [],
    /** A producer's message. */
    post: (message: OutgoingMessage) => post(message, { producer: 'site' }),
    change,
    join (group: string, user: string) {
      const members = groups.get(group) ?? new Map<string, number>()
      groups.set(group, members)
      const after = head(`g:${group}`)
      members.set(user, after)
      append(`u:${user}`, { type: 'change', group, joined: true, after })
    },
    leave (group: string, user: string) {
      groups.get(group)?.delete(user)
      append(`u:${user}`, { type: 'change', group, joined: false })
    },
    /** Everything of the stream up to this seq has expired. */
    expire: (stream: string, seq: number) => { expiredTo.set(stream, seq) },
    /** The same, and what comes next says so by `prev` 0. */
    beginAgain (stream: string) { streams.set(stream, []) },
    socketsOf,
    socketCountOf: (user: string) => socketsOf(user).length,
    nodeOf: (user: string) => [...sessions.values()].find(session => session.user === user)?.node,
    reassign: (user: string, delayMs = 0) => { for (const socket of socketsOf(user)) socket.emit('reassign', { reason: 'test', delayMs }) },
    behind (user: string) {
      for (const socket of socketsOf(user)) {
        (sessions.get(socket) as Connection).behind = true
        socket.emit('behind', {})
      }
    },
    cut: (user: string) => { for (const socket of socketsOf(user)) socket.conn.close() },
    kick: (user: string) => { for (const socket of socketsOf(user)) socket.disconnect(true) },
    expireTickets (user: string) {
      const held = socketsOf(user).map(socket => (socket.handshake.auth as { ticket: string }).ticket)
      for (const ticket of held) expiredTickets.add(ticket)
    },
    leaving,
    place: (choose: typeof placing) => { placing = choose }
  }
}

export type WireDouble = Awaited<ReturnType<typeof startWireDouble>>
