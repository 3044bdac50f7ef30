/** Handing entries to the node of their stream: order, and what becomes of them when that node does not answer. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { createForwarder, forwardKind, type ForwardedEntries } from '../../../services/notifications/node/forwarder.js'
import { startTestNode } from '../../helpers/dispatch-nodes.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { allowed, until } from '../../helpers/until.js'
import { createLossyBus } from '../../helpers/lossy-bus.js'

/** Two nodes on one store; the streams are all n2's. */
function start (t: Test, { maxPayloadBytes = 1 << 20, timeoutMs = 150 } = {}) {
  const hub = createLossyBus({ maxPayloadBytes })
  const store = createMemoryStore({ before: async () => { await pause(2); return undefined } })
  const owner = 'n2' as NodeId
  const told: number[] = []
  const [here, there] = ['n1', 'n2'].map(id => {
    const { dispatch } = startTestNode(t, { id, bus: hub.connect(id) })
    const appender = plainAppender(store, createClock())
    return { dispatch, appender, handOver: createForwarder({ nodeId: id as NodeId, dispatch, appender, ownerOf: () => owner, onStored: (_, doc) => { told.push(doc.seq) }, log: createSilentLog(), timeoutMs }) }
  })
  const ids = (): string[] => store.all<EntryDoc>('entries').map(({ id }) => id)
  return { hub, store, here: here!, there: there!, ids, told }
}

t.test('hand-over - the node of the stream appends, the asker knows the place', async t => {
  const { here, there, told } = start(t, { timeoutMs: 5_000 })
  there.dispatch.answer(forwardKind, async body => await there.handOver.serve(body as ForwardedEntries))
  const clock = createClock()
  const docs = (await Promise.all(Array.from({ length: 30 }, () => here.handOver.append(annStream, draftMessage(clock))))).map(({ doc }) => doc)
  t.equal(here.handOver.counts.handed, 30)
  t.equal(here.appender.counts.entries, 0)
  t.equal(there.appender.counts.entries, 30)
  t.same(docs.map(({ key }) => placeOfEntry(key).prev), [0, ...docs.slice(0, -1).map(({ seq }) => seq)])
  t.same(told, docs.map(({ seq }) => seq))
})

t.test('hand-over - the order holds where one request of several is lost', async t => {
  // Questions of a few entries each, so that the messages of one turn need many.
  const { hub, here, there, ids } = start(t, { maxPayloadBytes: 8_000 })
  there.dispatch.answer(forwardKind, async body => await there.handOver.serve(body as ForwardedEntries))
  const clock = createClock()
  let questions = 0
  const stop = hub.lose(({ from, to, subject }) => from === 'n1' && to === 'n2' && subject.includes('ask') && ++questions === 2)
  const drafts = Array.from({ length: 40 }, (_, i) => draftMessage(clock, { body: `${i} ${'.'.repeat(400)}` }))
  await Promise.all(drafts.map(async draft => await here.handOver.append(annStream, draft)))
  stop()
  t.ok(questions > 2, `questions: ${questions}`)
  t.ok(here.handOver.counts.fallbacks > 0)
  t.same(ids(), drafts.map(({ id }) => id))
})

t.test('hand-over - an answer that is lost: the asker appends too, and each entry is there once', async t => {
  const { hub, here, there, ids } = start(t)
  there.dispatch.answer(forwardKind, async body => await there.handOver.serve(body as ForwardedEntries))
  const clock = createClock()
  // The request arrives, its reply is too late: the link is cut between the two.
  const drafts = Array.from({ length: 20 }, () => draftMessage(clock))
  const appends = drafts.map(async draft => await here.handOver.append(annStream, draft))
  await pause(1)
  hub.disconnect('n1')
  await Promise.all(appends)
  await there.appender.settled()
  t.equal(here.handOver.counts.fallbacks, 20)
  t.same(ids(), drafts.map(({ id }) => id))
})

t.test('hand-over - while nothing answers, only what was asked already waits; the order holds', async t => {
  const { hub, here, there, ids } = start(t, { timeoutMs: 500 })
  let isResponsive = true
  let questions = 0
  t.teardown(hub.lose(({ from, to, subject }) => from === 'n1' && to === 'n2' && subject.includes('ask') && ++questions > 0))
  const dispatch = Object.create(here.dispatch, { isResponsive: { get: () => isResponsive } }) as typeof here.dispatch
  const handOver = createForwarder({ nodeId: 'n1' as NodeId, dispatch, appender: here.appender, ownerOf: () => 'n2' as NodeId, onStored: () => {}, log: createSilentLog(), timeoutMs: 500 })
  const clock = createClock()
  const drafts = Array.from({ length: 30 }, () => draftMessage(clock))
  const startedAt = performance.now()
  const appends = drafts.slice(0, 10).map(async draft => await handOver.append(annStream, draft))
  await pause(10)
  isResponsive = false
  for (const draft of drafts.slice(10, 20)) appends.push(handOver.append(annStream, draft))
  await Promise.all(appends)
  const tookMs = performance.now() - startedAt
  t.ok(tookMs > 400 && tookMs < allowed(900), 'one question\'s time for all', { tookMs })
  for (const draft of drafts.slice(20)) await handOver.append(annStream, draft)
  t.ok(performance.now() - startedAt < tookMs + allowed(400), 'and none for those that come later')
  t.equal(questions, 1)
  t.same(ids(), drafts.map(({ id }) => id))
  t.equal(there.appender.counts.entries, 0)
})

t.test('hand-over - a refusal of the other node is the answer', async t => {
  const { here, there, ids } = start(t, { timeoutMs: 5_000 })
  there.dispatch.answer(forwardKind, async body => await there.handOver.serve(body as ForwardedEntries))
  const ahead = createClock(() => Date.now() + 400 * dayMs)
  await t.rejects(here.handOver.append(annStream, draftMessage(ahead)), { code: 'GP_STORE_UNAVAILABLE' })
  t.same(ids(), [])
})

t.test('hand-over - what a node refuses that has lost the store alone is appended here; not where this one has lost it too', async t => {
  const { here, there, ids } = start(t)
  const refusal = { code: 'GP_STORE_UNAVAILABLE', message: 'the store did not take it; nothing was stored', isInDoubt: false, isStoreAway: true }
  there.dispatch.answer(forwardKind, async body => ({ answers: (body as ForwardedEntries).entries.map(() => refusal) }))
  const clock = createClock()
  const [draft, other] = [draftMessage(clock), draftMessage(clock)]
  let canStore = true
  const handOver = createForwarder({ nodeId: 'n1' as NodeId, dispatch: here.dispatch, appender: here.appender, ownerOf: () => 'n2' as NodeId, canStore: () => canStore, onStored: () => {}, log: createSilentLog() })
  await handOver.append(annStream, draft)
  canStore = false
  await t.rejects(handOver.append(annStream, other), { code: 'GP_STORE_UNAVAILABLE' })
  t.same(ids(), [draft.id])
})

t.test('hand-over - what an older node refuses by its clock is appended here', async t => {
  const { here, there, ids } = start(t)
  const refusal = { code: 'GP_VALIDATION', message: 'id: its time is more than 10 s ahead of this node\'s clock', isInDoubt: false }
  there.dispatch.answer(forwardKind, async body => ({ answers: (body as ForwardedEntries).entries.map(() => refusal) }))
  const ahead = createClock(() => Date.now() + 20_000)
  const draft = draftMessage(ahead)
  await here.handOver.append(annStream, draft)
  t.same(ids(), [draft.id])
})

t.test('hand-over - a node whose store is slow is asked again until it is done; only it appends', async t => {
  const { here, there, store, ids } = start(t, { timeoutMs: 600 })
  there.dispatch.answer(forwardKind, async body => { questions++; return await there.handOver.serve(body as ForwardedEntries) })
  let questions = 0
  let free = (): void => {}
  const isFree = new Promise<void>(resolve => { free = resolve })
  const { insertChains } = store
  store.insertChains = async (...args) => { await isFree; return await insertChains(...args) }
  const clock = createClock()
  const drafts = Array.from({ length: 5 }, () => draftMessage(clock))
  const appends = drafts.map(async draft => await here.handOver.append(annStream, draft))
  await until('asked again and again', () => questions > 3)
  free()
  await Promise.all(appends)
  t.same(ids(), drafts.map(({ id }) => id))
  t.same(here.handOver.counts, { handed: 5, fallbacks: 0 })
  t.equal(here.appender.counts.groups, 0)
})

t.test('hand-over - an outcome that comes between two requests is the reply to the second', async t => {
  const { there, store, ids } = start(t)
  const { insertChains } = store
  store.insertChains = async (...args) => { await pause(120); return await insertChains(...args) }
  const body = { entries: [{ stream: annStream, draft: draftMessage(createClock()) }] }
  t.same(await there.handOver.serve(body), { answers: [null] })
  await until('stored', () => ids().length === 1)
  t.match(await there.handOver.serve(body), { answers: [{ seq: Number }] })
  t.equal(there.appender.counts.groups, 1)
})
