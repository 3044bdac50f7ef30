/** A real nats-server with the logins of deploy/, and what a stranger can do who has a Gate's login. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { connect, type NatsConnection } from 'nats'
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createLog, createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId } from '../../../shared/contract/names.js'
import { writeHeartbeat } from '../../../services/dispatch/heartbeat.js'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { createDispatch, type DispatchMode } from '../../../services/dispatch/create-dispatch.js'
import type { Dispatch } from '../../../services/dispatch/dispatch.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { arcOf, createSubjects, lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { idleLoad, quickIntervals, startTestNode, statesOf, testSecret, type TestNode } from '../../helpers/dispatch-nodes.js'
import { findNatsServer, natsMissing, startNatsServer, type NatsServer } from '../../helpers/nats-server.js'
import { until } from '../../helpers/until.js'

const natsSkip = await findNatsServer() === undefined ? { skip: natsMissing } : {}
const logins = readFileSync(fileURLToPath(new URL('../../../deploy/kubernetes/nats/logins.conf', import.meta.url)), 'utf8')
const passwords = { NATS_GATE_PASSWORD: 'gate-password', NATS_NODE_PASSWORD: 'node-password' }
const config = Object.entries(passwords).reduce((text, [name, value]) => text.replace(`$${name}`, JSON.stringify(value)), logins)
const prefix = 'gatepost'
const subjects = createSubjects(prefix)
const anna = userStream('anna')
const bytes = (text: string): Uint8Array => Buffer.from(text)

const urlOf = ({ port }: NatsServer, role: 'gate' | 'node'): string => `nats://${role}:${role}-password@127.0.0.1:${port}`

async function connectBus (t: Test, server: NatsServer, role: 'gate' | 'node', log = createSilentLog()): Promise<Bus> {
  const bus = createNatsBus({ url: urlOf(server, role), name: role, role, log })
  t.teardown(async () => { await bus.close() })
  await until(`the ${role} is connected`, () => bus.isConnected)
  return bus
}

async function cluster (t: Test, mode: DispatchMode = 'broadcast'): Promise<{ server: NatsServer, a: TestNode, b: TestNode, gate: Dispatch }> {
  const server = await startNatsServer(t, { config })
  const [a, b] = await Promise.all(['a', 'b'].map(async id => startTestNode(t, { id, prefix, mode, bus: await connectBus(t, server, 'node') }))) as [TestNode, TestNode]
  const gate = createDispatch({ bus: await connectBus(t, server, 'gate'), prefix, secret: testSecret, clock: createClock(), log: createSilentLog(), intervals: quickIntervals })
  t.teardown(async () => { await gate.close() })
  await until('all see both', () => [a.dispatch, b.dispatch, gate].every(dispatch => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up'))
  return { server, a, b, gate }
}

async function stranger (t: Test, server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'gate', pass: 'gate-password', reconnect: false, inboxPrefix: '_INBOX.gate' })
  t.teardown(async () => { await connection.close() })
  return connection
}

void t.test('nats permissions - with the logins of deploy/ Gates and nodes do all that they do', natsSkip, async t => {
  for (const mode of ['broadcast', 'interest'] as const) {
    await t.test(`by ${mode}`, async t => {
      const { a, b, gate } = await cluster(t, mode)
      b.wanted.add(anna)
      a.dispatch.broadcast(anna, bytes('hello'))
      await until('a broadcast comes', () => b.arrivals.length === 1)
      b.dispatch.answer('echo', async body => body)
      t.same(await gate.ask('b' as NodeId, 'echo', { n: 1 }), { n: 1 })
      t.same(await a.dispatch.ask('b' as NodeId, 'echo', { n: 2 }), { n: 2 })
    })
  }
})

void t.test('nats permissions - a stranger with the login of Gates reads no mail, broadcasts none, and is no node', natsSkip, async t => {
  const { server, a, b, gate } = await cluster(t)
  const connection = await stranger(t, server)
  const denied: string[] = []
  const heard: string[] = []
  void (async () => { for await (const { permissionContext } of connection.status()) if (permissionContext?.operation === 'publish') denied.push(permissionContext.subject) })()
  for (const subject of ['>', `${prefix}.>`, subjects.allPushes, subjects.allVolatile, subjects.allTopics, subjects.arc('u1'), `${prefix}.ask.>`, '_INBOX.node.>']) {
    connection.subscribe(subject, { callback: (error, message) => { if (error === null) heard.push(message.subject) } })
  }
  await connection.flush()

  const life = lifeToken('a' as NodeId, a.dispatch.members()[0]!.startedAt)
  const announcement = { id: 'evil', url: 'http://evil', weight: 1, version: '1', startedAt: 1, state: 'up' as const, load: idleLoad, sent: 0, time: 0 }
  b.wanted.add(anna)
  const forbidden = [subjects.arc(arcOf(anna)!), subjects.pushStem(life) + streamToken(anna), subjects.volatileStem('a' as NodeId) + streamToken(anna), subjects.topic('a' as NodeId, 'news', 'exact'), subjects.heartbeat('evil' as NodeId), subjects.bye('a' as NodeId)]
  for (const subject of forbidden) connection.publish(subject, subject.includes('heartbeat') ? writeHeartbeat(announcement) : bytes('forged'))
  await connection.flush()
  await until('all of it is denied', () => denied.length === forbidden.length)

  a.dispatch.broadcast(anna, bytes('real'))
  await a.dispatch.ask('b' as NodeId, 'dispatch.lost', { startedAt: 0, after: 0, skip: 0 })
  await until('the real one comes', () => b.arrivals.length === 1)
  await connection.flush()
  t.same(b.arrivals, ['a u:anna real'])
  t.same(heard, [], 'nothing of it reached the stranger')
  for (const dispatch of [a.dispatch, b.dispatch, gate]) t.equal(statesOf(dispatch), 'a:up b:up')
})

void t.test('nats permissions - a stranger with the login of Gates asks nodes in vain, without the secret', natsSkip, async t => {
  const { server, b } = await cluster(t)
  const connection = await stranger(t, server)
  let asked = 0
  b.dispatch.answer('echo', async body => { asked++; return body })
  const question = bytes(JSON.stringify({ kind: 'echo', from: 'gate', body: {} }))
  const answer = await connection.request(subjects.ask('b' as NodeId), question, { timeout: 2_000 })
  t.match(answer.json(), { error: { code: 'GP_DISPATCH_UNAVAILABLE', message: /GATEPOST_SECRET/ } })
  t.equal(asked, 0)
})

void t.test('nats permissions - another secret is no member, whatever NATS lets through', natsSkip, async t => {
  const { server, a, gate } = await cluster(t)
  const other = startTestNode(t, { id: 'evil', prefix, bus: await connectBus(t, server, 'node'), secret: 'another secret than that of the cluster' })
  await until('it has announced itself for a while', () => other.dispatch.hasConverged)
  t.equal(statesOf(a.dispatch), 'a:up b:up')
  t.equal(statesOf(gate), 'a:up b:up')
  await t.rejects(other.dispatch.ask('a' as NodeId, 'dispatch.lost', { startedAt: 0, after: 0, skip: 0 }), { code: 'GP_DISPATCH_UNAVAILABLE' })
})

void t.test('nats permissions - a node of version 0.1, which does not sign, is a member; its Gate is answered, also by nodes that have not heard of it', natsSkip, async t => {
  const { server, a, b, gate } = await cluster(t)
  // As version 0.1 does it: JSON, and nothing behind it.
  const old = await connect({ servers: `127.0.0.1:${server.port}`, user: 'node', pass: 'node-password', inboxPrefix: '_INBOX.node' })
  t.teardown(async () => { await old.close() })
  b.dispatch.answer('echo', async body => body)
  const ask = async (): Promise<unknown> => (await old.request(subjects.ask('b' as NodeId), bytes(JSON.stringify({ kind: 'echo', from: 'gate', body: { n: 1 } })), { timeout: 2_000 })).json()
  t.match(await ask(), { error: { code: 'GP_DISPATCH_UNAVAILABLE' } }, 'no upgrade is under way')
  const beat = setInterval(() => { old.publish(subjects.heartbeat('old' as NodeId), writeHeartbeat({ id: 'old', url: 'http://old', weight: 1, version: '0.1.0', startedAt: 1, state: 'up', load: idleLoad, sent: 0, time: 0 })) }, 50)
  t.teardown(() => { clearInterval(beat) })
  await until('it is a member', () => [a.dispatch, b.dispatch, gate].every(dispatch => statesOf(dispatch) === 'a:up b:up old:up'))
  t.match(await ask(), { body: { n: 1 } })
  clearInterval(beat)
  await until('it is gone', () => statesOf(gate) === 'a:up b:up old:down')
  const late = startTestNode(t, { id: 'late', prefix, bus: await connectBus(t, server, 'node') })
  late.dispatch.answer('echo', async body => body)
  // By then NATS knows what it subscribes to: it said so before it announced itself, over one connection.
  await until('the newcomer is a member', () => statesOf(gate).includes('late:up'))
  await until('one that never heard it is told of it', async () => {
    const answer = await old.request(subjects.ask('late' as NodeId), bytes(JSON.stringify({ kind: 'echo', from: 'gate', body: { n: 2 } })), { timeout: 2_000 })
    return 'body' in answer.json<object>()
  })
})

void t.test('nats permissions - a permission that is missing is named, makes the process count as cut off, and is taken up when it is granted', natsSkip, async t => {
  const denying = config.replace('subscribe: { allow: ["gatepost.>", "_INBOX.node.>"] }', 'subscribe: { allow: ["gatepost.heartbeat.*", "_INBOX.node.>"] }')
  t.not(denying, config)
  const server = await startNatsServer(t, { config: denying })
  const lines: string[] = []
  const bus = createNatsBus({ url: urlOf(server, 'node'), name: 'a', role: 'node', log: createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
  t.teardown(async () => { await bus.close() })
  const states: boolean[] = []
  bus.onStatus(isConnected => { states.push(isConnected) })
  const got: string[] = []
  bus.subscribe(subjects.allPushes, (_subject, payload) => { got.push(Buffer.from(payload).toString()) })
  await until('the subscription is refused', () => lines.some(line => line.includes('nats-subscription-refused')))
  t.equal(bus.isConnected, false)
  server.reload(config)
  await until('it is connected', () => bus.isConnected)
  const other = await connectBus(t, server, 'node')
  other.publish(subjects.pushStem(lifeToken('b' as NodeId, 1)) + streamToken(anna), bytes('hello'))
  await until('it hears', () => got.length === 1)
  t.equal(lines.filter(line => line.includes('nats-subscription-refused')).length, 1, 'said once')
  t.equal(lines.filter(line => line.includes('nats-subscribed-again')).length, 1)

  server.reload(denying)
  await until('a permission that is taken away cuts it off again', () => !bus.isConnected)
  server.reload(config)
  await until('and back', () => bus.isConnected)
  t.same(states.at(-1), true)
})

void t.test('nats permissions - a node by interest that may not listen to arcs is cut off before its first user, and says so once for all of them', natsSkip, async t => {
  const denying = config.replace('subscribe: { allow: ["gatepost.>", "_INBOX.node.>"] }', 'subscribe: { allow: ["gatepost.>", "_INBOX.node.>"], deny: ["gatepost.arc.*"] }')
  t.not(denying, config)
  const server = await startNatsServer(t, { config: denying })
  const lines: string[] = []
  const said = (event: string): number => lines.filter(line => line.includes(event)).length
  const bus = createNatsBus({ url: urlOf(server, 'node'), name: 'a', role: 'node', log: createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
  t.teardown(async () => { await bus.close() })
  const node = startTestNode(t, { id: 'a', prefix, mode: 'interest', bus })
  await until('it is refused', () => said('nats-subscription-refused') > 0)
  t.equal(bus.isConnected, false)
  node.wanted.add(...Array.from({ length: 50 }, (_, i) => userStream(`user ${i}`)))
  server.reload(config)
  await until('it is connected', () => bus.isConnected)
  const other = startTestNode(t, { id: 'b', prefix, mode: 'interest', bus: await connectBus(t, server, 'node') })
  await until('both see both', () => [node, other].every(({ dispatch }) => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up'))
  other.dispatch.broadcast(userStream('user 49'), bytes('hello'))
  await until('it hears', () => node.arrivals.length === 1)
  t.equal(said('nats-subscription-refused'), 1)
  t.equal(said('nats-subscribed-again'), 1)
})

void t.test('nats permissions - a publish that is refused is named once for its kind', natsSkip, async t => {
  const server = await startNatsServer(t, { config })
  const lines: string[] = []
  const bus = await connectBus(t, server, 'gate', createLog({ level: 'error', isPretty: false, destination: { write: line => { lines.push(line) } } }))
  for (let i = 0; i < 20; i++) bus.publish(`${subjects.pushStem(lifeToken('x' as NodeId, i))}${streamToken(anna)}`, bytes('no'))
  await bus.roundTrip()
  await until('it is said', () => lines.length > 0)
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0]!), { event: 'nats-publish-refused', subject: /^gatepost\.push\./ })
})

void t.test('nats permissions - a password that was changed is taken up when the process has the new one; until then it tries', natsSkip, async t => {
  const server = await startNatsServer(t, { config })
  const bus = await connectBus(t, server, 'node')
  server.reload(config.replace('"node-password"', '"changed"'))
  await server.restart()
  await until('it is cut off', () => !bus.isConnected)
  server.reload(config)
  await until('it is back with the password that it has', () => bus.isConnected)
})
