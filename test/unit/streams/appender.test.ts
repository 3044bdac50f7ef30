/** What an appender says when the store does not answer, and in which order it stores. */
import t from 'tap'
import { createClock, decodeTime } from '../../../shared/clock.js'
import { createSilentLog } from '../../../shared/log.js'
import { userStream } from '../../../shared/names.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { appendRules, createAppender } from '../../../services/notifications/stream/appender.js'
import { findMessage } from '../../../services/notifications/stream/read.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

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
  await t.rejects(appender.append(annStream, draftMessage(clock)), { code: 'GP_STORE_UNAVAILABLE', message: /did not say/ })
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

t.test('appender - what is given in one turn is stored in that order, in one group, whatever else conflicts', async t => {
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
  t.equal((await findMessage(store, annStream, late.id))?.seq, landed.seq)
  t.equal((await findMessage(store, annStream, draft.id))?.seq, doc.seq)
  t.equal(await findMessage(store, userStream('bob'), draft.id), undefined)
  t.equal(placeOfEntry(landed.key).prev, store.all<EntryDoc>('entries').at(-2)?.seq)
})

t.test('appender - an id from the future is refused', async t => {
  const ahead = createClock(() => Date.now() + 15_000)
  const store = createMemoryStore()
  await t.rejects(plainAppender(store, createClock()).append(annStream, draftMessage(ahead)), { code: 'GP_VALIDATION' })
  t.same(store.commands, [])
})
