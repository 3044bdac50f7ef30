/** What is lost one by one, and who learns of it; over the in-process hub, which can lose what a test names. */
import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import { writeHeartbeat } from '../../../services/dispatch/heartbeat.js'
import { lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { idleLoad, isInDoubt, quickIntervals, startTestNode, startTestWatcher, statesOf, type TestNode } from '../../helpers/dispatch-nodes.js'
import { typescriptArgs } from '../../helpers/typescript-process.js'
import { until } from '../../helpers/until.js'
import { createLossyBus, type LossyBus } from '../../helpers/lossy-bus.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const anna = userStream('anna')
const bert = userStream('bert')

async function settled (...nodes: TestNode[]): Promise<void> {
  await until('every node sees every other', () => nodes.every(({ dispatch }) => dispatch.hasConverged && nodes.every(({ id }) => dispatch.members().some(member => member.id === id && member.state === 'up'))))
}

/** Until this node has heard so many more heartbeats of the other. */
async function heartbeats (of: TestNode, at: TestNode, count = 2): Promise<void> {
  for (let heard = 0; heard < count; heard++) {
    const seen = at.dispatch.members().find(({ id }) => id === of.id)?.lastSeen ?? 0
    await until('a heartbeat', () => (at.dispatch.members().find(({ id }) => id === of.id)?.lastSeen ?? 0) > seen)
  }
}

const losePushes = (hub: LossyBus, to: string): () => void => hub.lose(delivery => delivery.to === to && delivery.subject.startsWith('test.push.'))

async function pair (t: Test, intervals = quickIntervals): Promise<{ hub: LossyBus, a: TestNode, b: TestNode }> {
  const hub = createLossyBus()
  const [a, b] = [startTestNode(t, { id: 'a', bus: hub.connect('a'), intervals }), startTestNode(t, { id: 'b', bus: hub.connect('b'), intervals })]
  await settled(a, b)
  return { hub, a, b }
}

void t.test('loss - a single lost broadcast is named to who lost it, to nobody else, once', async t => {
  const { hub, a, b } = await pair(t)
  const c = startTestNode(t, { id: 'c', bus: hub.connect('c') })
  await settled(a, b, c)
  for (let i = 0; i < 10; i++) a.dispatch.broadcast(bert, bytes('arrives'))
  await heartbeats(a, b)
  const end = losePushes(hub, 'b')
  a.dispatch.broadcast(anna, bytes('lost'))
  await until('it is in doubt', async () => {
    await a.dispatch.ask(b.id, 'nothing', 0).catch(() => undefined)
    end()
    return isInDoubt(b, anna)
  })
  await heartbeats(a, b, 3)
  t.same(b.doubts, [{ kind: 'streams', streams: [anna] }])
  t.same([a.doubts, c.doubts], [[], []])
})

void t.test('loss - many lost streams are named over several answers, each', async t => {
  const { hub, a, b } = await pair(t)
  const end = losePushes(hub, 'b')
  const streams = Array.from({ length: 5000 }, (_, i) => userStream(`${i} ${'ü'.repeat(100)}`))
  for (const stream of streams) a.dispatch.broadcast(stream, bytes('lost'))
  await until('all are named', () => {
    const named = new Set(b.doubts.flatMap(doubt => doubt.kind === 'streams' ? doubt.streams : []))
    return streams.every(stream => named.has(stream))
  })
  end()
  t.notOk(b.doubts.some(({ kind }) => kind !== 'streams'))
})

void t.test('loss - a request that is lost is sent again', async t => {
  const { hub, a, b } = await pair(t, { ...quickIntervals, answerMs: 100 })
  let lostQuestions = 0
  const end = losePushes(hub, 'b')
  const endQuestions = hub.lose(({ to, subject }) => to === 'a' && subject.startsWith('test.ask.') && ++lostQuestions <= 2)
  t.teardown(endQuestions)
  a.dispatch.broadcast(anna, bytes('lost'))
  await until('it is named', () => isInDoubt(b, anna))
  end()
  t.ok(lostQuestions >= 3)
  t.same(b.doubts, [{ kind: 'streams', streams: [anna] }])
})

void t.test('loss - what the publisher cannot tell any more puts everything in doubt', async t => {
  const { hub, a, b } = await pair(t, { ...quickIntervals, rememberedMs: 200 })
  hub.disconnect('b')
  a.dispatch.broadcast(anna, bytes('lost'))
  const lostAtMs = Date.now()
  await until('the publisher has forgotten', () => Date.now() - lostAtMs > 1000)
  hub.reconnect('b')
  await until('everything is in doubt', () => b.doubts.some(({ kind }) => kind === 'everything'))
  t.same(b.doubts, [{ kind: 'everything' }])
})

void t.test('loss - what was broadcast during a long cut of the publisher is remembered until it is back', async t => {
  const { hub, a, b } = await pair(t, { ...quickIntervals, rememberedMs: 300 })
  hub.disconnect('a')
  a.dispatch.broadcast(anna, bytes('lost'))
  const cutAtMs = Date.now()
  await until('longer than it is remembered', () => Date.now() - cutAtMs > 1000)
  hub.reconnect('a')
  await until('it is named', () => isInDoubt(b, anna))
  t.same(b.doubts.filter(({ kind }) => kind === 'streams'), [{ kind: 'streams', streams: [anna] }])
  t.notOk(b.doubts.some(({ kind }) => kind === 'everything'))
})

void t.test('loss - a node that falls silent: its streams are in doubt before the handlers of members are called', async t => {
  const { hub, b } = await pair(t)
  const order: string[] = []
  b.dispatch.onDoubt(doubt => { order.push(doubt.kind) })
  b.dispatch.onMembers(() => { order.push(statesOf(b.dispatch)) })
  hub.disconnect('a')
  await until('it is down', () => order.includes('a:down b:up'))
  t.same(order.filter(text => text !== 'a:suspect b:up'), ['node', 'a:down b:up'])
  t.same(b.doubts, [{ kind: 'node', node: 'a' }])
})

void t.test('loss - a node that comes back under its id with another start: the earlier life is in doubt, the new one counts from 0', async t => {
  const { hub, a, b } = await pair(t)
  b.wanted.add(anna)
  for (let i = 0; i < 3; i++) a.dispatch.broadcast(anna, bytes(`first ${i}`))
  await until('all have come', () => b.arrivals.length === 3)
  hub.disconnect('a')
  const again = startTestNode(t, { id: 'a', bus: hub.connect('a again'), startedAt: Date.now() + 1 })
  await until('the new life is seen', () => (b.dispatch.members()[0]?.startedAt ?? 0) > a.dispatch.members()[0]!.startedAt)
  again.dispatch.broadcast(anna, bytes('second'))
  await until('it has come', () => b.arrivals.length === 4)
  await heartbeats(again, b, 3)
  t.same(b.doubts, [{ kind: 'node', node: 'a' }])
  const end = losePushes(hub, 'b')
  again.dispatch.broadcast(bert, bytes('lost'))
  await until('what the new life lost is named', () => isInDoubt(b, bert))
  end()
})

void t.test('loss - a restart with bye leaves nothing in doubt', async t => {
  const { hub, a, b } = await pair(t)
  b.wanted.add(anna)
  a.dispatch.broadcast(anna, bytes('last'))
  await a.dispatch.close()
  await until('it is down', () => statesOf(b.dispatch) === 'a:down b:up')
  t.same(b.arrivals, ['a u:anna last'])
  const again = startTestNode(t, { id: 'a', bus: hub.connect('a again'), startedAt: Date.now() + 1 })
  await until('it is up again', () => statesOf(b.dispatch) === 'a:up b:up')
  await heartbeats(again, b, 2)
  t.same(b.doubts, [])
})

void t.test('loss - a bye that tells more than has come puts everything in doubt: nobody is left to name it', async t => {
  const { hub, a, b } = await pair(t)
  t.teardown(losePushes(hub, 'b'))
  a.dispatch.broadcast(anna, bytes('lost'))
  await a.dispatch.close()
  await until('everything is in doubt', () => b.doubts.length > 0)
  t.same(b.doubts, [{ kind: 'everything' }])
})

void t.test('loss - a publisher that dies before it named what was lost puts everything in doubt', async t => {
  const { hub, a, b } = await pair(t, { ...quickIntervals, answerMs: 50 })
  t.teardown(losePushes(hub, 'b'))
  t.teardown(hub.lose(({ to, subject }) => to === 'a' && subject.startsWith('test.ask.')))
  a.dispatch.broadcast(anna, bytes('lost'))
  await heartbeats(a, b, 3)
  t.same(b.doubts, [])
  hub.disconnect('a')
  await until('everything is in doubt', () => b.doubts.some(({ kind }) => kind === 'everything'))
  t.same(b.doubts, [{ kind: 'node', node: 'a' }, { kind: 'everything' }])
})

void t.test('loss - a node that was down and comes back in the same life names what it sent meanwhile', async t => {
  const { hub, a, b } = await pair(t)
  hub.disconnect('a')
  await until('it is down', () => statesOf(b.dispatch) === 'a:down b:up')
  a.dispatch.broadcast(anna, bytes('lost'))
  hub.reconnect('a')
  await until('it is up and has named it', () => statesOf(b.dispatch) === 'a:up b:up' && isInDoubt(b, anna))
  t.same(b.doubts, [{ kind: 'node', node: 'a' }, { kind: 'streams', streams: [anna] }])
})

void t.test('loss - a node that was out of reach until it was forgotten names what was lost when it is met again', async t => {
  const { hub, a, b } = await pair(t, { ...quickIntervals, listedMs: 100 })
  hub.disconnect('a')
  await until('it is forgotten', () => statesOf(b.dispatch) === 'b:up')
  a.dispatch.broadcast(anna, bytes('lost'))
  hub.reconnect('a')
  await until('it is seen again, and has named it', () => statesOf(b.dispatch) === 'a:up b:up' && isInDoubt(b, anna))
})

void t.test('loss - who joins late begins in the middle, without doubts, and notices losses from then on', async t => {
  const { hub, a, b } = await pair(t)
  for (let i = 0; i < 100; i++) a.dispatch.broadcast(anna, bytes('before'))
  await heartbeats(a, b)
  const late = startTestNode(t, { id: 'late', bus: hub.connect('late'), startedAt: Date.now() + 1 })
  await settled(a, b, late)
  a.dispatch.broadcast(anna, bytes('after'))
  await heartbeats(a, late)
  t.same(late.doubts, [])
  const end = losePushes(hub, 'late')
  a.dispatch.broadcast(bert, bytes('lost'))
  await until('it is named', () => isInDoubt(late, bert))
  end()
  t.same(late.doubts, [{ kind: 'streams', streams: [bert] }])
})

void t.test('loss - a pause of this process is no silence of the others', async t => {
  const { hub, a, b } = await pair(t)
  const watcher = startTestWatcher(t, { bus: hub.connect('w') })
  await until('the watcher sees both', () => statesOf(watcher) === 'a:up b:up')
  const told: string[] = []
  for (const dispatch of [a.dispatch, b.dispatch, watcher]) dispatch.onMembers(() => { told.push(statesOf(dispatch)) })
  for (let i = 0; i < 3; i++) {
    // Longer than silence may last.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700)
    await heartbeats(a, b, 1)
  }
  t.notOk(told.some(states => states !== 'a:up b:up'), 'nobody was suspect or down')
  t.same([...a.doubts, ...b.doubts], [])
})

for (const seed of [1, 2, 3]) {
  void t.test(`loss - whatever is lost in whatever way (${seed}), in the end each broadcast has come or is in doubt`, async t => {
    const random = createRandom(seed)
    const hub = createLossyBus()
    const names = ['a', 'b', 'c']
    const intervals = { ...quickIntervals, heartbeatMs: 40, answerMs: 60, jitterMs: 5 }
    const nodes = names.map(id => startTestNode(t, { id, bus: hub.connect(id), intervals }))
    await settled(...nodes)
    const end = hub.lose(({ subject }) => random() < (subject.startsWith('test.push.') ? 0.05 : 0.3))
    const sent = new Map<TestNode, StreamId[]>(nodes.map(node => [node, []]))
    const isCut = new Set<string>()
    const begunAtMs = Date.now()
    let count = 0
    await until('enough has happened', () => {
      const name = names[Math.floor(random() * names.length)] as string
      if (isCut.has(name) && random() < 0.3) {
        isCut.delete(name)
        hub.reconnect(name)
      } else if (!isCut.has(name) && random() < 0.05) {
        isCut.add(name)
        hub.disconnect(name)
      }
      for (const node of nodes) {
        for (let i = 0; i < random() * 5; i++) {
          const stream = userStream(`${node.id} ${++count}`)
          for (const other of nodes) other.wanted.add(stream)
          sent.get(node)?.push(stream)
          node.dispatch.broadcast(stream, bytes(''))
        }
      }
      return Date.now() - begunAtMs > 1500
    }, 5000, 5)
    end()
    for (const name of isCut) hub.reconnect(name)
    for (const receiver of nodes) {
      for (const publisher of nodes) {
        if (publisher === receiver) continue
        await until(`all of ${publisher.id} has come to ${receiver.id} or is in doubt`, () => {
          const known = new Set([...receiver.arrivals.map(text => text.slice(2).trim()), ...receiver.doubts.flatMap(doubt => doubt.kind === 'streams' ? doubt.streams : [])])
          return sent.get(publisher)?.every(stream => known.has(stream))
        })
      }
      t.ok(receiver.arrivals.length > 0 && receiver.doubts.some(({ kind }) => kind === 'streams'))
    }
  })
}

/** Mulberry32: the same numbers for the same seed. */
function createRandom (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6D2B79F5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

void t.test('loss - nothing on the bus can harm: malformed subjects and payloads are dropped', async t => {
  const { hub, a, b } = await pair(t)
  const stranger = hub.connect('stranger')
  const announcement = { id: 'x', url: 'http://x', weight: 1, version: '1', startedAt: 1, state: 'up' as const, load: idleLoad, sent: 0, time: 0 }
  const payloads = [bytes(''), bytes('{'), bytes('null'), bytes('[]'), Uint8Array.from([255, 0, 254]), writeHeartbeat({ ...announcement, weight: -1 }), writeHeartbeat({ ...announcement, id: '' })]
  const subjects = ['heartbeat.YQ', 'heartbeat.!', 'bye.YQ', 'bye.!', 'hello', 'push.!.x', 'push.YQ~5.x', 'push.~.', 'volatile.!.x', 'topic.!.exact.!', 'topic.YQ.no.YQ', `ask.${Buffer.from('a').toString('base64url')}`]
  b.dispatch.onTopic(() => undefined)
  for (const payload of payloads) {
    for (const subject of subjects) stranger.publish(`test.${subject}`, payload)
    const answer = await stranger.request(`test.ask.${Buffer.from('a').toString('base64url')}`, payload, 1000)
    t.match(JSON.parse(Buffer.from(answer).toString()), { error: { code: 'GP_VALIDATION' } })
  }
  b.wanted.add(anna)
  a.dispatch.broadcast(anna, bytes('fine'))
  await until('all works', () => b.arrivals.length === 1)
  t.equal(statesOf(b.dispatch), 'a:up b:up')
})

void t.test('loss - pushes of a life that never announces itself are delivered and put nothing in doubt', async t => {
  const { hub, b } = await pair(t)
  const stranger = hub.connect('stranger')
  b.wanted.add(anna)
  stranger.publish(`test.push.${lifeToken('ghost' as NodeId, 1)}.${streamToken(anna)}`, bytes('boo'))
  await until('it has come', () => b.arrivals.length === 1)
  t.same(b.arrivals, ['ghost u:anna boo'])
  t.same(b.doubts, [])
})

void t.test('loss - two processes under one id: each keeps its place in its own list, the others see the later one', async t => {
  const hub = createLossyBus()
  const early = startTestNode(t, { id: 'same', bus: hub.connect('1'), startedAt: 1000 })
  const late = startTestNode(t, { id: 'same', bus: hub.connect('2'), startedAt: 2000 })
  const watcher = startTestWatcher(t, { bus: hub.connect('w') })
  const told: number[] = []
  watcher.onMembers(members => { told.push(members[0]?.startedAt ?? 0) })
  await until('some rounds', () => watcher.hasConverged && told.length > 0)
  const begunAtMs = Date.now()
  await until('more rounds', () => Date.now() - begunAtMs > 500)
  t.equal(told.at(-1), 2000)
  t.ok(told.length <= 2, 'they do not take turns')
  t.equal(early.dispatch.members()[0]?.startedAt, 1000)
  t.equal(late.dispatch.members()[0]?.startedAt, 2000)
})

void t.test('loss - a handler that throws costs the other handlers nothing', async t => {
  const { a, b } = await pair(t)
  b.wanted.add(anna)
  b.dispatch.onArrival(() => { throw new Error('in wants') }, () => undefined)
  b.dispatch.onArrival(() => true, () => { throw new Error('in the handler') })
  const got: string[] = []
  b.dispatch.onArrival(() => true, ({ payload }) => { got.push(Buffer.from(payload).toString()) })
  b.dispatch.onMembers(() => { throw new Error('in members') })
  let toldMembers = 0
  b.dispatch.onMembers(() => { toldMembers++ })
  a.dispatch.broadcast(anna, bytes('1'))
  a.announced = 'draining'
  a.dispatch.announceNow()
  await until('all others have been called', () => got.length === 1 && b.arrivals.length === 1 && toldMembers === 1)
})

void t.test('loss - a closed dispatch does nothing more, and may be closed again', async t => {
  const { a, b } = await pair(t)
  b.wanted.add(anna)
  await a.dispatch.close()
  await a.dispatch.close()
  await until('the bye is heard', () => statesOf(b.dispatch) === 'a:down b:up')
  a.dispatch.broadcast(anna, bytes('too late'))
  a.dispatch.announceNow()
  await t.rejects(a.dispatch.ask(b.id, 'x', 1), { code: 'GP_DISPATCH_UNAVAILABLE' })
  t.equal(a.dispatch.isConnected, false)
  await heartbeats(b, b, 2)
  t.same(b.arrivals, [])
  t.equal(statesOf(b.dispatch), 'a:down b:up')
})

void t.test('loss - an open dispatch keeps no process alive', async t => {
  const child = spawn(process.execPath, [...typescriptArgs(new URL('./idle-process.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.match(output, /up/)
})
