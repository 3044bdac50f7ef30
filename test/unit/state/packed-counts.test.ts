import t from 'tap'
import { emptyCounts } from '../../../services/notifications/mailbox/unread/own-counts.js'
import { loadCounts, packCounts } from '../../../services/notifications/mailbox/unread/packed-counts.js'

const segmentOf = (n: number, categories: readonly string[]) => ({
  after: n * 100, to: (n + 1) * 100, entries: 100, isStale: false, counts: new Map(categories.map(category => [category, 1])), nextExpiryMs: 5_000, countedAtMs: 1_000
})

t.test('packed counts - come back as they were', async t => {
  const counts = emptyCounts()
  counts.segments.push(segmentOf(0, ['orders', 'mail']), segmentOf(1, ['mail']))
  t.strictSame(loadCounts(packCounts(counts)).segments, counts.segments)
})

t.test('packed counts - mail in ever new categories makes no document without an end: older segments are read again', async t => {
  const counts = emptyCounts()
  for (let n = 0; n < 1_000; n++) counts.segments.push(segmentOf(n, Array.from({ length: 100 }, (_, i) => `${'x'.repeat(120)} ${n} ${i}`)))
  const text = packCounts(counts)
  t.ok(text.length < 2 << 20, 'bounded', { length: text.length })
  const { segments, sealedTo } = loadCounts(text)
  t.equal(segments.length, 1_000)
  t.equal(sealedTo, 100_000)
  t.strictSame(segments.at(-1), counts.segments.at(-1), 'the latest as it was')
  t.match(segments[0], { after: 0, to: 100, entries: 100, nextExpiryMs: 0, counts: new Map() }, 'the oldest is due')
})
