/** Nodes on a real dispatch that answer a Gate from memory: what Gate needs of nodes, without their store and sockets. */
import type { Test } from 'tap'
import { createClock, parseMessageId, toMs } from '../../shared/contract/clock.js'
import { answerNodeRequests, type HandedMessage, type MessageResult, type NodeRequestHandlers } from '../../shared/contract/node-rpc.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { createRevocations } from '../../shared/contract/revocations.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { NodeId } from '../../shared/contract/names.js'
import { startGate, type Gate, type GateOptions } from '../../services/gate/start.js'
import { createProducerRates } from '../../services/notifications/node/producer-rates.js'
import { createSeenGates } from '../../services/notifications/node/seen-gates.js'
import { quickIntervals, startTestNode, type TestNode } from './dispatch-nodes.js'
import { signHs256 } from './tokens.js'
import { until } from './until.js'
import { createLossyBus, type LossyBus } from './lossy-bus.js'

export interface MemoryNode extends TestNode {
  /** Ids in the order in which this node was handed them, repeats too. */
  readonly handed: string[]
  readonly requests: Array<{ kind: string, messages: number }>
  /** Open sockets by user. */
  readonly sockets: Map<string, number>
  /** Called before an answer is made; what it throws is the answer. */
  fault: ((kind: string) => void | Promise<void>) | undefined
  /** What is said of a message, whatever was done. */
  result: ((handed: HandedMessage, result: MessageResult) => MessageResult) | undefined
}

export interface MemorySite {
  readonly hub: LossyBus
  readonly secret: string
  /** What all nodes have stored, in order. */
  readonly stored: Array<HandedMessage & { sender: string }>
  readonly volatile: HandedMessage[]
  readonly members: Map<string, Set<string>>
  readonly recalls: Array<{ sender: string, id: string, to: unknown }>
  /** `hasRead`: whether it has read who is revoked. */
  addNode: (id: string, options?: { weight?: number, isOld?: boolean, hasRead?: () => boolean }) => MemoryNode
  /** A Gate that knows every node added so far. */
  addGate: (name: string, settings?: Partial<GateOptions['settings']>, ownNodes?: GateOptions['ownNodes']) => Promise<Gate>
  token: (scope: string, sub?: string, claims?: Record<string, unknown>) => string
}

export function createMemorySite (t: Test, { maxPayloadBytes }: { maxPayloadBytes?: number } = {}): MemorySite {
  const hub = createLossyBus({ ...maxPayloadBytes !== undefined && { maxPayloadBytes } })
  const secret = 'a secret of at least 32 bytes, for tests'
  const stored: MemorySite['stored'] = []
  const volatile: HandedMessage[] = []
  const members: MemorySite['members'] = new Map()
  const recalls: MemorySite['recalls'] = []
  const claims = new Map<string, { id: string, json: string }>()
  const usedLinks = new Map<string, string>()
  const nodes: MemoryNode[] = []
  const revocations = createRevocations()

  const append = (sender: string, handed: HandedMessage): MessageResult => {
    const createdAt = (id: string): string => new Date(toMs(parseMessageId(id)!.time)).toISOString()
    if (handed.message.isVolatile) {
      volatile.push(handed)
      return { status: 202, id: handed.id, createdAt: createdAt(handed.id), duplicate: false }
    }
    const claim = handed.idempotencyKey === undefined ? undefined : `${sender}\t${handed.idempotencyKey}`
    const claimed = claim === undefined ? undefined : claims.get(claim)
    if (claimed !== undefined && claimed.json !== JSON.stringify(handed.message)) return { status: 409, code: 'GP_IDEMPOTENCY_CONFLICT', message: 'another message' }
    if (claimed !== undefined && claimed.id !== handed.id) return { status: 200, id: claimed.id as HandedMessage['id'], createdAt: createdAt(claimed.id), duplicate: true }
    if (claim !== undefined) claims.set(claim, { id: handed.id, json: JSON.stringify(handed.message) })
    if (!stored.some(({ id }) => id === handed.id)) stored.push({ ...handed, sender })
    return { status: 201, id: handed.id, createdAt: createdAt(handed.id), duplicate: false }
  }

  const seenGates = createSeenGates()
  const handlersOf = (node: MemoryNode): NodeRequestHandlers => {
    const handlers: NodeRequestHandlers = {
      'append-messages': async ({ sender, messages }) => {
        node.handed.push(...messages.map(({ id }) => id))
        return { results: messages.map(handed => { const result = append(sender, handed); return node.result?.(handed, result) ?? result }) }
      },
      recall: async ({ sender, id, to }) => {
        const message = stored.find(message => message.id === id)
        if (message === undefined) throw new GatepostError('GP_NOT_FOUND', 'id: no such message')
        if (message.sender !== sender) throw new GatepostError('GP_NOT_SENDER', 'id: of another sender')
        recalls.push({ sender, id, to })
        return { id }
      },
      presence: async ({ user }) => ({ sockets: node.sockets.get(user) ?? 0 }),
      'user-sockets': async ({ user, seq }) => ({ sockets: Array.from({ length: node.sockets.get(user) ?? 0 }, () => ({ openedAgoMs: 1_000, state: 'live' as const, waitingBytes: 0, ...seq !== undefined && { wasPassedOn: true } })) }),
      'user-details': async ({ user }) => ({ groups: [...members].filter(([, users]) => users.has(user)).map(([group]) => group), groupCount: 0, unread: 0, byCategory: {}, messages: [] }),
      'trace-message': async ({ id, user = '' }) => {
        const message = stored.find(message => message.id === id)
        if (message === undefined) throw new GatepostError('GP_NOT_FOUND', 'id: no such message')
        const at = parseMessageId(id)!.time
        return { stream: `u:${user}`, seq: at + 1, from: message.sender, category: 'general', createdAt: toMs(at), storedAt: toMs(at), expiresAt: toMs(at) + 1_000, recalledAt: null, reader: null }
      },
      'recent-times': async () => ({ since: 0, broadcast: null, written: null }),
      'count-producer': createProducerRates(() => performance.now()),
      'announce-gate': async gate => ({ gates: seenGates.announce(gate) }),
      disconnect: async ({ user }) => {
        const sockets = node.sockets.get(user) ?? 0
        node.sockets.delete(user)
        return { sockets }
      },
      'join-group': async ({ group, user }) => {
        members.set(group, (members.get(group) ?? new Set()).add(user))
        return {}
      },
      'leave-group': async ({ group, user }) => {
        members.get(group)?.delete(user)
        return {}
      },
      'list-members': async ({ group, limit, after = '' }) => {
        const all = [...members.get(group) ?? []].sort().filter(user => user > after)
        return { members: all.slice(0, limit), next: all.length > limit ? all[limit - 1] ?? null : null }
      },
      revoke: async ({ kind, name, before }) => {
        revocations.apply({ seq: revocations.seq + 1, kind, name, before })
        node.dispatch.announceNow()
        return {}
      },
      'use-link': async ({ id, by }) => {
        if (!usedLinks.has(id)) usedLinks.set(id, by)
        return { isFirst: usedLinks.get(id) === by }
      },
      'revocations-after': async ({ seq, limit }) => revocations.changesAfter(seq, limit),
      drain: async () => { node.announced = 'draining'; node.dispatch.announceNow(); return {} },
      undrain: async () => { node.announced = 'up'; node.dispatch.announceNow(); return {} }
    }
    return Object.fromEntries(Object.entries(handlers).map(([kind, handler]) => [kind, async (body: { messages?: unknown[] }) => {
      node.requests.push({ kind, messages: body.messages?.length ?? 0 })
      await node.fault?.(kind)
      return await (handler as (body: unknown, from: string) => Promise<unknown>)(body, 'gate')
    }])) as unknown as NodeRequestHandlers
  }

  return {
    hub,
    secret,
    stored,
    volatile,
    members,
    recalls,
    addNode (id, { weight = 1, isOld = false, hasRead = () => true } = {}) {
      const node: MemoryNode = Object.assign(startTestNode(t, { id, bus: hub.connect(id), weight, ...!isOld && { revocations: () => hasRead() ? revocations.seq : null } }), { handed: [], requests: [], sockets: new Map(), fault: undefined, result: undefined })
      answerNodeRequests(node.dispatch, handlersOf(node))
      nodes.push(node)
      return node
    },
    async addGate (name, settings = {}, ownNodes = undefined) {
      const bus = hub.connect(name)
      const gate = await startGate({
        settings: { host: '127.0.0.1', port: 0, secret, auth: { kind: 'secret', secret }, isDemo: false, version: '1.2.3', ...settings },
        bus,
        natsPrefix: 'test',
        log: createSilentLog(),
        clock: createClock(),
        intervals: quickIntervals,
        ownNodes
      })
      t.teardown(async () => {
        await gate.close()
        await bus.close()
      })
      const token = signHs256({ sub: 'test', scope: 'admin', exp: Math.floor(Date.now() / 1000) + 600 }, secret)
      await until('all nodes are known', async () => {
        const { nodes: found } = await (await fetch(`${gate.url}/gate/nodes`, { headers: { authorization: `Bearer ${token}` } })).json() as { nodes: Array<{ id: NodeId }> }
        return nodes.every(node => found.some(({ id }) => id === node.id))
      })
      return gate
    },
    token: (scope, sub = 'shop', more = {}) => signHs256({ sub, scope, exp: Math.floor(Date.now() / 1000) + 600, ...more }, secret)
  }
}

export interface Answer { status: number, headers: Headers, body: any }

/** One request with a token. */
export async function call (gate: Gate, method: string, path: string, { token, body, headers = {} }: { token?: string, body?: unknown, headers?: Record<string, string> } = {}): Promise<Answer> {
  const answer = await fetch(gate.url + path, {
    method,
    headers: { ...token !== undefined && { authorization: `Bearer ${token}` }, ...body !== undefined && { 'content-type': 'application/json' }, ...headers },
    ...body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) },
    redirect: 'manual'
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') === true
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text }
}
