import t, { type Test } from 'tap'
import { watchClock, type ClockWatch } from '../../services/notifications/node/clock-watch.js'
import { until } from '../helpers/until.js'

interface Site { readonly watch: ClockWatch, readonly measured: (count: number) => Promise<unknown>, readonly lines: string[] }

/**
 * A store whose request takes `waysMs` there and back, and answers by its own clock as the adapters do: the server's time, and half the
 * trip. This machine's clock is `aheadMs` ahead. No time passes but in the request.
 */
function startSite (t: Test, next: () => { aheadMs: number, waysMs: readonly [number, number] } | 'no answer'): Site {
  let trueMs = 1_000_000
  let count = 0
  let aheadMs = 0
  const lines: string[] = []
  const watch = watchClock({
    now: () => trueMs + aheadMs,
    elapsed: () => trueMs,
    intervalMs: 1,
    log: { debug: () => {}, info: (...[, text]: unknown[]) => { lines.push(`info ${String(text)}`) }, error: (...[, text]: unknown[]) => { lines.push(`error ${String(text)}`) } } as never,
    store: {
      timeMs: async () => {
        count++
        const turn = next()
        if (turn === 'no answer') throw new Error('no answer')
        aheadMs = turn.aheadMs
        const [there, back] = turn.waysMs
        trueMs += there
        const localTime = trueMs
        trueMs += back
        return localTime + (there + back) / 2
      }
    }
  })
  t.teardown(watch.close)
  return { watch, lines, measured: async times => { const from = count; await until('measured', () => count > from + times) } }
}

t.test('clock - a slow store makes no clock wrong, however slow', async t => {
  for (const waysMs of [[1000, 1000], [0, 1900], [1900, 0], [4000, 9000], [20_000, 0], [0, 60_000]] as const) {
    const { watch, measured, lines } = startSite(t, () => ({ aheadMs: 0, waysMs }))
    await measured(3)
    t.ok(Math.abs(watch.offsetMs()) <= 1000, 'at most what the trip leaves open', { waysMs, offset: watch.offsetMs() })
    t.equal(watch.isOff(), false)
    t.same(lines, [])
  }
  const { watch, measured } = startSite(t, () => ({ aheadMs: 0, waysMs: [1000, 1000] }))
  await measured(2)
  t.equal(watch.offsetMs(), 0, 'as long there as back')
})

t.test('clock - off only where that is certain: said once, and once when it is right again', async t => {
  let aheadMs = 4000
  let waysMs: readonly [number, number] = [50, 50]
  const { watch, measured, lines } = startSite(t, () => ({ aheadMs, waysMs }))
  await measured(3)
  t.equal(watch.offsetMs(), 4000)
  t.equal(watch.isOff(), false)
  aheadMs = 6500
  waysMs = [1200, 800]
  await measured(3)
  t.equal(watch.isOff(), true, '6.5 s, give or take 1')
  t.equal(lines.length, 1)
  aheadMs = -7000
  await measured(3)
  t.equal(watch.isOff(), true)
  t.equal(watch.offsetMs(), -7200)
  t.same(lines.map(line => line.slice(0, 5)), ['error'])
  aheadMs = 5500
  waysMs = [700, 700]
  await measured(3)
  t.equal(watch.isOff(), false, '5.5 s, give or take 0.7: it may be right')
  t.same(lines.map(line => line.slice(0, 5)), ['error', 'info '])
})

t.test('clock - a measurement that tells nothing is passed over, unless it is certain all the same', async t => {
  let turn: Parameters<typeof startSite>[1] = () => ({ aheadMs: 100, waysMs: [5, 5] })
  const { watch, measured } = startSite(t, () => turn())
  await measured(2)
  t.equal(watch.offsetMs(), 100)
  turn = () => ({ aheadMs: 100, waysMs: [9000, 0] })
  await measured(3)
  t.equal(watch.offsetMs(), 100, 'kept')
  turn = () => 'no answer'
  await measured(3)
  t.equal(watch.offsetMs(), 100)
  turn = () => ({ aheadMs: 3_600_000, waysMs: [4500, 4500] })
  await measured(3)
  t.equal(watch.isOff(), true, 'an hour, give or take 4.5 s')
  turn = () => ({ aheadMs: 0, waysMs: [9000, 0] })
  await measured(3)
  t.equal(watch.isOff(), true, 'until a measurement says otherwise')
})
