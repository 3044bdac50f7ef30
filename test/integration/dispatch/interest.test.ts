/** Nodes by interest, and nodes of both kinds: what goes to whom, what is lost, and who learns of it. Over the in-process hub, which can lose what a test names. */
import t, { type Test } from 'tap'
import { allStream, groupStream, userStream } from '../../../shared/contract/names.js'
import { arcOf } from '../../../shared/contract/subjects.js'
import type { DispatchMode } from '../../../services/dispatch/create-dispatch.js'
import { isInDoubt, quickIntervals, startTestNode, type TestNode } from '../../helpers/dispatch-nodes.js'
import { createLossyBus, type Delivery, type LossyBus } from '../../helpers/lossy-bus.js'
import { until } from '../../helpers/until.js'

t.setTimeout(120_000)

const bytes = (text: string): Uint8Array => Buffer.from(text)
const ann = userStream('ann')
const bob = userStream('bob')
const team = groupStream('team')

async function site<Id extends string> (t: Test, modes: Record<Id, DispatchMode>): Promise<{ hub: LossyBus, nodes: Record<Id, TestNode>, seen: Delivery[] }> {
  const hub = createLossyBus()
  const seen: Delivery[] = []
  hub.lose(delivery => { seen.push(delivery); return false })
  const nodes = Object.fromEntries(Object.entries<DispatchMode>(modes).map(([id, mode]) => [id, startTestNode(t, { id, bus: hub.connect(id), mode })])) as Record<Id, TestNode>
  await settled(nodes)
  return { hub, nodes, seen }
}

async function settled (nodes: Record<string, TestNode>): Promise<void> {
  await until('every node sees every other', () => Object.values(nodes).every(({ dispatch }) => dispatch.hasConverged && Object.keys(nodes).every(id => dispatch.members().some(member => member.id === id && member.state === 'up'))))
}

/** Until a heartbeat that follows has been heard. */
async function nextHeartbeat (of: TestNode, at: TestNode): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const seenAt = (): number => at.dispatch.members().find(({ id }) => id === of.id)?.lastSeen ?? 0
    const before = seenAt()
    await until('a heartbeat', () => seenAt() > before)
  }
}

const kinds = (seen: readonly Delivery[], to?: string): Set<string> => new Set(seen.filter(delivery => to === undefined || delivery.to === to).map(({ subject }) => subject.split('.')[1]!))
const isArcOf = (stream: typeof ann) => ({ subject }: Delivery): boolean => subject === `test.arc.${arcOf(stream)}`

void t.test('interest - a push goes to who reads the stream, and to nobody else; what all read goes to all', async t => {
  const { nodes: { a, b, c, d }, seen } = await site(t, { a: 'interest', b: 'interest', c: 'interest', d: 'interest' })
  b.wanted.add(ann, team)
  c.wanted.add(team)
  for (const node of [a, b, c, d]) node.wanted.add(allStream)
  a.dispatch.broadcast(ann, bytes('1'))
  a.dispatch.broadcast(team, bytes('2'))
  a.dispatch.broadcast(bob, bytes('nobody'))
  a.dispatch.broadcastVolatile(ann, bytes('3'))
  a.dispatch.broadcast(allStream, bytes('4'))
  await until('all has come', () => b.arrivals.length === 4 && c.arrivals.length === 2 && d.arrivals.length === 1)
  t.same(b.arrivals, ['a u:ann 1', 'a g:team 2', 'a u:ann 3', 'a all 4'])
  t.same(c.arrivals, ['a g:team 2', 'a all 4'])
  t.same(seen.filter(({ subject }) => subject.startsWith('test.arc.')).map(({ to }) => to), ['b', 'b', 'c', 'b'], 'copies')
  await nextHeartbeat(a, b)
  t.same([a, b, c, d].map(({ doubts }) => doubts), [[], [], [], []], 'nothing is in doubt')
})

void t.test('interest - a lost push is in doubt at its readers at the next heartbeat, and nobody is asked', async t => {
  const { hub, nodes: { a, b, c }, seen } = await site(t, { a: 'interest', b: 'interest', c: 'interest' })
  b.wanted.add(ann, bob)
  c.wanted.add(bob)
  const end = hub.lose(delivery => isArcOf(ann)(delivery) || (isArcOf(bob)(delivery) && delivery.to === 'c'))
  a.dispatch.broadcast(ann, bytes('lost'))
  a.dispatch.broadcast(bob, bytes('lost by one'))
  await until('it is in doubt', () => isInDoubt(b, ann) && isInDoubt(c, bob))
  end()
  await nextHeartbeat(a, c)
  t.same([a.doubts, b.doubts, c.doubts], [[], [{ kind: 'streams', streams: [ann] }], [{ kind: 'streams', streams: [bob] }]])
  t.notOk(kinds(seen).has('ask'))
})

void t.test('interest - a push whose heartbeat is lost too: the next one shows it, and the publisher names its streams', async t => {
  const { hub, nodes: { a, b } } = await site(t, { a: 'interest', b: 'interest' })
  b.wanted.add(ann)
  let lostHeartbeats = 0
  const end = hub.lose(({ from, to, subject }) => from === 'a' && to === 'b' && (subject.startsWith('test.arc.') || (subject.startsWith('test.heartbeat.') && ++lostHeartbeats <= 2)))
  a.dispatch.broadcast(ann, bytes('lost'))
  await until('it is in doubt', () => isInDoubt(b, ann))
  end()
  t.equal(lostHeartbeats >= 2, true)
  t.same(b.doubts, [{ kind: 'streams', streams: [ann] }])
})

void t.test('interest - more streams than a heartbeat names, stored during a cut: each is named by its publisher when it is back', async t => {
  const hub = createLossyBus({ maxPayloadBytes: 16 * 1024 })
  const [a, b] = ['a', 'b'].map(id => startTestNode(t, { id, bus: hub.connect(id), mode: 'interest' })) as [TestNode, TestNode]
  await settled({ a, b })
  const streams = Array.from({ length: 600 }, (_, i) => userStream(`user ${i}`))
  b.wanted.add(...streams)
  hub.disconnect('a')
  for (const stream of streams) a.dispatch.broadcast(stream, bytes('lost'))
  hub.reconnect('a')
  await until('all are in doubt', () => streams.every(stream => isInDoubt(b, stream)))
  t.notOk(b.doubts.some(({ kind }) => kind === 'everything'))
})

void t.test('interest - a node whose subscription is not there yet lacks nothing for longer than a heartbeat', async t => {
  const { hub, nodes: { a, b } } = await site(t, { a: 'interest', b: 'interest' })
  let isInForce = false
  hub.lose(delivery => !isInForce && isArcOf(ann)(delivery))
  b.wanted.add(ann)
  a.dispatch.broadcast(ann, bytes('before'))
  await until('it is in doubt', () => isInDoubt(b, ann))
  isInForce = true
  a.dispatch.broadcast(ann, bytes('after'))
  await until('it comes', () => b.arrivals.length === 1)
})

for (const quits of ['bye', 'silence'] as const) {
  void t.test(`mixed - while one node is by broadcast everyone is sent everything, once; after its ${quits} who reads it`, async t => {
    const { hub, nodes, seen } = await site(t, { a: 'interest', b: 'interest', old: 'broadcast' })
    const { a, b, old } = nodes
    for (const node of [a, b, old]) node.wanted.add(ann)
    a.dispatch.broadcast(ann, bytes('1'))
    old.dispatch.broadcast(ann, bytes('2'))
    await until('all have both', () => [a.arrivals, b.arrivals, old.arrivals].every((arrivals, i) => arrivals.length === [1, 2, 1][i]))
    t.notOk(kinds(seen).has('arc'))
    await nextHeartbeat(a, b)
    await nextHeartbeat(a, old)
    t.same([a.doubts, b.doubts, old.doubts], [[], [], []])
    if (quits === 'bye') await old.dispatch.close()
    else hub.disconnect('old')
    await until('it is gone', () => [a, b].every(({ dispatch }) => dispatch.members().find(({ id }) => id === 'old')?.state === 'down'))
    seen.length = 0
    a.dispatch.broadcast(ann, bytes('3'))
    await until('it comes', () => b.arrivals.length === 3)
    t.ok(kinds(seen, 'b').has('arc'))
    t.notOk(kinds(seen).has('push'))
    if (quits === 'bye') return
    hub.reconnect('old')
    await until('who was away learns what it missed', () => isInDoubt(old, ann))
    await until('it is sent everything again', () => { a.dispatch.broadcast(ann, bytes('4')); return old.arrivals.includes('a u:ann 4') })
  })
}

void t.test('mixed - a node by broadcast that comes while others are by interest: what it misses until they know it is named to it', async t => {
  const { hub, nodes, seen } = await site(t, { a: 'interest', b: 'interest' })
  const { a, b } = nodes
  const end = hub.lose(({ from, to, subject }) => from === 'old' && to === 'a' && /\.(heartbeat|hello)/.test(subject))
  const old = startTestNode(t, { id: 'old', bus: hub.connect('old'), intervals: { ...quickIntervals, settleMs: 1 } })
  old.wanted.add(ann)
  await until('the new one knows the others, and they do not all know it', () => old.dispatch.members().length === 3 && b.dispatch.members().length === 3)
  await nextHeartbeat(a, old)
  a.dispatch.broadcast(ann, bytes('by arc'))
  await until('it is named', () => isInDoubt(old, ann))
  t.ok(seen.some(isArcOf(ann)) || old.arrivals.length === 0)
  end()
  await until('it is sent everything', () => { a.dispatch.broadcast(ann, bytes('to all')); return old.arrivals.length > 0 })
})
