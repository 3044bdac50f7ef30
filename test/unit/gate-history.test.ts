/** What a Gate remembers for its dashboard: figures in steps, what happened, drains, other Gates. */
import t from 'tap'
import type { Rings } from '../../services/gate/assignment.js'
import { createDrains } from '../../services/gate/watch/drains.js'
import { createFellowGates } from '../../services/gate/watch/fellow-gates.js'
import { createHappenings } from '../../services/gate/watch/happenings.js'
import { createHistory, steps, type Told } from '../../services/gate/watch/history.js'
import { createSeenGates } from '../../services/notifications/node/seen-gates.js'
import { GatepostError } from '../../shared/contract/errors.js'
import type { GateAnnouncement } from '../../shared/contract/node-rpc.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createRing } from '../../shared/contract/ring.js'
import { idleLoad } from '../helpers/dispatch-nodes.js'

const told = (id: string, more: Partial<Told> = {}): Told => ({ id, process: undefined, messagesPerSecond: 0, sockets: 0, refusalsPerSecond: 0, eventLoopLagMs: 0, rssBytes: 0, ...more })

t.test('history - totals are sums of the nodes; memory and lag are those of a process, however many nodes it has', async t => {
  const history = createHistory(3)
  history.heard(told('a', { process: 'p', sockets: 5, messagesPerSecond: 1.5, refusalsPerSecond: 1, rssBytes: 100, eventLoopLagMs: 2 }))
  history.heard(told('b', { process: 'p', sockets: 7, messagesPerSecond: 2, rssBytes: 110, eventLoopLagMs: 3 }))
  history.heard(told('old', { sockets: 1, rssBytes: 50 }))
  history.step(1_000)
  const view = history.view(10)
  t.same(view.total, { messagesPerSecond: [null, null, 3.5], sockets: [null, null, 13], refusalsPerSecond: [null, null, 1] })
  t.same(view.processes, [
    { process: 'p', members: ['a', 'b'], eventLoopLagMs: [null, null, 3], rssBytes: [null, null, 110] },
    { process: 'of old', members: ['old'], eventLoopLagMs: [null, null, 0], rssBytes: [null, null, 50] }
  ])
  t.equal(view.endsAt, 1_000)
  t.same([history.view(1).processes.length, history.view(1).processCount], [1, 2])
})

t.test('history - a step keeps the last figure, and the worst lag', async t => {
  const history = createHistory(2)
  history.heard(told('a', { sockets: 1, eventLoopLagMs: 900 }))
  history.heard(told('a', { sockets: 4, eventLoopLagMs: 1 }))
  history.step(0)
  const { total, processes } = history.view(1)
  t.same([total.sockets, processes[0]?.eventLoopLagMs], [[null, 4], [null, 900]])
})

t.test('history - what was not heard is not known, the oldest goes, and who is silent throughout is forgotten', async t => {
  const history = createHistory(3)
  for (const [step, sockets] of [1, 2, undefined, 4].entries()) {
    if (sockets !== undefined) history.heard(told('a', { sockets }))
    history.step(step)
  }
  t.same(history.member('a')?.sockets, [2, null, 4])
  history.heard(told('b', { sockets: 9 }))
  history.step(4)
  t.same(history.member('b')?.sockets, [null, null, 9], 'one that begins later ends at the same step')
  history.step(5)
  t.ok(history.member('a'))
  history.step(6)
  t.equal(history.member('a'), undefined)
  t.same(history.view(5).processes.map(({ process }) => process), ['of b'])
})

t.test('history - who fell silent within a step is not counted beside those that have its users now', async t => {
  const history = createHistory(2)
  history.heard(told('a', { sockets: 4 }))
  history.heard(told('b', { sockets: 5 }))
  history.silent('a')
  history.step(0)
  t.same(history.view(1).total.sockets, [null, 5])
})

t.test('history - memory does not grow with members that come and go', async t => {
  const history = createHistory(2)
  for (let n = 0; n < 5_000; n++) history.heard(told(`n${n}`, { sockets: 1 }))
  history.step(0)
  const { total, processCount } = history.view(5)
  t.same(total.sockets, [null, 5_000], 'the totals count all')
  t.equal(processCount, 1_024)
  history.step(1)
  history.step(2)
  t.equal(history.view(5).processCount, 0)
  t.equal(steps * 5_000, 15 * 60_000)
})

t.test('happenings - newest first, bounded, and what was there at the start did not join', async t => {
  let now = 0
  const happenings = createHappenings({ now: () => ++now })
  const node = 'a' as NodeId
  happenings.addMemberEvent({ kind: 'appeared', node, startedAt: 1 }, false)
  happenings.addMemberEvent({ kind: 'changed', node, from: 'up', to: 'suspect' }, true)
  happenings.addMemberEvent({ kind: 'changed', node, from: 'suspect', to: 'up' }, true)
  happenings.addMemberEvent({ kind: 'changed', node, from: 'up', to: 'draining' }, true)
  happenings.addMemberEvent({ kind: 'changed', node, from: 'draining', to: 'up' }, true)
  happenings.addMemberEvent({ kind: 'lifeEnded', node, startedAt: 1, reason: 'silence' }, true)
  happenings.addMemberEvent({ kind: 'changed', node, from: 'suspect', to: 'down' }, true)
  happenings.addMemberEvent({ kind: 'appeared', node, startedAt: 2 }, true)
  happenings.addMemberEvent({ kind: 'lifeEnded', node, startedAt: 2, reason: 'bye' }, true)
  happenings.addMemberEvent({ kind: 'forgotten', node, startedAt: 2 }, true)
  t.same(happenings.list().map(({ kind }) => kind), ['left', 'joined', 'died', 'returned', 'draining', 'healed', 'suspect', 'found'])
  t.same(happenings.list()[0], { at: 9, kind: 'left', node: 'a' })
  const other = 'b' as NodeId
  happenings.addMemberEvent({ kind: 'appeared', node: other, startedAt: 1 }, true)
  happenings.addMemberEvent({ kind: 'changed', node: other, from: 'draining', to: 'up' }, true)
  t.equal(happenings.list()[0]?.kind, 'joined', 'it was not ready yet, and was never drained')
  for (let n = 0; n < 1_000; n++) happenings.add('link-lost', null)
  t.equal(happenings.list().length, 200)
  t.equal(happenings.since, 1)
})

t.test('drains - how far one has come, when its last socket went, and that it was put back', async t => {
  const drains = createDrains()
  const heard = (state: 'up' | 'draining', sockets: number, now: number): boolean => drains.heard({ id: 'a' as NodeId, state, load: { ...idleLoad, sockets } }, now)
  t.equal(heard('up', 10, 0), false)
  t.equal(drains.of('a'), undefined)
  t.equal(heard('draining', 10, 1), false)
  t.equal(heard('draining', 4, 2), false)
  t.same(drains.of('a'), { since: 1, socketsAtStart: 10, endedAt: null })
  t.equal(heard('draining', 0, 3), true, 'its end is told once')
  t.equal(heard('draining', 0, 4), false)
  t.same(drains.of('a'), { since: 1, socketsAtStart: 10, endedAt: 3 })
  heard('up', 0, 5)
  t.equal(drains.of('a'), undefined)
  heard('draining', 0, 6)
  t.same(drains.of('a'), { since: 6, socketsAtStart: 0, endedAt: 6 }, 'one without a socket is drained at once')
})

const announcement = (id: string): GateAnnouncement => ({ id, url: 'http://g', version: '1', startedAt: 0, process: 'p', requestsPerSecond: 1, refusalsPerSecond: 0, eventLoopLagMs: 0, rssBytes: 1 })

t.test('fellow Gates - they meet at a node; one that knows no such question is passed over; who is silent is gone', async t => {
  let now = 0
  const seen = createSeenGates(() => now)
  const ring = createRing([{ id: 'old' as NodeId, weight: 1 }, { id: 'new' as NodeId, weight: 1 }])
  const none = createRing([])
  const rings = (): Rings => ({ up: ring, suspect: none, clockOff: none, draining: none, storeless: new Set() })
  const dispatch = {
    ask: async (node: NodeId, _kind: string, body: unknown) => {
      if (node === 'old') throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'does not answer announce-gate')
      return { gates: seen.announce(body as GateAnnouncement) }
    }
  }
  const [one, other] = ['g1', 'g2'].map(id => createFellowGates({ own: () => announcement(id), dispatch, rings, elapsed: () => now }))
  await one!.meet()
  await other!.meet()
  t.same(other!.list().map(({ id, agoMs }) => [id, agoMs]), [['g2', 0], ['g1', 0]])
  await one!.meet()
  now = 5_000
  t.same(one!.list().map(({ id, agoMs }) => [id, agoMs]), [['g1', 0], ['g2', 5_000]])
  now = 16_000
  await one!.meet()
  t.same(one!.list().map(({ id }) => id), ['g1'])
})

t.test('seen Gates - no more than 256 are kept', async t => {
  const seen = createSeenGates(() => 0)
  for (let n = 0; n < 1_000; n++) seen.announce(announcement(`g${n}`))
  t.equal(seen.announce(announcement('last')).length, 256)
})
