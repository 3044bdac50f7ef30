/** The copies of one message: all stored or none, whatever the store does to single ones; and an entry keeps its place while in doubt. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type ChainOutcome, type EntryDoc } from '../../../shared/store/store.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { appendRules, createAppender, type Appender } from '../../../services/notifications/log/appender.js'
import { createForwarder, forwardKind, type ForwardedAnswers, type ForwardedEntries } from '../../../services/notifications/node/forwarder.js'
import { createAtomicGroup } from '../../../services/notifications/log/atomic-group.js'
import { startTestNode } from '../../helpers/dispatch-nodes.js'
import { draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

const [ann, bob] = [userStream('ann'), userStream('bob')]
const giveUpMs = 150

/** `fate`: what becomes of the entries of one stream; undefined = stored. */
function start (fate: (stream: StreamId) => ChainOutcome['stopped'] | Promise<ChainOutcome['stopped']>) {
  const clock = createClock()
  const memory = createMemoryStore()
  const tried: Array<{ stream: StreamId, seq: number, key: string }> = []
  const store: typeof memory = {
    ...memory,
    insertChains: async (collection, chains) => await Promise.all(chains.map(async (chain): Promise<ChainOutcome> => {
      for (const doc of chain as readonly EntryDoc[]) tried.push({ stream: placeOfEntry(doc.key).stream, seq: doc.seq, key: doc.key })
      const stopped = await fate(placeOfEntry(chain[0]?.key ?? '').stream)
      return stopped === undefined ? (await memory.insertChains(collection, [chain]))[0] as ChainOutcome : { stored: 0, stopped }
    }))
  }
  const appender: Appender = createAppender({ store, clock, log: createSilentLog(), onAppended: () => {}, rules: { ...appendRules, giveUpMs } })
  const stored = (): StreamId[] => memory.all<EntryDoc>('entries').map(({ key }) => placeOfEntry(key).stream).sort()
  return { clock, appender, tried, stored }
}

t.test('atomic group - once one copy is stored, the other is tried for longer than it would be alone', async t => {
  const startedAt = performance.now()
  const { clock, appender, stored } = start(stream => stream === bob && performance.now() - startedAt < 2 * giveUpMs ? 'refused' : undefined)
  const atomicGroup = createAtomicGroup()
  const draft = draftMessage(clock)
  await Promise.all([ann, bob].map(async stream => await appender.append(stream, draft, { atomicGroup })))
  t.same(stored(), [ann, bob])
  t.same(atomicGroup, { state: 'begun', tries: 0 })
})

t.test('atomic group - where none can be stored all are refused, and none is tried after the answer', async t => {
  let isAway = true
  const { clock, appender, stored, tried } = start(() => isAway ? 'refused' : undefined)
  const atomicGroup = createAtomicGroup()
  const draft = draftMessage(clock)
  const copies = [ann, bob].map(async stream => await appender.append(stream, draft, { atomicGroup }))
  await t.rejects(Promise.race(copies), { code: 'GP_STORE_UNAVAILABLE', message: /nothing was stored/ })
  isAway = false
  const before = tried.length
  await t.rejects(copies[0] as Promise<unknown>, { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(copies[1] as Promise<unknown>, { code: 'GP_STORE_UNAVAILABLE' })
  await appender.settled()
  t.equal(tried.length, before)
  t.same(stored(), [])
})

t.test('atomic group - one whose turn is over waits for the other that is under way', async t => {
  let land: (() => void) | undefined
  let isAway = true
  const { clock, appender, stored } = start(async stream => {
    if (stream === bob) return isAway ? 'refused' : undefined
    await new Promise<void>(resolve => { land = resolve })
    return undefined
  })
  const atomicGroup = createAtomicGroup()
  const draft = draftMessage(clock)
  // Two groups of the appender: the other one's tries go on meanwhile.
  const first = appender.append(ann, draft, { atomicGroup })
  await until('the first is under way', () => land)
  const second = appender.append(bob, draft, { atomicGroup })
  const startedAt = performance.now()
  await until('longer than one is tried alone', () => performance.now() - startedAt > 2 * giveUpMs)
  isAway = false
  land?.()
  await Promise.all([first, second])
  t.same(stored(), [ann, bob])
})

t.test('atomic group - a copy that another node refuses is stored here where the other copy is stored', async t => {
  const hub = createInProcessBus()
  const { clock, appender, stored } = start(() => undefined)
  const [here, there] = ['n1', 'n2'].map(id => startTestNode(t, { id, bus: hub.connect(id) }))
  there?.dispatch.answer(forwardKind, async body => ({ answers: (body as ForwardedEntries).entries.map(() => ({ code: 'GP_OVERLOADED', message: 'too much', isInDoubt: false })) }))
  const handOver = createForwarder({ nodeId: 'n1' as NodeId, dispatch: here!.dispatch, appender, ownerOf: stream => (stream === ann ? 'n1' : 'n2') as NodeId, onStored: () => {}, log: createSilentLog() })
  const alone = draftMessage(clock)
  await t.rejects(handOver.append(bob, alone), GatepostError)
  const atomicGroup = createAtomicGroup()
  const draft = draftMessage(clock)
  await handOver.append(ann, draft, atomicGroup)
  await handOver.append(bob, draft, atomicGroup)
  t.same(stored(), [ann, bob])
  t.same(atomicGroup, { state: 'begun', tries: 0 })
})

/** A node that hands bob's entries to another one, which answers as the test says. */
function startAsker (t: Test, fate: () => ChainOutcome['stopped'], answer: (n: number) => Promise<ForwardedAnswers['answers'][number]>) {
  const hub = createInProcessBus()
  const { clock, appender, stored } = start(fate)
  const [here, there] = ['n1', 'n2'].map(id => startTestNode(t, { id, bus: hub.connect(id) }))
  let questions = 0
  there?.dispatch.answer(forwardKind, async () => ({ answers: [await answer(++questions)] }))
  const handOver = createForwarder({ nodeId: 'n1' as NodeId, dispatch: here!.dispatch, appender, ownerOf: () => 'n2' as NodeId, onStored: () => {}, log: createSilentLog(), timeoutMs: giveUpMs })
  return { append: async () => await handOver.append(bob, draftMessage(clock)), stored, counts: handOver.counts, questions: () => questions }
}

const refused = (isInDoubt: boolean): ForwardedAnswers['answers'][number] => ({ code: 'GP_STORE_UNAVAILABLE', message: 'not taken', isInDoubt })

t.test('in doubt - what the other node does not know is asked after here, for longer', async t => {
  const startedAt = performance.now()
  const { append, stored } = startAsker(t, () => performance.now() - startedAt < 2 * giveUpMs ? 'refused' : undefined, async () => refused(true))
  await append()
  t.same(stored(), [bob])
})

t.test('in doubt - a node that is still at it is asked again; what it surely did not store is refused, and not tried here', async t => {
  const { append, stored, counts, questions } = startAsker(t, () => undefined, async n => {
    await pause(giveUpMs / 2)
    return n < 4 ? null : refused(false)
  })
  await t.rejects(append(), { code: 'GP_STORE_UNAVAILABLE', message: 'not taken' })
  t.equal(questions(), 4)
  t.equal(counts.fallbacks, 0)
  t.same(stored(), [])
})

t.test('in doubt - a node that was asked and does not answer may have stored it: nothing is said to be refused', async t => {
  for (const firstAnswer of [undefined, null]) {
    const { append, counts } = startAsker(t, () => 'refused', async n => n === 1 && firstAnswer === null ? null : await new Promise<never>(() => {}))
    const startedAt = performance.now()
    await t.rejects(append(), { code: 'GP_OUTCOME_UNKNOWN', message: /did not say/ })
    t.ok(performance.now() - startedAt > 3 * giveUpMs)
    t.equal(counts.fallbacks, 1)
  }
})

t.test('in doubt - an entry that may be stored keeps its place and its seq, also after a try that was refused', async t => {
  const fates: Array<ChainOutcome['stopped']> = ['unknown', 'refused', 'unknown', 'refused', undefined]
  const { clock, appender, tried } = start(() => fates.shift())
  const { doc } = await appender.append(ann, draftMessage(clock))
  t.equal(tried.length, 5)
  t.same(new Set(tried.map(({ key, seq }) => `${key} ${seq}`)).size, 1)
  t.equal(doc.seq, tried[0]?.seq)
})

t.test('in doubt - asked after for longer, though the last try was refused', async t => {
  const startedAt = performance.now()
  let tries = 0
  const { clock, appender, stored } = start(() => tries++ === 0 ? 'unknown' : performance.now() - startedAt < 2 * giveUpMs ? 'refused' : undefined)
  await appender.append(ann, draftMessage(clock))
  t.same(stored(), [ann])
})
