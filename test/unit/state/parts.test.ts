/** Single traps of counting and folding that a random run seldom meets. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { allStream, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { countLimits } from '../../../services/notifications/mailbox/unread/counts.js'
import { SharedStreamIndex } from '../../../services/notifications/mailbox/unread/shared-stream-index.js'
import { emptyState, flagsOf, foldChange } from '../../../services/notifications/mailbox/state/user-state.js'
import { createUnreadCounter } from '../../../services/notifications/mailbox/unread/unread.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { annStream, dayMs, draftChange, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type Fate } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId

t.test('digest - a recall read before its message counts, though the message is not erased and read much later', async t => {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const docs: EntryDoc[] = []
  for (let i = 0; i < 6; i++) docs.push((await append(allStream, draftMessage(clock, { home: allStream }))).doc)
  const { id, seq, expiresAt } = docs[0]!
  const { doc: last } = await append(allStream, draftChange(clock, { type: 'recall', message: { id, stream: allStream, seq, category: 'general', expiresAt }, sender: 'p:shop' }))
  const digest = new SharedStreamIndex(allStream, last.seq, 2)
  await digest.cover(store, last.seq, docs[3]!.seq, clock.now())
  await digest.cover(store, last.seq, 0, clock.now())
  const total = new Map<string, number>()
  digest.addUnread(total, emptyState(annStream), annStream, 0)
  t.same([...total], [['general', 5]])
})

t.test('views - a save whose first step is refused stores the later steps the next time', async t => {
  const clock = createClock()
  let fate: Fate | undefined
  const store = createMemoryStore({ before: ({ kind, collection }) => kind === 'replace' && collection === 'state' ? fate : undefined })
  const start = () => createUserViews({ store, heads: createHeads({ store, clock }), clock, limits: { ...countLimits, maxBaseMarks: 2, maxPieceMarks: 10, keepPieceMs: 10_000 } })
  const views = start()
  const { append } = plainAppender(store, clock)
  const docs: EntryDoc[] = []
  for (let i = 0; i < 8; i++) docs.push((await append(annStream, draftMessage(clock))).doc)
  const archive = async (i: number): Promise<number> => {
    const { id, seq, expiresAt } = docs[i]!
    return (await append(annStream, draftChange(clock, { type: 'mark', messages: [{ id, stream: annStream, seq, category: 'general', expiresAt }], archived: true }))).doc.seq
  }
  for (const i of [1, 3, 5]) await views.storeFold(ann, await archive(i)) // spilled: an older piece and the base
  fate = 'refused'
  await archive(6)
  await archive(7) // the base is full again, so the next save has a new piece
  await t.rejects(views.storeFold(ann, await archive(0)), { code: 'GP_STORE_UNAVAILABLE' }) // and the older piece is changed
  fate = undefined
  await views.storeFold(ann, await archive(4))
  const { state } = await start().fresh(ann)
  t.same(docs.map(({ seq }) => flagsOf(state, annStream, seq, 'general').archived), [true, true, false, true, true, true, true, true])
})

t.test('views - who can read, reads, though the store takes nothing', async t => {
  const clock = createClock()
  const store = createMemoryStore({ before: ({ kind, collection }) => collection === 'state' && kind === 'replace' ? 'refused' : undefined })
  const { append } = plainAppender(store, clock)
  for (let i = 0; i < 20; i++) await append(annStream, draftMessage(clock))
  const views = createUserViews({ store, heads: createHeads({ store, clock }), clock, limits: { maxBaseMarks: 2, maxPieceMarks: 2, keepPieceMs: 10_000, tailEntries: 6, segmentEntries: 3, mergedEntries: 9, storedSegments: 2, maxSegments: 100 } })
  t.equal((await views.fresh(ann)).counts.segments.length, 5)
})

t.test('state - a change folded twice, or an older one, changes nothing', t => {
  const state = emptyState(annStream)
  const message = { id: 'x', stream: annStream, seq: 5, category: 'general', expiresAt: Infinity }
  foldChange(state, 10, { type: 'mark', messages: [message], read: true })
  foldChange(state, 11, { type: 'mark', messages: [message], read: false })
  foldChange(state, 10, { type: 'mark', messages: [message], read: true })
  t.equal(flagsOf(state, annStream, 5, 'general').read, false)
  foldChange(state, 12, { type: 'readTo', readTo: { [annStream]: 5 }, category: 'news' })
  t.equal(flagsOf(state, annStream, 5, 'general').read, false)
  foldChange(state, 13, { type: 'readTo', readTo: { [annStream]: 5 } })
  t.equal(flagsOf(state, annStream, 5, 'general').read, true)
  t.end()
})

t.test('digest - one that was made before the head was known does not read the whole stream', async t => {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const docs: EntryDoc[] = []
  for (let i = 0; i < 60; i++) docs.push((await append(allStream, draftMessage(clock, { home: allStream }))).doc)
  const head = docs.at(-1)!.seq
  const digest = new SharedStreamIndex(allStream, 0, 2)
  await digest.cover(store, 0, 0, clock.now())
  const before = store.commands.length
  await digest.cover(store, head, docs[57]!.seq, clock.now())
  t.ok(store.commands.length - before <= 4, `commands: ${store.commands.length - before}`)
  const total = new Map<string, number>()
  const state = emptyState(annStream)
  foldChange(state, 1, { type: 'readTo', readTo: { [allStream]: docs[57]!.seq } })
  digest.addUnread(total, state, annStream, 0)
  t.same([...total], [['general', 2]])
})

t.test('counts - what a clock that was ahead has left out as expired is counted again, by whoever has it in memory or stored', async t => {
  let aheadMs = 0
  const clock = createClock(() => Date.now() + aheadMs)
  const store = createMemoryStore()
  const heads = createHeads({ store, clock })
  const limits = { ...countLimits, maxBaseMarks: 9, maxPieceMarks: 9, keepPieceMs: 10_000, tailEntries: 6, segmentEntries: 3, mergedEntries: 9, storedSegments: 1, maxSegments: 100 }
  const start = () => {
    const views = createUserViews({ store, heads, clock, limits })
    return { views, unread: createUnreadCounter({ store, views, heads, now: clock.now, page: 2 }) }
  }
  const { append } = plainAppender(store, clock)
  const right = createClock()
  for (let i = 0; i < 20; i++) await append(annStream, draftMessage(right))
  for (let i = 0; i < 5; i++) await append(allStream, draftMessage(right, { home: allStream }))
  const one = start()
  t.equal((await one.unread.of(ann)).unread, 25)
  aheadMs = 40 * dayMs
  const other = start()
  t.equal((await one.unread.of(ann)).unread, 0)
  t.equal((await other.unread.of(ann)).unread, 0, 'and stored so')
  for (let i = 0; i < 12; i++) await append(annStream, draftMessage(right))
  t.equal((await other.unread.of(ann)).unread, 0)
  aheadMs = 0
  for (const { unread } of [one, other, start()]) t.equal((await unread.of(ann)).unread, 37)
})

t.test('counts - who reads nothing has few segments, and each message still counts in its category', async t => {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const limits = { ...countLimits, maxBaseMarks: 9, maxPieceMarks: 9, keepPieceMs: 10_000, tailEntries: 6, segmentEntries: 3, mergedEntries: 30, storedSegments: 2, maxSegments: 4 }
  const start = () => {
    const heads = createHeads({ store, clock })
    const views = createUserViews({ store, heads, clock, limits })
    return { views, unread: createUnreadCounter({ store, views, heads, now: clock.now }) }
  }
  const { views, unread } = start()
  const seqs: number[] = []
  for (let i = 0; i < 120; i++) {
    seqs.push((await append(annStream, draftMessage(clock, { category: i % 2 === 0 ? 'even' : 'odd' }))).doc.seq)
    if (i % 10 === 0) await views.fresh(ann)
  }
  t.same(await unread.of(ann), { unread: 120, byCategory: { even: 60, odd: 60 } })
  const { counts } = await views.fresh(ann)
  t.ok(counts.segments.length <= 6, 'merged', { segments: counts.segments.length })
  t.equal(counts.segments.reduce((sum, { entries }) => sum + entries, 0) + counts.tail.values.length / 3, 120)
  const change = draftChange(clock, { type: 'mark', messages: [{ id: 'x', stream: annStream, seq: seqs[4]!, category: 'even', expiresAt: clock.now() + dayMs }], read: true })
  await views.storeFold(ann, (await append(annStream, change)).doc.seq)
  t.same((await unread.of(ann)).byCategory, { even: 59, odd: 60 }, 'one that is read in a merged one')
  t.same((await start().unread.of(ann)).byCategory, { even: 59, odd: 60 }, 'and so it is stored')
})
