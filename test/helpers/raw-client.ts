/** What a client of any make sees: plain HTTP answers and what a bare Socket.IO client is sent. */
import { Agent, request as httpRequest, STATUS_CODES } from 'node:http'
import { io, type Socket } from 'socket.io-client'
import type { Test } from 'tap'
import { expandBurst, expandSync, type Burst } from '../../clients/compact.js'
import type { Entry as ClientEntry } from '../../clients/protocol.js'
import { createUnreadTally, type UnreadTally } from '../../clients/unread-tally.js'
import type { Deployment } from './deployment.js'
import { until } from './until.js'

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The parsed JSON; undefined where there is none. */
  body: any
}

export interface RequestOptions {
  token?: string | undefined
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, instead of `body`. */
  raw?: string | Uint8Array
  headers?: Record<string, string>
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** By node:http and not by fetch: the path goes out as it is, `..` and all. */
export async function request (base: string, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const headers: Record<string, string> = { ...options.headers }
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  if (body !== undefined) {
    headers['content-type'] ??= 'application/json'
    headers['content-length'] ??= String(Buffer.byteLength(body))
  }
  const { hostname, port, pathname } = new URL(base)
  const under = pathname.replace(/\/$/, '')
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest({ agent, hostname, port, method, path: `${under}${path}`, headers }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      incoming.on('error', reject)
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const received = new Headers()
        for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) received.append(incoming.rawHeaders[i] ?? '', incoming.rawHeaders[i + 1] ?? '')
        const isJson = received.get('content-type')?.includes('json') === true && text !== ''
        resolve({ status: incoming.statusCode ?? 0, headers: received, text, body: isJson ? JSON.parse(text) : undefined })
      })
    })
    // An early refusal of a long body may also break the sending of it: the answer counts.
    outgoing.on('error', error => { setTimeout(() => { reject(error) }, 200) })
    outgoing.end(body)
  })
}

/** As Gate gives it; `path` is of Socket.IO. */
export interface GivenNode { id: string, url: string, path?: string }

/** One user on one node: a ticket and the node's address. */
export interface Session {
  readonly user: string
  readonly token: string
  readonly node: GivenNode
  readonly ticket: string
  readonly expiresAt: string
  call: (method: string, path: string, options?: RequestOptions) => Promise<Answer>
  /** POST /messages, which must be answered with 201; its body. */
  send: (message: object, key?: string) => Promise<any>
  get: (path: string) => Promise<any>
  patch: (id: string, change: object) => Promise<any>
  unread: () => Promise<number>
  /** Every message of a box, page by page. */
  list: (query?: string) => Promise<any[]>
}

export interface AssignOptions {
  avoid?: readonly string[]
  token?: string
  ticket?: (ticket: string) => string
}

export async function assign (deployment: Pick<Deployment, 'gate' | 'userToken'>, user: string, options: AssignOptions = {}): Promise<Session> {
  const token = options.token ?? deployment.userToken(user)
  const query = (options.avoid ?? []).map(id => `avoid=${encodeURIComponent(id)}`).join('&')
  const answer = await request(deployment.gate, 'GET', `/gate/assign${query === '' ? '' : `?${query}`}`, { token })
  if (answer.status !== 200) throw new Error(`GET /gate/assign for ${JSON.stringify(user)}: ${answer.status} ${answer.text}`)
  const { node, ticket, expiresAt } = answer.body as { node: GivenNode, ticket: string, expiresAt: string }
  return sessionOf(user, token, node, options.ticket?.(ticket) ?? ticket, expiresAt)
}

/** The same user on the node that Gate gives, and on the one that is next on the ring. */
export async function assignBoth (deployment: Deployment, user: string): Promise<[Session, Session]> {
  const first = await assign(deployment, user)
  return [first, await assign(deployment, user, { avoid: [first.node.id] })]
}

/** The same user on every node, in the order of the ring. */
export async function assignEach (deployment: Deployment, user: string): Promise<Session[]> {
  const sessions: Session[] = []
  while (sessions.length < deployment.nodeCount) sessions.push(await assign(deployment, user, { avoid: sessions.map(session => session.node.id) }))
  return sessions
}

export function sessionOf (user: string, token: string, node: GivenNode, ticket: string, expiresAt: string): Session {
  const call: Session['call'] = async (method, path, options = {}) => await request(node.url, method, path, { token: ticket, ...options })
  const good = async (method: string, path: string, options: RequestOptions, status: number): Promise<any> => {
    const answer = await call(method, path, options)
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }
  return {
    user,
    token,
    node,
    ticket,
    expiresAt,
    call,
    send: async (message, key) => await good('POST', '/messages', { body: message, ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }) }, 201),
    get: async path => await good('GET', path, {}, 200),
    patch: async (id, change) => await good('PATCH', `/messages/${id}`, { body: change }, 200),
    unread: async () => (await good('GET', '/messages/unread', {}, 200)).unread as number,
    list: async (query = '') => {
      const messages: any[] = []
      let before: string | undefined
      do {
        const parts = [query, before === undefined ? '' : `before=${encodeURIComponent(before)}`].filter(part => part !== '')
        const page = await good('GET', `/messages${parts.length === 0 ? '' : `?${parts.join('&')}`}`, {}, 200)
        messages.push(...page.messages)
        before = page.next ?? undefined
      } while (before !== undefined)
      return messages
    }
  }
}

/** A producer's door. */
export interface Producer {
  readonly token: string
  call: (method: string, path: string, options?: RequestOptions) => Promise<Answer>
  /** POST /gate/messages, which must be answered with 201, or 202 for a volatile one; its body. */
  send: (message: object, key?: string) => Promise<any>
  /** A batch, which must be answered with 207; the results. */
  sendAll: (messages: readonly object[]) => Promise<any[]>
  join: (group: string, user: string) => Promise<void>
  leave: (group: string, user: string) => Promise<void>
}

export function producerOf (deployment: Pick<Deployment, 'gate' | 'producerToken'>, name = 'shop'): Producer {
  const token = deployment.producerToken(name)
  const call: Producer['call'] = async (method, path, options = {}) => await request(deployment.gate, method, path, { token, ...options })
  const good = async (method: string, path: string, options: RequestOptions, statuses: readonly number[]): Promise<any> => {
    const answer = await call(method, path, options)
    if (!statuses.includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }
  const member = (group: string, user: string): string => `/gate/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}`
  return {
    token,
    call,
    send: async (message, key) => await good('POST', '/gate/messages', { body: message, ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }) }, [201, 202]),
    sendAll: async messages => (await good('POST', '/gate/messages', { body: messages }, [207])).results as any[],
    join: async (group, user) => { await good('PUT', member(group, user), {}, [200]) },
    leave: async (group, user) => { await good('DELETE', member(group, user), {}, [204]) }
  }
}

export interface Entry {
  type: 'message' | 'change' | 'gone'
  stream?: string
  seq?: number
  prev?: number
  [field: string]: any
}

export interface Ready {
  user: string
  node: string
  heads: Record<string, number>
  unread: number
  byCategory: Record<string, number>
  form?: number
  ttl?: number
  counts?: boolean
}

/** One open socket and all that it was sent, in the order in which it came. */
export interface RawSocket {
  readonly socket: Socket
  readonly session: Session
  readonly ready: Ready
  /** Names of the events in order of arrival. */
  readonly events: string[]
  readonly entries: Entry[]
  /** How many arrays the entries came in. */
  readonly bursts: number[]
  /** The events `unread`. */
  readonly unreads: Array<{ unread: number, byCategory: Record<string, number>, atMs: number }>
  /** The number that its client shows by now. */
  shown: () => { readonly unread: number, readonly byCategory: Readonly<Record<string, number>> }
  readonly reassigns: Array<{ reason: string, delayMs: number }>
  readonly behinds: unknown[]
  /** Why it was closed by the server; undefined while it is open. */
  closed: () => string | undefined
  ask: (event: string, ...payload: unknown[]) => Promise<any>
  /** Waits for a message with this title (or another test); it must be the first that fits. */
  message: (match: string | ((entry: Entry) => boolean), timeoutMs?: number) => Promise<Entry>
  change: (match: (entry: Entry) => boolean, timeoutMs?: number) => Promise<Entry>
  titles: (stream?: string) => string[]
  close: () => void
}

export interface SocketOptions {
  /** In which it asks for its entries; by default 1, or what GATEPOST_TEST_FORM says. What the test sees is whole. */
  form?: 1 | 2
  /** Whether it counts along; by default as GATEPOST_TEST_FORM says, too. */
  counts?: boolean
  cursors?: unknown
  topics?: unknown
  transports?: Array<'websocket' | 'polling'>
  /** Instead of the session's ticket. */
  auth?: Record<string, unknown>
}

const usualForm = process.env['GATEPOST_TEST_FORM'] === '2' ? 2 : 1

/** Socket.IO takes a path in its address for the name of a namespace. */
export const socketAddress = ({ url, path = '/socket.io' }: GivenNode, namespace = '/'): [string, { path: string }] => [`${new URL(url).origin}${namespace}`, { path }]

function dial (session: Session, options: SocketOptions): Socket {
  const auth = options.auth ?? {
    ticket: session.ticket,
    ...((options.form ?? usualForm) === 2 && { form: 2 }),
    ...(options.counts ?? usualForm === 2) && { counts: true },
    ...(options.cursors === undefined ? {} : { cursors: options.cursors }),
    ...(options.topics === undefined ? {} : { topics: options.topics })
  }
  const [origin, path] = socketAddress(session.node)
  return io(origin, { ...path, auth, transports: options.transports ?? ['websocket'], reconnection: false, forceNew: true, autoConnect: false })
}

/** Opens a socket that must be accepted, and waits for `ready`. */
export async function openSocket (t: Test, session: Session, options: SocketOptions = {}): Promise<RawSocket> {
  const socket = dial(session, options)
  let ready: Ready | undefined
  let tally: UnreadTally | undefined
  let failure: Error | undefined
  let reason: string | undefined
  const raw: Omit<RawSocket, 'ready'> = {
    socket,
    session,
    events: [],
    entries: [],
    bursts: [],
    unreads: [],
    shown: () => tally?.count ?? raw.unreads.at(-1) ?? ready ?? { unread: 0, byCategory: {} },
    reassigns: [],
    behinds: [],
    closed: () => reason,
    ask: async (event, ...payload) => {
      const answer: any = await socket.timeout(60_000).emitWithAck(event, ...payload)
      return ready?.form === 2 && answer?.bursts !== undefined ? expandSync(answer, ready) : answer
    },
    message: async (match, timeoutMs) => {
      const fits = typeof match === 'string' ? (entry: Entry) => entry['title'] === match : match
      return await until(`a message (${match.toString()}) at ${session.user}`, () => raw.entries.find(entry => entry.type === 'message' && fits(entry)), timeoutMs)
    },
    change: async (match, timeoutMs) =>
      await until(`a change (${match.toString()}) at ${session.user}`, () => raw.entries.find(entry => entry.type === 'change' && match(entry)), timeoutMs),
    titles: stream => raw.entries.filter(entry => entry.type === 'message' && (stream === undefined || entry.stream === stream)).map(entry => entry['title'] as string),
    close: () => { socket.close() }
  }
  socket.onAny((event: string) => { raw.events.push(event) })
  socket.on('ready', (payload: Ready) => {
    ready = payload
    if (payload.counts === true) tally = createUnreadTally(payload)
  })
  socket.on('entries', (...args: [Entry[]] | Burst) => {
    const entries = ready?.form === 2 ? expandBurst(args as Burst, ready) as Entry[] : args[0] as Entry[]
    raw.entries.push(...entries)
    raw.bursts.push(entries.length)
    tally?.take(entries as unknown as ClientEntry[])
  })
  socket.on('unread', payload => {
    tally?.set(payload)
    raw.unreads.push({ ...payload, atMs: performance.now() })
  })
  socket.on('reassign', payload => { raw.reassigns.push(payload) })
  socket.on('behind', payload => { raw.behinds.push(payload) })
  socket.on('disconnect', why => { reason = why })
  socket.on('connect_error', error => { failure = error })
  t.teardown(() => { socket.close() })
  socket.connect()
  await until(`ready at ${session.user}`, () => {
    if (failure !== undefined) throw failure
    if (reason !== undefined) throw new Error(`closed before ready: ${reason}`)
    return ready
  })
  return Object.assign(raw, { ready: ready as Ready })
}

/** Opens a socket that must be refused; the code of the refusal. */
export async function refusedSocket (t: Test, session: Session, options: SocketOptions): Promise<string | undefined> {
  const socket = dial(session, options)
  t.teardown(() => { socket.close() })
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error('neither accepted nor refused within 60 s')) }, 60_000)
    socket.once('connect_error', (error: Error & { data?: { code?: string } }) => { clearTimeout(timer); resolve(error.data?.code ?? `no code: ${error.message}`) })
    socket.once('ready', () => { clearTimeout(timer); resolve('accepted') })
    socket.connect()
  })
}

/** Fails unless each entry of a stream follows the one before it; entries that came twice count once. The distinct entries. */
export function checkChain (t: Test, entries: readonly Entry[], stream: string, from: number, where = stream): Entry[] {
  let last = from
  const distinct: Entry[] = []
  for (const entry of entries) {
    if (entry.stream !== stream) continue
    if (entry.seq === undefined || entry.prev === undefined) { t.fail(`${where}: a stored entry without seq or prev`, { entry }); return distinct }
    if (entry.seq <= last) continue
    if (entry.prev !== last && !(entry.prev === 0 && distinct.length === 0)) {
      t.fail(`${where}: entry ${entry.seq} has prev ${entry.prev}, the reader had ${last}`, { entry })
      return distinct
    }
    last = entry.seq
    distinct.push(entry)
  }
  return distinct
}

/** A refusal by section 10: status, code, and a body of exactly Fastify's four fields. */
export function refused (t: Test, answer: Answer, status: number, code: string | readonly string[], what: string): void {
  const codes = typeof code === 'string' ? [code] : code
  const body = (answer.body ?? {}) as Record<string, unknown>
  const isRight = answer.status === status && codes.includes(String(body['code'])) &&
    Object.keys(body).sort().join() === 'code,error,message,statusCode' && body['statusCode'] === status &&
    body['error'] === STATUS_CODES[status] && typeof body['message'] === 'string' && body['message'] !== '' &&
    !/\n\s+at |node_modules|\.js:\d/.test(String(body['message'])) &&
    ((status !== 429 && status !== 503) || /^[1-9]\d*$/.test(answer.headers.get('retry-after') ?? ''))
  t.ok(isRight, what, { expected: `${status} ${codes.join(' or ')}`, got: `${answer.status} ${answer.text.slice(0, 500)}`, retryAfter: answer.headers.get('retry-after') })
}

/** A refusal in an acknowledgement. */
export function refusedAck (t: Test, answer: any, code: string | readonly string[], what: string): void {
  const codes = typeof code === 'string' ? [code] : code
  const isRight = codes.includes(answer?.error?.code) && Object.keys(answer).join() === 'error' &&
    Object.keys(answer.error).sort().join() === 'code,message' && typeof answer.error.message === 'string' && answer.error.message !== ''
  t.ok(isRight, what, { expected: codes.join(' or '), got: JSON.stringify(answer)?.slice(0, 500) })
}

/** ISO 8601 in UTC. */
export const isTime = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value) && !Number.isNaN(Date.parse(value))
