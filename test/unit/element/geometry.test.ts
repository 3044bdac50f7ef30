import fc from 'fast-check'
import t from 'tap'
import { placeAt } from '../../../clients/element/model/placement.js'
import { timesIn, nextTickMs } from '../../../clients/element/model/times.js'
import { indexAt, offsetsOf, spanOf } from '../../../clients/element/model/window.js'

t.test('window - covers what is on the screen, with few rows, of any list', async t => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 20, max: 200 }), { maxLength: 300 }), fc.nat(40_000), fc.integer({ min: 100, max: 900 }), (heights, scrollTop, height) => {
    const offsets = offsetsOf(heights)
    const { from, to } = spanOf(offsets, scrollTop, height)
    const top = Math.min(scrollTop, offsets.at(-1) ?? 0)
    const bottom = Math.min(scrollTop + height, offsets.at(-1) ?? 0)
    if (to - from > 48 || from < 0 || to > heights.length) return false
    return heights.length === 0 || ((offsets[from] ?? 0) <= top && (offsets[to] ?? 0) >= bottom)
  }))
  t.equal(indexAt([0, 10, 20, 30], 10), 1)
  t.equal(indexAt([0, 10, 20, 30], 999), 2)
  t.strictSame(spanOf([0], 0, 500), { from: 0, to: 0 })
})

t.test('placement - in the window, whatever the anchor and the size', async t => {
  const px = fc.integer({ min: -50, max: 1500 })
  fc.assert(fc.property(px, px, fc.integer({ min: 200, max: 1400 }), fc.integer({ min: 180, max: 1000 }), fc.boolean(), (left, top, width, height, isRtl) => {
    const at = placeAt({ left, top, width: 44, height: 44 }, { width: 400, height: 600 }, { width, height }, { isRtl })
    return at.left >= 0 && at.top >= 0 && at.left + at.width <= width && at.top + at.maxHeight <= height && at.maxHeight > 100
  }))
  const window = { width: 1000, height: 700 }
  t.match(placeAt({ left: 900, top: 10, width: 44, height: 44 }, { width: 400, height: 600 }, window), { left: 544, top: 60 }, 'flush with the end of the bell')
  t.match(placeAt({ left: 20, top: 650, width: 44, height: 44 }, { width: 400, height: 600 }, window), { left: 8, top: 44 }, 'a bell in a bottom bar')
  t.match(placeAt({ left: 20, top: 10, width: 44, height: 44 }, { width: 400, height: 600 }, window, { isRtl: true }), { left: 20 })
})

t.test('times - as a reader says them, with one set of formatters', async t => {
  const now = new Date(2026, 10, 30, 15, 0, 0).getTime()
  const before = (ms: number): string => new Date(now - ms).toISOString()
  const en = timesIn('en-GB')
  t.equal(timesIn('en-GB'), en)
  t.equal(en.short(before(10_000), now), 'now')
  t.match(en.short(before(5 * 60_000), now), /^5 min/)
  t.equal(en.short(before(3 * 3_600_000), now), '12:00')
  t.equal(en.short('nonsense', now), '')
  t.equal(en.day(now, now), 'Today')
  t.equal(en.day(now - 16 * 3_600_000, now), 'Yesterday', 'yesterday is a day of the calendar')
  t.equal(en.day(now - 3 * 86_400_000, now), 'Friday')
  t.equal(en.day(new Date(2026, 2, 12).getTime(), now), '12 March')
  t.equal(en.day(new Date(2024, 2, 12).getTime(), now), '12 March 2024')
  t.equal(timesIn('de').day(now - 86_400_000, now), 'Gestern')
  t.equal(nextTickMs(60_000 * 7 + 1_000), 59_000)
  t.equal(nextTickMs(60_000 * 7), 60_000)
})
