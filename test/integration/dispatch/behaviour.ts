/** What dispatch does over any bus: run over the in-process hub and over a real NATS server. */
import type { Test } from 'tap'
import { GatepostError } from '../../../shared/contract/errors.js'
import { createClock, fromMs } from '../../../shared/contract/clock.js'
import { groupStream, userStream, type NodeId } from '../../../shared/contract/names.js'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import type { DispatchMode } from '../../../services/dispatch/create-dispatch.js'
import type { Member } from '../../../services/dispatch/dispatch.js'
import type { DispatchIntervals } from '../../../services/dispatch/intervals.js'
import { isInDoubt, startTestNode, startTestWatcher, statesOf, type TestNode, type TestNodeOptions } from '../../helpers/dispatch-nodes.js'
import { allowed, until } from '../../helpers/until.js'

export interface DispatchHarness {
  connect: (name: string) => Promise<Bus>
  /** Breaks the links of these participants, or of all where none is named. */
  cut: (...names: string[]) => Promise<void>
  mend: (...names: string[]) => Promise<void>
  /** Whether single links can be cut; else `cut` takes all. */
  readonly cutsOne: boolean
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const anna = userStream('anna')
const bert = userStream('bert')

/** All nodes see each other, and have met each other's numbers. */
async function settled (...nodes: TestNode[]): Promise<void> {
  await until('every node sees every other', () => nodes.every(({ dispatch }) => dispatch.hasConverged && nodes.every(({ id }) => dispatch.members().some(member => member.id === id && member.state === 'up'))))
}

export function dispatchBehaviour (t: Test, name: string, mode: DispatchMode, intervals: Partial<DispatchIntervals>, createHarness: (t: Test) => Promise<DispatchHarness>): void {
  const test = (title: string, run: (t: Test) => Promise<void>): void => { void t.test(`${name} dispatch by ${mode} - ${title}`, run) }
  const startNode = (t: Test, options: TestNodeOptions): TestNode => startTestNode(t, { mode, intervals, ...options })

  test('a broadcast reaches every other node that wants the stream, in order, and not its sender', async t => {
    const { connect } = await createHarness(t)
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(async id => startNode(t, { id, bus: await connect(id) }))) as [TestNode, TestNode, TestNode]
    for (const node of [a, b, c]) node.wanted.add(anna)
    c.wanted.add(bert)
    await settled(a, b, c)
    for (let i = 0; i < 50; i++) {
      a.dispatch.broadcast(anna, bytes(`a${i}`))
      a.dispatch.broadcast(bert, bytes(`b${i}`))
    }
    a.dispatch.broadcastVolatile(anna, bytes('volatile'))
    await until('all has arrived', () => b.arrivals.length === 51 && c.arrivals.length === 101)
    t.same(b.arrivals, [...Array.from({ length: 50 }, (_, i) => `a u:anna a${i}`), 'a u:anna volatile'])
    t.same(c.arrivals.filter(text => text.includes('bert')), Array.from({ length: 50 }, (_, i) => `a u:bert b${i}`))
    t.same(a.arrivals, [])
    const heartbeat = a.dispatch.members().find(({ id }) => id === 'b')?.lastSeen ?? 0
    await until('two more heartbeats', () => (a.dispatch.members().find(({ id }) => id === 'b')?.lastSeen ?? 0) > heartbeat + 150)
    t.same([a.doubts, b.doubts, c.doubts], [[], [], []], 'nothing is in doubt')
  })

  test('a message to a topic carries its topic and match in the subject', async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [startNode(t, { id: 'a', bus: await connect('a') }), startNode(t, { id: 'b', bus: await connect('b') })]
    const got: string[] = []
    b.dispatch.onTopic(({ from, topic, match, payload }) => { got.push(`${from} ${topic} ${match} ${Buffer.from(payload).toString()}`) })
    await settled(a, b)
    a.dispatch.broadcastTopic('ehr:api', 'prefix', bytes('1'))
    a.dispatch.broadcastTopic('a b.*.> 🎺', 'exact', bytes('2'))
    await until('both have come', () => got.length === 2)
    t.same(got, ['a ehr:api prefix 1', 'a a b.*.> 🎺 exact 2'])
  })

  test('nodes with any name are members, and are asked and heard', async t => {
    const { connect } = await createHarness(t)
    const names = ['node.1', '*', '>', 'with space', '📮', 'ü~.', 'x'.repeat(128)]
    const nodes = await Promise.all(names.map(async id => startNode(t, { id, bus: await connect(id) })))
    await settled(...nodes)
    const sorted = [...names].sort()
    for (const { dispatch } of nodes) t.same(dispatch.members().map(({ id }) => id), sorted)
    const [first, ...others] = nodes as [TestNode, ...TestNode[]]
    for (const { dispatch, id, wanted } of others) {
      dispatch.answer('who', async (body, from) => ({ id, body, from }))
      wanted.add(anna)
    }
    for (const { id } of others) t.same(await first.dispatch.ask(id, 'who', 1), { id, body: 1, from: 'node.1' })
    first.dispatch.broadcast(anna, bytes('!'))
    await until('all have it', () => others.every(({ arrivals }) => arrivals.length === 1))
  })

  test('every process comes to the same list of members, whatever the order of starting', async t => {
    const { connect } = await createHarness(t)
    const early = startTestWatcher(t, { bus: await connect('early'), intervals })
    const nodes: TestNode[] = []
    for (const id of ['c', 'a']) nodes.push(startNode(t, { id, bus: await connect(id) }))
    const late = startTestWatcher(t, { bus: await connect('late'), intervals })
    nodes.push(startNode(t, { id: 'b', bus: await connect('b') }))
    const all = [early, late, ...nodes.map(({ dispatch }) => dispatch)]
    await until('all agree', () => all.every(dispatch => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up c:up'))
    const [c] = nodes as [TestNode]
    c.announced = 'draining'
    c.dispatch.announceNow()
    await until('all agree on the draining one', () => all.every(dispatch => statesOf(dispatch) === 'a:up b:up c:draining'))
    await c.dispatch.close()
    await until('all others agree on the closed one', () => all.filter(dispatch => dispatch !== c.dispatch).every(dispatch => statesOf(dispatch) === 'a:up b:up c:down'))
  })

  test('members announce their load, and handlers get each change once, not at every heartbeat', async t => {
    const { connect } = await createHarness(t)
    const watcher = startTestWatcher(t, { bus: await connect('w'), intervals })
    const told: string[] = []
    watcher.onMembers((members: readonly Member[]) => { told.push(members.map(({ id, state }) => `${id}:${state}`).join(' ')) })
    const a = startNode(t, { id: 'a', bus: await connect('a'), weight: 2.5 })
    a.load = { sockets: 7, eventLoopLagMs: NaN }
    await until('the load is known', () => watcher.members()[0]?.load.sockets === 7)
    const member = watcher.members()[0] as Member
    t.match(member, { id: 'a', url: 'http://a.test', weight: 2.5, version: '1.0.0', state: 'up' })
    t.equal(member.load.eventLoopLagMs, 0, 'a figure that is no number does not make the node disappear')
    a.load = { sockets: 8 }
    await until('the next heartbeat', () => watcher.members()[0]?.load.sockets === 8)
    t.same(told, ['a:up'])
    a.announced = 'draining'
    await until('draining is told', () => told.length === 2)
    t.same(told, ['a:up', 'a:draining'])
  })

  test('requests get replies, errors come back with their code, an absent node fails at once', async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [startNode(t, { id: 'a', bus: await connect('a') }), startNode(t, { id: 'b', bus: await connect('b') })]
    const watcher = startTestWatcher(t, { bus: await connect('w'), intervals })
    for (const { dispatch, id } of [a, b]) {
      dispatch.answer('echo', async (body, from) => ({ id, from, body }))
      dispatch.answer('fail', async () => { throw new GatepostError('GP_OVERLOADED', 'too much', { retryAfterSeconds: 7 }) })
      dispatch.answer('break', async () => { throw new Error('secret detail') })
      dispatch.answer('huge', async () => 'x'.repeat(dispatch.maxPayloadBytes))
      dispatch.answer('never', async () => await new Promise(() => undefined))
      dispatch.answer('nothing', async () => undefined)
      t.throws(() => { dispatch.answer('echo', async () => 1) })
    }
    t.throws(() => { watcher.answer('echo', async () => 1) }, 'who is no node cannot be asked')
    await settled(a, b)
    await until('the watcher sees both', () => statesOf(watcher) === 'a:up b:up')
    const body = { text: 'ü', list: [1, null], deep: { x: true } }
    t.same(await watcher.ask(b.id, 'echo', body), { id: 'b', from: 'gate', body })
    for (const node of [a.id, b.id]) {
      t.match(await a.dispatch.ask(node, 'echo', body), { id: node, from: 'a', body }, 'oneself is served too')
      t.equal(await a.dispatch.ask(node, 'nothing', undefined), undefined)
      await t.rejects(a.dispatch.ask(node, 'fail', 1), { code: 'GP_OVERLOADED', message: 'too much', retryAfterSeconds: 7 })
      const broken = await a.dispatch.ask(node, 'break', 1).catch((error: unknown) => error) as GatepostError
      t.equal(broken.code, 'GP_INTERNAL')
      t.notMatch(broken.message, /secret/)
      await t.rejects(a.dispatch.ask(node, 'unknown', 1), { code: 'GP_DISPATCH_UNAVAILABLE' })
      await t.rejects(a.dispatch.ask(node, 'never', 1, 100), { code: 'GP_OUTCOME_UNKNOWN' })
    }
    await t.rejects(a.dispatch.ask(b.id, 'huge', 1, 5000), { code: 'GP_TOO_LARGE', message: new RegExp(String(a.dispatch.maxPayloadBytes)) })
    await t.rejects(a.dispatch.ask(b.id, 'echo', 'x'.repeat(a.dispatch.maxPayloadBytes)), { code: 'GP_TOO_LARGE' })
    const begunAtMs = Date.now()
    await t.rejects(a.dispatch.ask('nobody' as NodeId, 'echo', 1, 20_000), { code: 'GP_DISPATCH_UNAVAILABLE' })
    t.ok(Date.now() - begunAtMs < allowed(5_000))
    t.same(await watcher.askAll('echo', 1), new Map([['a', { id: 'a', from: 'gate', body: 1 }], ['b', { id: 'b', from: 'gate', body: 1 }]]))
    t.same(await a.dispatch.askAll('never', 1, 100), new Map())
  })

  test('too large a broadcast is noticed by its number, too large a volatile one is refused naming the limit', async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [startNode(t, { id: 'a', bus: await connect('a') }), startNode(t, { id: 'b', bus: await connect('b') })]
    b.wanted.add(anna)
    await settled(a, b)
    const large = new Uint8Array(a.dispatch.maxPayloadBytes + 1)
    const refused = { code: 'GP_TOO_LARGE', message: new RegExp(String(a.dispatch.maxPayloadBytes)) }
    t.throws(() => { a.dispatch.broadcastVolatile(anna, large) }, refused)
    t.throws(() => { a.dispatch.broadcastTopic('x', 'exact', large) }, refused)
    a.dispatch.broadcast(anna, bytes('small'))
    await until('the small one', () => b.arrivals.length === 1)
    a.dispatch.broadcast(anna, large)
    await until('b looks at its stream', () => b.doubts.length > 0)
    t.same(b.doubts, [{ kind: 'streams', streams: [anna] }])
    t.equal(b.arrivals.length, 1)
  })

  test('what a node broadcasts while its link is broken is named to the others when it is back', async t => {
    const { connect, cut, mend } = await createHarness(t)
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(async id => startNode(t, { id, bus: await connect(id) }))) as [TestNode, TestNode, TestNode]
    const groups = Array.from({ length: 10 }, (_, i) => groupStream(`g${i}`))
    for (const node of [b, c]) node.wanted.add(bert, ...groups)
    await settled(a, b, c)
    a.dispatch.broadcast(bert, bytes('arrives'))
    await until('the number is known', () => a.dispatch.isConnected)
    await cut('a')
    await until('a is cut off', () => !a.dispatch.isConnected)
    for (let i = 0; i < 20; i++) a.dispatch.broadcast(groupStream(`g${i % 10}`), bytes('lost'))
    await mend('a')
    for (const node of [b, c]) {
      await until('the streams are named', () => groups.every(stream => isInDoubt(node, stream)), 20_000)
      t.notOk(node.doubts.some(({ kind }) => kind === 'everything'), 'by their names')
    }
    t.same(a.doubts.filter(({ kind }) => kind === 'everything'), [])
  })

  test('what was sent while the receiver\'s link was broken is named to it', async t => {
    const { connect, cut, mend, cutsOne } = await createHarness(t)
    const [a, b] = [startNode(t, { id: 'a', bus: await connect('a') }), startNode(t, { id: 'b', bus: await connect('b') })]
    b.wanted.add(anna)
    await settled(a, b)
    await cut('b')
    await until('b is cut off', () => !b.dispatch.isConnected && (cutsOne || !a.dispatch.isConnected))
    a.dispatch.broadcast(anna, bytes('lost'))
    await mend('b')
    await until('the stream is named', () => isInDoubt(b, anna), 20_000)
    t.same(b.doubts, [{ kind: 'streams', streams: [anna] }])
  })

  test('a broken link of one\'s own gives no verdict on others', async t => {
    const { connect, cut, mend } = await createHarness(t)
    const [a, b] = [startNode(t, { id: 'a', bus: await connect('a') }), startNode(t, { id: 'b', bus: await connect('b') })]
    const watcher = startTestWatcher(t, { bus: await connect('w'), intervals })
    await settled(a, b)
    await until('the watcher sees both', () => statesOf(watcher) === 'a:up b:up')
    const told: string[] = []
    watcher.onMembers(() => { told.push(statesOf(watcher)) })
    const seen: boolean[] = []
    watcher.onConnected(isConnected => { seen.push(isConnected) })
    await cut()
    await until('the watcher is cut off', () => !watcher.isConnected)
    const cutAtMs = Date.now()
    const silentMs = 3 * (intervals.downAfterMs ?? 4000)
    await until('long enough for a verdict', () => Date.now() - cutAtMs > silentMs, silentMs + 10_000)
    t.equal(statesOf(watcher), 'a:up b:up')
    await mend()
    await until('it is back', () => watcher.isConnected, 20_000)
    const backAtMs = Date.now()
    await until('heartbeats come again', () => watcher.members().every(({ lastSeen }) => lastSeen > backAtMs + silentMs / 3), 20_000)
    t.same(told.filter(states => states !== 'a:up b:up'), [])
    t.same(seen, [false, true])
  })

  test('the times of others, whatever they are, move no clock', async t => {
    const { connect } = await createHarness(t)
    const clocks = { near: createClock(() => Date.now() + 5000), far: createClock(() => Date.now() + 40 * 86_400_000), own: createClock() }
    startNode(t, { id: 'near', bus: await connect('near'), clock: clocks.near })
    startNode(t, { id: 'far', bus: await connect('far'), clock: clocks.far })
    const own = startNode(t, { id: 'own', bus: await connect('own'), clock: clocks.own })
    await until('both are heard', () => statesOf(own.dispatch) === 'far:up near:up own:up')
    t.ok(clocks.own.tick() < fromMs(Date.now() + 1000))
  })
}
