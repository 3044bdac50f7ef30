/** Many writers on one stream, on a real LMDB: with and without handing over, and while the stream expires under them. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { groupStream, type NodeId } from '../../../shared/contract/names.js'
import { ownerRange } from '../../../shared/store/keys.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createAppender, type AppendRules, type Appender } from '../../../services/notifications/log/appender.js'
import type { EntryDraft } from '../../../services/notifications/log/entry.js'
import { createForwarder, forwardKind, type ForwardedEntries } from '../../../services/notifications/node/forwarder.js'
import { readAfter } from '../../../services/notifications/log/read.js'
import { startTestNode } from '../../helpers/dispatch-nodes.js'
import { draftMessage } from '../../helpers/entry-drafts.js'
import { openTestLmdb } from '../../helpers/lmdb-store.js'

const stream = groupStream('busy')
const log = createSilentLog()

/** Reads on from its cursor until it is stopped; what it got, and what was wrong with it. */
function startReader (store: Store, mayExpire = false) {
  const entries: EntryDoc[] = []
  const faults: string[] = []
  let cursor = 0
  let isStopped = false
  const readOnce = async (): Promise<number> => {
    const docs = await readAfter(store, stream, cursor, 200)
    for (const doc of docs) {
      const { prev } = placeOfEntry(doc.key)
      if (doc.seq <= cursor) faults.push(`${doc.seq} at or before the cursor ${cursor}`)
      if (prev !== cursor && !mayExpire) faults.push(`${doc.seq} follows ${prev}, the reader had ${cursor}`)
      cursor = doc.seq
      entries.push(doc)
    }
    return docs.length
  }
  const done = (async () => {
    while (!isStopped) { await readOnce(); await pause(1) }
    while (await readOnce() > 0);
  })()
  return { entries, faults, stop: async () => { isStopped = true; await done } }
}

async function write (append: (stream: EntryDraft) => Promise<{ doc: EntryDoc }>, count: number, seqs: number[]): Promise<void> {
  const clock = createClock()
  for (let i = 0; i < count; i++) seqs.push((await append(draftMessage(clock, { home: stream }))).doc.seq)
}

async function checkAll (t: Test, store: Store, answered: number[][], reader: ReturnType<typeof startReader>): Promise<void> {
  await reader.stop()
  t.same(reader.faults, [])
  const stored = await store.range('entries', ownerRange(stream), { limit: 100_000 })
  t.same(stored.map(({ key }) => placeOfEntry(key).prev), [0, ...stored.slice(0, -1).map(({ seq }) => seq)], 'one unbroken chain')
  t.same(reader.entries.map(({ seq }) => seq), stored.map(({ seq }) => seq), 'the reader had it all')
  t.same(answered.flat().sort((a, b) => a - b), stored.map(({ seq }) => seq), 'each answered once, each stored once')
  t.equal(new Set(stored.map(({ id }) => id)).size, stored.length)
  for (const seqs of answered) t.same(seqs, [...seqs].sort((a, b) => a - b), 'each writer in order')
}

t.test('appends - 50 writers by 3 nodes, handed over to one: one chain, hardly a conflict', async t => {
  const store = await openTestLmdb(t)
  const hub = createInProcessBus()
  const nodes = ['n1', 'n2', 'n3'].map(id => {
    const { dispatch } = startTestNode(t, { id, bus: hub.connect(id) })
    const appender = createAppender({ store, clock: createClock(), log, onAppended: () => {} })
    const handOver = createForwarder({ nodeId: id as NodeId, dispatch, appender, ownerOf: () => 'n2' as NodeId, onStored: () => {}, log })
    dispatch.answer(forwardKind, async body => await handOver.serve(body as ForwardedEntries))
    return { appender, handOver }
  })
  const reader = startReader(store)
  const answered = Array.from({ length: 50 }, (): number[] => [])
  await Promise.all(answered.map(async (seqs, i) => { await write(async draft => await nodes[i % 3]!.handOver.append(stream, draft), 200, seqs) }))
  await checkAll(t, store, answered, reader)
  t.equal(answered.flat().length, 10_000)
  const groups = nodes.reduce((sum, { appender }) => sum + appender.counts.groups, 0)
  const conflicts = nodes.reduce((sum, { appender }) => sum + appender.counts.conflicts, 0)
  t.comment(`groups ${groups}, conflicts ${conflicts}`)
  t.ok(conflicts <= groups / 10, `conflicts: ${conflicts} in ${groups} groups`)
})

t.test('appends - 50 writers by 3 nodes that do not hand over: one chain all the same', async t => {
  const store = await openTestLmdb(t)
  const appenders = Array.from({ length: 3 }, () => createAppender({ store, clock: createClock(), log, onAppended: () => {} }))
  const reader = startReader(store)
  const answered = Array.from({ length: 50 }, (): number[] => [])
  await Promise.all(answered.map(async (seqs, i) => { await write(async draft => await appenders[i % 3]!.append(stream, draft), 40, seqs) }))
  await checkAll(t, store, answered, reader)
  t.equal(answered.flat().length, 2_000)
  const conflicts = appenders.reduce((sum, { counts }) => sum + counts.conflicts, 0)
  t.ok(conflicts > 0, `conflicts: ${conflicts}`)
})

t.test('appends - a stream that empties under its writers and begins again never forks', async t => {
  // Hours are tens of milliseconds here.
  const hour = 50
  const rules: AppendRules = { headFreshMs: hour, extendWithinMs: 2 * hour, keepMs: 25 * hour, recentMs: 20, landsWithinMs: 60_000, giveUpMs: 5_000 }
  const store = await openTestLmdb(t)
  const appenders: Appender[] = Array.from({ length: 3 }, () => createAppender({ store, clock: createClock(), log, rules, onAppended: () => {} }))
  const reader = startReader(store, true)
  let isOver = false
  const sweeping = (async () => { while (!isOver) { await store.sweep(); await pause(5) } })()
  const answered: number[] = []
  let begun = 0
  for (let round = 0; round < 3; round++) {
    // Busy for a while, then quiet until all is gone.
    await Promise.all(appenders.map(async appender => {
      const clock = createClock()
      for (let i = 0; i < 12; i++) {
        const { doc } = await appender.append(stream, draftMessage(clock, { ttlMs: i % 3 === 0 ? 40 * hour : 1 }))
        answered.push(doc.seq)
        if (placeOfEntry(doc.key).prev === 0) begun++
        await pause(i % 4 === 0 ? 3 * hour : 1)
      }
    }))
    while ((await store.lasts('entries', [ownerRange(stream)]))[0] !== undefined) await pause(20)
  }
  isOver = true
  await sweeping
  await reader.stop()
  t.same(reader.faults, [])
  t.ok(begun >= 3, `beginnings: ${begun}`)
  // A reader that polls faster than anything expires misses nothing.
  t.same(reader.entries.map(({ seq }) => seq), [...answered].sort((a, b) => a - b))
  t.same(reader.entries.map(({ key }) => placeOfEntry(key).prev).filter((prev, i) => prev !== 0 && prev !== reader.entries[i - 1]?.seq), [], 'but for new beginnings, each follows the one before')
})
