import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { parseMessageId } from '../../shared/contract/clock.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { call, createMemorySite, type MemoryNode } from '../helpers/memory-nodes.js'
import { allowed, until } from '../helpers/until.js'

const handedTo = (nodes: readonly MemoryNode[], id: string): string[] => nodes.filter(node => node.handed.includes(id)).map(node => node.id)

t.test('messages - each kind of target goes to the node that the ring gives for its stream', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b', 'c'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const homes = new Map<string, string>()
  for (const [to, home] of [
    [{ user: 'ann' }, 'u'], [{ users: ['ann', 'bob'] }, 'u'], [{ group: 'staff' }, 'g'], [{ all: true }, 'a']
  ] as const) {
    const answer = await call(gate, 'POST', '/gate/messages', { token, body: { to, title: 'hello', data: { a: 1 } } })
    t.same([answer.status, Object.keys(answer.body), answer.body.duplicate], [201, ['id', 'createdAt', 'duplicate'], false])
    t.equal(parseMessageId(answer.body.id)?.home.charAt(0), home)
    t.match(site.stored.at(-1), { id: answer.body.id, sender: 'p:shop', message: { to, title: 'hello', data: { a: 1 }, body: null, category: 'general' } })
    const [node] = handedTo(nodes, answer.body.id)
    t.equal(handedTo(nodes, answer.body.id).length, 1)
    homes.set(JSON.stringify(to), node ?? '')
  }
  const assigned = await call(gate, 'GET', '/gate/assign', { token: site.token('user', 'ann') })
  t.equal(homes.get('{"user":"ann"}'), assigned.body.node.id, "a user's messages go where the user's sockets are")
  t.equal(homes.get('{"users":["ann","bob"]}'), assigned.body.node.id)
})

t.test('messages - volatile: 202, and a topic always is', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  for (const body of [{ to: { user: 'ann' }, title: 'x', volatile: true }, { to: { topic: 'ehr:api', match: 'prefix' }, title: 'x' }]) {
    const answer = await call(gate, 'POST', '/gate/messages', { token, body })
    t.same([answer.status, Object.keys(answer.body)], [202, ['id', 'createdAt']])
  }
  t.equal(site.volatile.length, 2)
  t.equal(site.stored.length, 0)
})

t.test('messages - data with keys that could pollute a prototype comes through as it is', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  const data = '{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: `{"to":{"user":"ann"},"data":${data}}` })
  t.equal(answer.status, 201)
  t.equal(JSON.stringify(site.stored[0]?.message.data), data)
  t.equal(({} as { x?: number }).x, undefined)
  const own = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: '{"to":{"user":"ann"},"title":"x","__proto__":{"x":1}}' })
  t.match(own, { status: 400, body: { code: 'GP_VALIDATION' } }, 'but is no field of a message')
})

t.test('messages - Idempotency-Key', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const send = async (title: string, key: string): Promise<{ status: number, body: any }> => await call(gate, 'POST', '/gate/messages', { token, body: { to: { user: 'ann' }, title }, headers: { 'idempotency-key': key } })
  const first = await send('x', 'k')
  t.equal(first.status, 201)
  t.match(await send('x', 'k'), { status: 200, body: { id: first.body.id, createdAt: first.body.createdAt, duplicate: true } })
  t.match(await send('y', 'k'), { status: 409, body: { code: 'GP_IDEMPOTENCY_CONFLICT' } })
  t.match(await send('x', ''), { status: 400, body: { code: 'GP_VALIDATION' } })
  t.match(await send('x', 'k'.repeat(257)), { status: 400, body: { code: 'GP_VALIDATION' } })
  t.equal((await send('x', 'k'.repeat(256))).status, 201)
})

t.test('messages - a node that refuses, has gone or is draining: the next one, with the same id', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b', 'c'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const send = async (): Promise<{ status: number, headers: Headers, body: any }> => await call(gate, 'POST', '/gate/messages', { token, body: { to: { user: 'ann' }, title: 'x' } })
  const usual = await send()
  const home = nodes.find(node => node.handed.includes(usual.body.id))!
  for (const code of ['GP_DRAINING', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE'] as const) {
    home.fault = () => { throw new GatepostError(code, 'not now') }
    const answer = await send()
    t.equal(answer.status, 201, code)
    t.notOk(handedTo(nodes, answer.body.id).includes(home.id))
    t.equal(handedTo(nodes, answer.body.id).length, 1)
  }
  home.fault = () => { throw new GatepostError('GP_OVERLOADED', 'too much', { retryAfterSeconds: 7 }) }
  const overloaded = await send()
  t.match(overloaded, { status: 503, body: { code: 'GP_OVERLOADED' } }, 'overload is not passed on')
  t.equal(overloaded.headers.get('retry-after'), '7')
  home.fault = undefined
  site.hub.disconnect(home.id)
  t.equal((await send()).status, 201, 'gone')
  for (const node of nodes) node.fault = () => { throw new GatepostError('GP_STORE_UNAVAILABLE', 'no store') }
  const none = await send()
  t.match(none, { status: 503, body: { code: 'GP_STORE_UNAVAILABLE' } })
  t.ok(Number(none.headers.get('retry-after')) >= 1)
  site.hub.disconnect('gate')
  t.match(await send(), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } })
})

t.test('messages - a node that falls silent over one: the next, under the same id, stored once', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  let asked = 0
  let first: MemoryNode | undefined
  for (const node of nodes) {
    node.fault = async () => {
      if (++asked > 1) return
      // It was handed the message, is cut off, and stores it when Gate has long gone on to the other.
      first = node
      site.hub.disconnect(node.id)
      await until('the other one has stored it', () => site.stored.length === 1)
    }
  }
  const startedAt = performance.now()
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: { to: { user: 'ann' }, title: 'x' } })
  t.equal(answer.status, 201)
  t.ok(performance.now() - startedAt < allowed(4_000), 'as soon as it is suspect')
  await until('both have it', () => nodes.every(node => node.handed.length === 1))
  t.same(handedTo(nodes, answer.body.id), ['a', 'b'])
  t.equal(site.stored.length, 1)
  t.equal(first?.handed[0], answer.body.id)
})

t.test('messages - a node that is well and takes its time is waited for', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  for (const node of nodes) node.fault = async () => { await pause(3_000) }
  const users = Array.from({ length: 1000 }, (_, i) => `user ${i}`)
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: { to: { users }, title: 'x' } })
  t.equal(answer.status, 201)
  t.equal(handedTo(nodes, answer.body.id).length, 1, 'no other one did the same work')
})

t.test('messages - a link that breaks under a request: sent again when it is back, and answered as it is', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  let isStored: (() => void) | undefined
  for (const node of nodes) {
    node.fault = async () => {
      if (isStored !== undefined) return
      site.hub.disconnect('gate')
      await new Promise<void>(resolve => { isStored = resolve })
    }
  }
  const asking = call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: { to: { user: 'ann' }, title: 'x' } })
  await until('the node is at work', () => isStored)
  t.match(await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: { to: { user: 'ann' }, title: 'y' } }), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } }, 'what was not handed over is refused at once')
  isStored?.()
  site.hub.reconnect('gate')
  const answer = await asking
  t.equal(answer.status, 201)
  t.same(site.stored.map(({ message }) => message.title), ['x'])
  t.equal(handedTo(nodes, answer.body.id).length, 1, 'by the same node, which knows it already')
})

t.test('messages - a first request without a reply, and a second one refused: nobody knows what became of the first', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const body = { to: { user: 'ann' }, title: 'x' }
  /** The reply to the first request is lost with the link; what is said of each later one. */
  const afterLoss = async (path: string, method: string, asked: unknown, later: () => void): Promise<{ status: number, body: any }> => {
    let isLost = false
    for (const node of nodes) {
      node.fault = async () => {
        if (isLost) { later(); return }
        isLost = true
        site.hub.disconnect('gate')
        setImmediate(() => { site.hub.reconnect('gate') })
      }
    }
    return await call(gate, method, path, { token, body: asked })
  }
  const refuse = (): never => { throw new GatepostError('GP_STORE_UNAVAILABLE', 'nothing was stored') }
  t.match(await afterLoss('/gate/messages', 'POST', body, refuse), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN' } })
  t.equal(site.stored.length, 1, 'it was stored')
  t.match(await afterLoss('/gate/groups/staff/members/ann', 'PUT', undefined, refuse), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN' } })
  t.match(await afterLoss('/gate/groups/staff/members', 'GET', undefined, refuse), { status: 503, body: { code: 'GP_STORE_UNAVAILABLE' } }, 'what only reads leaves nothing in doubt')
  t.match(await afterLoss('/gate/messages', 'POST', [body, body], () => {
    for (const node of nodes) node.result = () => ({ status: 503, code: 'GP_STORE_UNAVAILABLE', message: 'nothing was stored' })
  }), { status: 207, body: { results: [{ status: 504, code: 'GP_OUTCOME_UNKNOWN' }, { status: 504, code: 'GP_OUTCOME_UNKNOWN' }] } }, 'in results too')
  for (const node of nodes) node.result = undefined
  t.match(await afterLoss('/gate/messages', 'POST', { ...body, idempotencyKey: undefined }, () => {}), { status: 201 }, 'a node that knows the message says so')
})

t.test('messages - the store is away: said by the node that is at work on it, however long, and once it is said nobody else is asked', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const asked: string[] = []
  for (const node of nodes) {
    node.fault = async kind => {
      // Gates ask nodes other things too.
      if (kind !== 'append-messages') return
      asked.push(node.id)
      await pause(8_500)
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store did not take it; nothing was stored')
    }
  }
  const begunMs = performance.now()
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: { to: { user: 'ann' }, title: 'x' } })
  t.match(answer, { status: 503, body: { code: 'GP_STORE_UNAVAILABLE' } })
  t.ok(performance.now() - begunMs > 8_000)
  t.equal(asked.length, 2, 'twice, should the first answer have been lost')
  t.equal(new Set(asked).size, 1)
})

t.test('messages - a node that does not know the outcome: the next one under the same id; 504 only where no node knows', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b', 'c'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const doubt = (): never => { throw new GatepostError('GP_OUTCOME_UNKNOWN', 'the store did not say') }
  const refuse = (): never => { throw new GatepostError('GP_STORE_UNAVAILABLE', 'nothing was stored') }
  const one = async (): Promise<{ status: number, headers: Headers, body: any }> => await call(gate, 'POST', '/gate/messages', { token, body: { to: { user: 'ann' }, title: 'x' } })
  const usual = await one()
  const home = nodes.find(node => node.handed.includes(usual.body.id))!
  const others = nodes.filter(node => node !== home)

  home.fault = doubt
  t.equal((await one()).status, 201, 'the next one finds out')
  for (const node of others) node.fault = refuse
  const unknown = await one()
  t.match(unknown, { status: 504, body: { statusCode: 504, code: 'GP_OUTCOME_UNKNOWN', error: 'Gateway Timeout', message: /Idempotency-Key/ } }, 'what the others did not store the first may have')
  for (const node of others) node.fault = () => { throw new GatepostError('GP_OVERLOADED', 'too much') }
  t.match(await one(), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN' } })
  for (const node of others) node.fault = () => { throw new GatepostError('GP_NOT_SENDER', 'no') }
  t.match(await one(), { status: 403 }, 'what has nothing to do with storing stands')
  home.fault = refuse
  for (const node of others) node.fault = refuse
  t.match(await one(), { status: 503, body: { code: 'GP_STORE_UNAVAILABLE' } })

  for (const node of nodes) node.fault = doubt
  const batch = await call(gate, 'POST', '/gate/messages', { token, body: [{ to: { user: 'ann' }, title: 'x' }, { to: {} }] })
  t.match(batch, { status: 207, body: { results: [{ status: 504, code: 'GP_OUTCOME_UNKNOWN' }, { status: 400 }] } })
  t.match(await call(gate, 'PUT', '/gate/groups/staff/members/ann', { token }), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN', message: /completes/ } })
  t.match(await call(gate, 'POST', `/gate/messages/${usual.body.id}/recall`, { token, body: { to: { user: 'ann' } } }), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN' } })
  t.match(await call(gate, 'GET', '/gate/groups/staff/members', { token }), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } }, 'never for a read')
})

t.test('messages - a result that says that it may be stored is asked for again, alone, at the next node', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const unsaid = new Set<string>()
  // A node of this version says so by the code, one of the version before by its words.
  const codes = ['GP_OUTCOME_UNKNOWN', 'GP_STORE_UNAVAILABLE'] as const
  for (const node of nodes) {
    node.result = ({ message: { title }, id }, result) => {
      const code = codes[Number(title) % 3 - 1]
      if (code === undefined || unsaid.has(id)) return result
      unsaid.add(id)
      return { status: 504, code, message: 'the store did not say whether it took all of it' }
    }
  }
  const body = Array.from({ length: 30 }, (_, i) => ({ to: { user: `user ${i}` }, title: String(i) }))
  const { body: { results } } = await call(gate, 'POST', '/gate/messages', { token, body })
  t.same(results.map(({ status }: { status: number }) => status), body.map(() => 201))
  t.equal(site.stored.length, 30)
  t.equal(nodes.reduce((sum, { handed }) => sum + handed.length, 0), 50, 'those alone')
  for (const node of nodes) node.result = () => ({ status: 503, code: 'GP_STORE_UNAVAILABLE', message: 'the store did not say whether it took all of it' })
  t.match(await call(gate, 'POST', '/gate/messages', { token, body: body[0] }), { status: 504, body: { code: 'GP_OUTCOME_UNKNOWN' } })
  for (const node of nodes) node.result = () => ({ status: 503, code: 'GP_STORE_UNAVAILABLE', message: 'nothing was stored' })
  t.match(await call(gate, 'POST', '/gate/messages', { token, body: body[0] }), { status: 503, body: { code: 'GP_STORE_UNAVAILABLE' } })
  for (const node of nodes) node.result = () => ({ status: 418, code: 'GP_OF_A_LATER_VERSION' as 'GP_INTERNAL', message: 'new' })
  t.match(await call(gate, 'POST', '/gate/messages', { token, body: body[0] }), { status: 500, body: { code: 'GP_INTERNAL' } })
})

t.test('batch - results in order, bad ones between good ones', async t => {
  const site = createMemorySite(t)
  for (const id of ['a', 'b', 'c']) site.addNode(id)
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const to = { user: 'ann' }
  const answer = await call(gate, 'POST', '/gate/messages', {
    token,
    body: [
      { to, title: '1' }, { to }, null, 'text', 5, [], { to, title: '2', idempotencyKey: 'k' }, { to, title: '2', idempotencyKey: 'k' }, { to, title: '3', idempotencyKey: 'k' },
      { to, title: 'x', idempotencyKey: '' }, { to, title: 'x', idempotencyKey: 5 }, { to, title: 'x', more: 1 }, { to: { topic: 't' }, title: 'v' }, { to, body: 'x'.repeat(70_000) }, { to: { group: 'g' }, title: '4' }
    ]
  })
  t.equal(answer.status, 207)
  t.same(answer.body.results.map(({ status }: { status: number }) => status), [201, 400, 400, 400, 400, 400, 201, 200, 409, 400, 400, 400, 202, 413, 201])
  const [first, second, , , , , keyed, again, conflict] = answer.body.results
  t.same(Object.keys(first), ['status', 'id', 'createdAt', 'duplicate'])
  t.same(Object.keys(second), ['status', 'code', 'message'])
  t.equal(again.id, keyed.id)
  t.same([keyed.duplicate, again.duplicate, conflict.code], [false, true, 'GP_IDEMPOTENCY_CONFLICT'])
  t.same(site.stored.map(({ message }) => message.title).sort(), ['1', '2', '4'])
  t.match((await call(gate, 'GET', '/metrics')).body, /^gatepost_system_messages_total\{status="201"\} 3$/m)
})

t.test('batch - split under the limit of dispatch, in order for each target', async t => {
  const site = createMemorySite(t, { maxPayloadBytes: 256 * 1024 })
  const nodes = ['a', 'b', 'c'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  const users = ['ann', 'bob', 'cid', 'dan']
  const body = Array.from({ length: 1000 }, (_, i) => ({ to: { user: users[i % 4] }, title: `${i}`, body: 'é"'.repeat(900) }))
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body })
  t.equal(answer.status, 207)
  t.ok(answer.body.results.every(({ status }: { status: number }) => status === 201))
  for (const [k, user] of users.entries()) {
    const titles = site.stored.filter(({ message }) => 'user' in message.to && message.to.user === user).map(({ message }) => Number(message.title))
    t.same(titles, Array.from({ length: 250 }, (_, i) => i * 4 + k), user)
  }
  t.same(answer.body.results.map(({ id }: { id: string }) => id).sort(), answer.body.results.map(({ id }: { id: string }) => id), 'ids grow in the order of the batch')
  const requests = nodes.flatMap(node => node.requests)
  t.ok(requests.length > 8, `${requests.length} requests`)
})

t.test('batch - the largest message there is fits into a request', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  // Every character of it is escaped, twice where the message travels as text.
  const body = Array.from({ length: 3 }, () => ({ to: { user: 'ann' }, body: '\\'.repeat(32_000), title: '"'.repeat(256) }))
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body })
  t.same(answer.body.results.map(({ status }: { status: number }) => status), [201, 201, 201])
})

t.test('batch - refused as a whole', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const item = { to: { user: 'ann' }, title: 'x' }
  const send = async (body: unknown, headers: Record<string, string> = {}): Promise<{ status: number, body: any }> => await call(gate, 'POST', '/gate/messages', { token, body, headers })
  t.match(await send([]), { status: 400, body: { code: 'GP_VALIDATION' } })
  t.match(await send(Array.from({ length: 1001 }, () => item)), { status: 400, body: { code: 'GP_VALIDATION' } })
  t.match(await send([item], { 'idempotency-key': 'k' }), { status: 400, body: { code: 'GP_VALIDATION', message: /^idempotency-key: / } })
  t.match(await send(`[${JSON.stringify(item)}${' '.repeat(8 * 1024 * 1024)}]`), { status: 413, body: { code: 'GP_TOO_LARGE' } })
  for (const body of ['5', 'null', '"text"', '{}', '']) t.match(await call(gate, 'POST', '/gate/messages', { token, body, headers: { 'content-type': 'application/json' } }), { status: 400, body: { code: 'GP_VALIDATION' } }, body)
  t.equal(site.stored.length, 0)
})

t.test('batch - nodes that are not there: 503 in the results of theirs only', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gate = await site.addGate('gate')
  nodes[0]!.fault = () => { throw new GatepostError('GP_OVERLOADED', 'too much') }
  const users = Array.from({ length: 40 }, (_, i) => `user ${i}`)
  const answer = await call(gate, 'POST', '/gate/messages', { token: site.token('producer'), body: users.map(user => ({ to: { user }, title: 'x' })) })
  t.equal(answer.status, 207)
  const byStatus = (status: number): number => answer.body.results.filter((result: { status: number }) => result.status === status).length
  t.ok(byStatus(201) > 0 && byStatus(503) > 0)
  t.equal(byStatus(201) + byStatus(503), 40)
  t.equal(site.stored.length, byStatus(201))
})

t.test('rate - messages of a producer, each of a batch; what is refused is not stored', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  const gate = await site.addGate('gate', { rateProducerPerMinute: 10 })
  const item = { to: { user: 'ann' }, title: 'x' }
  const send = async (body: unknown, sub = 'shop'): Promise<{ status: number, headers: Headers, body: any }> => await call(gate, 'POST', '/gate/messages', { token: site.token('producer', sub), body })
  t.equal((await send([item, item, item, item, item, item, item, { to: {} }])).status, 207)
  const refused = await send([item, item, item, item, item])
  t.match(refused, { status: 429, body: { code: 'GP_RATE_LIMIT' } })
  t.ok(Number(refused.headers.get('retry-after')) >= 1)
  for (let i = 0; i < 3; i++) t.equal((await send(item)).status, 201)
  t.equal((await send(item)).status, 429)
  t.equal((await send(item, 'another')).status, 201)
  t.equal(site.stored.length, 11)
})

t.test('rate - of a producer it is one for all Gates; while the node that counts is silent each Gate counts by itself', async t => {
  const site = createMemorySite(t)
  const nodes = ['a', 'b'].map(id => site.addNode(id))
  const gates = [await site.addGate('one', { rateProducerPerMinute: 20 }), await site.addGate('two', { rateProducerPerMinute: 20 })]
  const taken = async (sub: string, times: number): Promise<number[]> => await Promise.all(gates.map(async gate => {
    let stored = 0
    for (let i = 0; i < times; i++) if ((await call(gate, 'POST', '/gate/messages', { token: site.token('producer', sub), body: { to: { user: 'ann' }, title: 'x' } })).status === 201) stored++
    return stored
  }))
  // Three seconds bring one more.
  const [one = 0, two = 0] = await taken('shop', 20)
  t.ok(one + two >= 20 && one + two <= 22, `${one} and ${two}`)
  t.ok(one > 0 && two > 0)
  for (const node of nodes) node.fault = async kind => { if (kind === 'count-producer') throw new GatepostError('GP_INTERNAL', 'not known') }
  for (const stored of await taken('another', 30)) t.ok(stored >= 20 && stored <= 22, `${stored}`)
  const [more = 0, more2 = 0] = await taken('shop', 30)
  t.ok(one + more <= 23 && two + more2 <= 23, `what was counted elsewhere counts here too: ${one} and ${more}, ${two} and ${more2}`)
})

t.test('recall - by its sender, with the target as it was sent', async t => {
  const site = createMemorySite(t)
  for (const id of ['a', 'b']) site.addNode(id)
  const gate = await site.addGate('gate')
  const token = site.token('producer')
  const to = { group: 'staff' }
  const { body: { id } } = await call(gate, 'POST', '/gate/messages', { token, body: { to, title: 'x' } })
  t.match(await call(gate, 'POST', `/gate/messages/${id}/recall`, { token, body: { to } }), { status: 200, body: { id } })
  t.same(site.recalls, [{ sender: 'p:shop', id, to }])
  t.match(await call(gate, 'POST', `/gate/messages/${id}/recall`, { token: site.token('producer', 'other'), body: { to } }), { status: 403, body: { code: 'GP_NOT_SENDER' } })
  t.match(await call(gate, 'POST', '/gate/messages/nothing/recall', { token, body: { to } }), { status: 404, body: { code: 'GP_NOT_FOUND' } })
  for (const body of [{}, { to: {} }, { to: { group: 'a', user: 'b' } }, { to, more: 1 }, { to: 'all' }]) {
    t.match(await call(gate, 'POST', `/gate/messages/${id}/recall`, { token, body }), { status: 400, body: { code: 'GP_VALIDATION' } }, JSON.stringify(body))
  }
})
