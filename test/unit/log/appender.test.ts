/** What an appender says when the store does not answer, and in which order it stores. */
import t from 'tap'
import { createClock, decodeTime, toMs } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { appendRules, createAppender } from '../../../services/notifications/log/appender.js'
import { createTails } from '../../../services/notifications/log/tails.js'
import { createMessageFinder } from '../../../services/notifications/log/find-messages.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const hourMs = 3_600_000
const impatient = { ...appendRules, giveUpMs: 50 }

t.test('appender - an entry whose try had no outcome is never said not to be stored, and its stream is looked at again', async t => {
  const clock = createClock()
  let inserts = 0
  // The first insert takes effect unsaid; the second finds its key taken, and what took it cannot be read.
  const store = createMemoryStore({
    before: ({ kind }) => kind === 'insertChains' && inserts++ === 0 ? 'unsaid' : kind === 'range' ? 'refused' : undefined
  })
  const unknown: string[] = []
  const appender = createAppender({ store, clock, log: createSilentLog(), onAppended: () => {}, onUnknown: stream => { unknown.push(stream) }, rules: impatient })
  await plainAppender(store, clock).append(annStream, draftMessage(clock)).catch(() => {}) // so that the stream has a head
  inserts = 0
  await t.rejects(appender.append(annStream, draftMessage(clock)), { code: 'GP_OUTCOME_UNKNOWN', message: /did not say/ })
  t.same(unknown, [annStream])
})

t.test('appender - an entry that was surely not stored is said not to be', async t => {
  const clock = createClock()
  const store = createMemoryStore({ before: ({ kind }) => kind === 'insertChains' ? 'refused' : undefined })
  const unknown: string[] = []
  const appender = createAppender({ store, clock, log: createSilentLog(), onAppended: () => {}, onUnknown: stream => { unknown.push(stream) }, rules: impatient })
  await t.rejects(appender.append(annStream, draftMessage(clock)), { code: 'GP_STORE_UNAVAILABLE', message: /nothing was stored/ })
  t.same(unknown, [])
  await appender.settled()
})

t.test('appender - what is appended in one turn is stored in that order, in one group, whatever else conflicts', async t => {
  const clock = createClock()
  const store = createMemoryStore({ before: async () => { await new Promise(resolve => setImmediate(resolve)); return undefined } })
  const [one, other] = [plainAppender(store, clock), plainAppender(store, clock)]
  const drafts = Array.from({ length: 40 }, () => draftMessage(clock))
  await Promise.all(drafts.map(async (draft, i) => await (i % 2 === 0 ? one : other).append(annStream, draft)))
  const stored = store.all<EntryDoc>('entries').map(({ id }) => id)
  for (const parity of [0, 1]) {
    const ids = drafts.filter((_, i) => i % 2 === parity).map(({ id }) => id)
    t.same(stored.filter(id => ids.includes(id)), ids)
  }
  t.equal(stored.length, 40)
})

t.test('appender - over the bound of what may wait it refuses at once, and what was refused is not stored', async t => {
  const clock = createClock()
  let release = (): void => {}
  const isReleased = new Promise<void>(resolve => { release = resolve })
  const store = createMemoryStore({ before: async ({ kind }) => { if (kind === 'insertChains') await isReleased; return undefined } })
  const appender = plainAppender(store, clock)
  // 64 MiB of text may wait; none of it is stored before the store answers.
  const drafts = Array.from({ length: 1200 }, () => draftMessage(clock, { body: 'x'.repeat(64_000) }))
  const appends = drafts.map(draft => appender.append(annStream, draft))
  const settled = Promise.allSettled(appends)
  await t.rejects(appends.at(-1)!, { code: 'GP_OVERLOADED', retryAfterSeconds: 1, message: /nothing was stored/ })
  release()
  const outcomes = await settled
  await appender.settled()
  const taken = drafts.filter((_, i) => outcomes[i]?.status === 'fulfilled').map(({ id }) => id)
  t.ok(taken.length > 900 && taken.length < 1100, 'as many as the bound', { taken: taken.length })
  t.ok(outcomes.every(outcome => outcome.status === 'fulfilled' || (outcome.reason as { code: string }).code === 'GP_OVERLOADED'))
  t.same(new Set(store.all<EntryDoc>('entries').map(({ id }) => id)), new Set(taken), 'what was taken is stored, and nothing else')
  t.equal((await appender.append(annStream, draftMessage(clock))).isNew, true, 'and then it takes more')
})

t.test('appender - a retry after a minute is found by its id, where it landed late too', async t => {
  let nowMs = Date.now()
  const clock = createClock(() => nowMs)
  const store = createMemoryStore({ now: clock.now })
  const appender = plainAppender(store, clock)
  const late = draftMessage(clock)
  const draft = draftMessage(clock)
  const { doc } = await appender.append(annStream, draft)
  for (let i = 0; i < 300; i++) { nowMs += 500; await appender.append(annStream, draftMessage(clock)) }
  const again = await plainAppender(store, createClock(clock.now)).append(annStream, draft)
  t.match(again, { isNew: false, doc: { key: doc.key, seq: doc.seq } })
  const { doc: landed } = await appender.append(annStream, late)
  t.ok(landed.seq > decodeTime(late.id.slice(0, 11)) + 60_000 * 4096)
  const { find } = createMessageFinder({ store })
  t.equal((await find(annStream, [late.id])).get(late.id)?.seq, landed.seq)
  t.equal((await find(annStream, [draft.id])).get(draft.id)?.seq, doc.seq)
  t.equal((await find(userStream('bob'), [draft.id])).size, 0)
  t.equal(placeOfEntry(landed.key).prev, store.all<EntryDoc>('entries').at(-2)?.seq)
})

const skewsMs = [15_000, 2 * hourMs, 40 * dayMs, -15_000, -2 * hourMs, -40 * dayMs]

t.test('appender - an id from a clock that is ahead or behind is stored, found by it, and stored once', async t => {
  for (const skewMs of skewsMs) {
    const store = createMemoryStore()
    const { find } = createMessageFinder({ store })
    const [wrong, right] = [createClock(() => Date.now() + skewMs), createClock()]
    const draft = draftMessage(wrong)
    const { doc } = await plainAppender(store, right).append(annStream, draft)
    const next = draftMessage(right)
    const { doc: after } = await plainAppender(store, right).append(annStream, next)
    t.ok(after.seq > doc.seq)
    t.match(await plainAppender(store, right).append(annStream, draft), { isNew: false, doc: { key: doc.key } })
    t.match(await plainAppender(store, wrong).append(annStream, next), { isNew: false, doc: { key: after.key } })
    t.equal((await find(annStream, [draft.id])).get(draft.id)?.seq, doc.seq, `${skewMs}`)
    t.equal((await find(annStream, [next.id])).get(next.id)?.seq, after.seq)
  }
})

t.test('appender - a stream whose head is ahead goes on by one; no other stream and no clock is moved', async t => {
  const store = createMemoryStore()
  const [ahead, clock] = [createClock(() => Date.now() + 40 * dayMs), createClock()]
  const { doc: head } = await plainAppender(store, ahead).append(annStream, draftMessage(ahead))
  const tails = createTails({ clock })
  const appender = createAppender({ store, clock, tails, log: createSilentLog(), onAppended: () => {} })
  t.equal((await appender.append(annStream, draftMessage(clock))).doc.seq, head.seq + 1)
  tails.see(annStream, { ...head, seq: head.seq + 9 })
  const { doc } = await appender.append(userStream('bob'), draftMessage(clock))
  t.ok(Math.abs(toMs(doc.seq) - Date.now()) < hourMs)
  t.ok(Math.abs(toMs(clock.tick()) - Date.now()) < hourMs)
})

t.test('appender - what is asked about an entry does not grow with how far the stream is ahead', async t => {
  const store = createMemoryStore()
  const [ahead, clock] = [createClock(() => Date.now() + 40 * dayMs), createClock()]
  const appender = plainAppender(store, ahead)
  for (let i = 0; i < 3_000; i++) await appender.append(annStream, draftMessage(ahead))
  const draft = draftMessage(clock)
  let read = 0
  const { range } = store
  store.range = async (...args) => { const docs = await range(...args); read += docs.length; return docs }
  const { doc } = await plainAppender(store, clock).append(annStream, draft)
  t.equal(read, 0, 'nothing of those')
  for (let i = 0; i < 3_000; i++) await appender.append(annStream, draftMessage(clock))
  read = 0
  t.match(await plainAppender(store, clock).append(annStream, draft), { isNew: false, doc: { key: doc.key } })
  t.ok(read <= 1_000, `a page from its locator on: ${read}`)
})

t.test('appender - an id years ahead is refused until a clock is set, with a code that is tried again', async t => {
  const [ahead, clock] = [createClock(() => Date.now() + 400 * dayMs), createClock()]
  const store = createMemoryStore()
  const draft = draftMessage(ahead)
  await t.rejects(plainAppender(store, clock).append(annStream, draft), { code: 'GP_STORE_UNAVAILABLE', message: /years ahead.*nothing was stored/ })
  t.same(store.commands, [])
  clock.heardOf(Date.now() + 400 * dayMs)
  t.equal((await plainAppender(store, clock).append(annStream, draft)).isNew, true, 'it was this clock: the store knows better')
})

t.test('appender - nothing is stored that the store would purge at once, however far a clock is behind', async t => {
  const behind = createClock(() => Date.now() - 40 * dayMs)
  behind.heardOf(Date.now())
  const store = createMemoryStore()
  const { doc } = await plainAppender(store, behind).append(annStream, draftMessage(behind))
  t.ok(doc.purgeAt! > Date.now() + 24 * hourMs)
  t.equal(store.purge(), 0)
})

t.test('appender - a head in memory ages by time that passes, not by a wall clock that was set back', async t => {
  let [wallMs, steadyMs] = [Date.now(), 1_000]
  const clock = createClock(() => wallMs, () => steadyMs)
  const tails = createTails({ clock })
  const appender = createAppender({ store: createMemoryStore(), clock, tails, log: createSilentLog(), onAppended: () => {} })
  const knows = (stream: StreamId): boolean => tails.isTrusted(tails.of(stream), appendRules)
  await appender.append(annStream, draftMessage(clock))
  t.equal(knows(annStream), true)
  wallMs -= 2 * hourMs
  steadyMs += hourMs - 1
  t.equal(knows(annStream), true)
  steadyMs += 1
  t.equal(knows(annStream), false)
  await appender.append(annStream, draftMessage(clock))
  t.equal(knows(annStream), true)
  wallMs += hourMs + 1
  t.equal(knows(annStream), false, 'a machine that slept: its steady clock stood still')
})

t.test('appender - in a busy stream that is ahead of a clock which was set back, what was read of it is read once', async t => {
  const startMs = Date.now()
  let nowMs = startMs
  const clock = createClock(() => nowMs)
  const store = createMemoryStore()
  const drafts = []
  for (const begun = nowMs; nowMs < begun + 40_000; nowMs += 20) {
    const draft = draftMessage(clock)
    drafts.push(draft)
    await plainAppender(store, clock).append(annStream, draft)
  }
  let read = 0
  const counting: typeof store = {
    ...store,
    range: async (collection, range, options) => {
      const docs = await store.range(collection, range, options)
      if (collection === 'entries') read += docs.length
      return docs
    }
  }
  for (const backMs of [40_000, 3_600_000]) {
    // Each node finds the stream ahead of its clock.
    nowMs = startMs + 40_000 - backMs
    read = 0
    const appender = plainAppender(counting, clock)
    const late: Array<ReturnType<typeof draftMessage>> = []
    for (let i = 0; i < 200; i++, nowMs += 20) {
      late.push(draftMessage(clock))
      t.equal((await appender.append(annStream, late[i]!)).isNew, true)
    }
    t.comment(`${backMs / 1000} s back: ${read} entries read for 200 appends`)
    t.ok(read <= 2 * drafts.length, 'not again for each append', { read })
    // By heart as well as from the store: a retry finds what is there.
    for (const node of [appender, plainAppender(counting, clock)]) {
      for (const i of [0, 100, 199]) t.equal((await node.append(annStream, late[i]!)).isNew, false)
    }
    t.equal((await appender.append(annStream, drafts[1_000]!)).isNew, false, 'and one from before the clock was set back')
  }
  const ids = store.all<EntryDoc>('entries').map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length)
})

t.test('appender - late entries that a node tried together and did not store are found where another node stored them earlier', async t => {
  let nowMs = Date.now()
  const store = createMemoryStore({ now: () => nowMs })
  const clock = createClock(() => nowMs)
  const drafts = [draftMessage(clock), draftMessage(clock), draftMessage(clock)]
  nowMs += 120_000
  // A node whose clock is a little ahead leaves late pointers to all three, and dies before it stores them.
  const dying: typeof store = {
    ...store,
    insertChains: async (collection, chains) => collection === 'entries' ? chains.map(() => ({ stored: 0, stopped: 'refused' as const })) : await store.insertChains(collection, chains)
  }
  const ahead = createAppender({ store: dying, clock: createClock(() => nowMs + 5_000, () => performance.now()), log: createSilentLog(), onAppended: () => {}, rules: impatient })
  await Promise.all(drafts.map(async draft => { await t.rejects(ahead.append(annStream, draft), { code: 'GP_STORE_UNAVAILABLE' }) }))
  nowMs += 1_000
  const right = plainAppender(store, clock)
  const stored = await Promise.all(drafts.map(async draft => await right.append(annStream, draft)))
  t.ok(stored.every(({ isNew }) => isNew))
  const { find } = createMessageFinder({ store })
  for (const [i, draft] of drafts.entries()) {
    t.equal((await find(annStream, [draft.id])).get(draft.id)?.seq, stored[i]!.doc.seq)
    t.match(await plainAppender(store, clock).append(annStream, draft), { isNew: false, doc: { key: stored[i]!.doc.key } })
  }
  t.equal(store.all<EntryDoc>('entries').length, 3)
})
