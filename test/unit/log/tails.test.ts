/** What is known of the ends of streams: how it moves, and when it may be used. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { entryKey } from '../../../shared/store/keys.js'
import { userStream } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { appendRules, createAppender } from '../../../services/notifications/log/appender.js'
import { placeEntry } from '../../../services/notifications/log/entry.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { createTails, Tail } from '../../../services/notifications/log/tails.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const hourMs = 3_600_000
const clockNow = createClock()
const entry = (prev: number, seq: number): EntryDoc => placeEntry(draftMessage(clockNow), entryKey(annStream, prev), seq, null)

t.test('tails - a read tells what is last; one that began before the stream grew tells nothing', t => {
  const tail = new Tail()
  const ids = tail.keepIds()
  t.equal(ids.from, Infinity, 'nothing is known')
  const five = entry(4, 5)
  tail.confirm(five, 100)
  t.match(tail, { seq: 5, confirmedAt: 100 })
  t.equal(ids.from, 4)
  t.equal(ids.seqOf(five.id, 4), 5)
  tail.advance(entry(5, 6), 5, 110)
  tail.confirm(five, 105)
  t.match(tail, { seq: 6, confirmedAt: 110 })
  t.equal(ids.from, 4, 'all ids since')
  tail.confirm(undefined, 105)
  t.equal(tail.seq, 6)
  tail.confirm(five, 120)
  t.match(tail, { seq: 5, confirmedAt: 120 }, 'the last one was purged')
  tail.confirm(undefined, 130)
  t.match(tail, { seq: 0, confirmedAt: -Infinity }, 'empty, which is never remembered')
  t.equal(ids.from, 0)
  t.end()
})

t.test('tails - an entry that was heard of moves a tail on, and makes it no fresher', t => {
  const tail = new Tail()
  const ids = tail.keepIds()
  tail.confirm(entry(4, 5), 100)
  tail.advance(entry(5, 6), 5)
  t.match(tail, { seq: 6, confirmedAt: 100 })
  t.equal(ids.from, 4)
  const nine = entry(8, 9)
  tail.advance(nine, 8)
  t.match(tail, { seq: 9, confirmedAt: 100 })
  t.equal(ids.from, 8, 'what lies between was not seen')
  t.equal(ids.seqOf(nine.id, 8), 9)
  tail.advance(entry(5, 7), 5, 200)
  t.match(tail, { seq: 9, confirmedAt: 100 }, 'an older one')
  t.end()
})

t.test('tails - of a stream that was never read or written a broadcast tells nothing', t => {
  const tails = createTails({ clock: clockNow })
  tails.see(annStream, entry(4, 5))
  t.equal(tails.known(annStream), undefined)
  t.end()
})

t.test('tails - above the bound those that were not used are forgotten', t => {
  const { bytes } = new Tail()
  const tails = createTails({ clock: clockNow, maxBytes: 10 * bytes })
  const streams = Array.from({ length: 30 }, (_, i) => userStream(`ann-${i}`))
  const used = tails.of(streams[0]!)
  for (const stream of streams) {
    tails.of(stream)
    t.equal(tails.of(streams[0]!), used, 'it is in use')
  }
  const known = streams.filter(stream => tails.known(stream) !== undefined)
  t.ok(known.length <= 11, 'no more than there is room for, and one', { known })
  t.equal(known.at(-1), streams.at(-1))
  t.end()
})

t.test('tails - ids count, also those that come later', t => {
  const tails = createTails({ clock: clockNow, maxBytes: 20_000 })
  const busy = tails.of(annStream)
  busy.keepIds()
  for (let seq = 1; seq <= 200; seq++) tails.see(annStream, entry(seq - 1, seq))
  t.ok(busy.bytes > 10_000)
  for (let i = 0; i < 100; i++) tails.of(userStream(`b${i}`))
  const kept = Array.from({ length: 100 }, (_, i) => tails.known(userStream(`b${i}`))).filter(tail => tail !== undefined)
  t.ok(kept.length > 0 && kept.length * new Tail().bytes <= 20_000 - (tails.known(annStream)?.bytes ?? 0) + 250, 'what the ids take is not there for others', { kept: kept.length })
  t.end()
})

t.test('tails - what the writer adds counts, though it has moved the tail on itself', t => {
  const maxBytes = 20 * new Tail().bytes
  const tails = createTails({ clock: clockNow, maxBytes })
  const streams = Array.from({ length: 60 }, (_, i) => userStream(`ann-${i}`))
  for (const stream of streams) {
    const tail = tails.of(stream)
    tail.keepIds()
    tail.advance(entry(0, 5), 0)
    tails.see(stream, entry(0, 5))
  }
  const kept = streams.map(stream => tails.known(stream)).filter(tail => tail !== undefined)
  const bytes = kept.reduce((sum, tail) => sum + tail.bytes, 0)
  t.ok(kept.length > 0 && bytes <= maxBytes + kept[0]!.bytes, 'no more than there is room for, and one', { bytes, maxBytes })
  t.end()
})

/** A node that knows a stream, and the clock that all of them live by. */
function start () {
  let nowMs = Date.UTC(2025, 0, 1)
  const clock = createClock(() => nowMs)
  const store = createMemoryStore({ now: clock.now })
  const tails = createTails({ clock })
  const appender = createAppender({ store, clock, tails, log: createSilentLog(), onAppended: () => {} })
  const pass = (ms: number): void => { nowMs += ms; store.purge() }
  return { clock, store, tails, appender, heads: createHeads({ store, clock, tails }), other: plainAppender(store, clock), pass }
}

t.test('tails - what a process reads when it wakes after a day is no reason to believe a head: the chain holds', async t => {
  const { clock, store, tails, appender, heads, other, pass } = start()
  await appender.append(annStream, draftMessage(clock))
  // It sleeps. Its socket's buffer holds the broadcast of the first of these; the second one is short-lived.
  const { doc: heard } = await other.append(annStream, draftMessage(clock))
  const { doc: shortLived } = await other.append(annStream, draftMessage(clock, { ttlMs: 60_000 }))
  pass(20 * hourMs)
  const { doc: last } = await other.append(annStream, draftMessage(clock))
  pass(6 * hourMs)
  t.notOk(store.all<EntryDoc>('entries').some(({ id }) => id === shortLived.id), 'purged')
  tails.see(annStream, heard)
  t.same(await heads.fresh([annStream]), [last.seq])
  const { doc } = await appender.append(annStream, draftMessage(clock))
  t.equal(placeOfEntry(doc.key).prev, last.seq, 'behind the last one, and not where the short-lived one was')
})

t.test('tails - what the appender writes its readers need not read, and the other way round', async t => {
  const { clock, store, appender, heads } = start()
  const { doc: first } = await appender.append(annStream, draftMessage(clock))
  store.commands.length = 0
  t.same(await heads.fresh([annStream]), [first.seq])
  t.same(store.commands.map(({ kind }) => kind), ['exist'])
  const bob = userStream('bob')
  await plainAppender(store, clock).append(bob, draftMessage(clock))
  await heads.fresh([bob])
  store.commands.length = 0
  await appender.append(bob, draftMessage(clock))
  t.same(store.commands.map(({ kind }) => kind), ['insertChains'])
})

t.test('tails - whoever reads a head while appends are under way disturbs nothing', async t => {
  const { clock, store, appender, heads, other, tails } = start()
  const drafts = Array.from({ length: 60 }, () => draftMessage(clock, { ttlMs: dayMs }))
  await Promise.all([
    ...drafts.map(async (draft, i) => {
      const { doc } = await (i % 2 === 0 ? appender : other).append(annStream, draft)
      if (i % 3 === 0) tails.see(annStream, doc)
    }),
    ...drafts.map(async () => { await heads.fresh([annStream]) })
  ])
  const stored = store.all<EntryDoc>('entries')
  t.equal(stored.length, 60)
  t.same(stored.map(({ key }) => placeOfEntry(key).prev), [0, ...stored.slice(0, -1).map(({ seq }) => seq)])
  t.ok(tails.isTrusted(tails.of(annStream), appendRules))
})
