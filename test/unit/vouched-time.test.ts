/** The time by which the embedded store deletes, under clocks that jump, stop and are right after all. */
import fc from 'fast-check'
import t from 'tap'
import { createVouchedTime, closeMs, type VouchedTime } from '../../shared/store/vouched-time.js'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const begunMs = Date.UTC(2026, 0, 1)

function start (aheadMs = 0) {
  const time = { wallMs: begunMs + aheadMs, steadyMs: 5 }
  const anew = (from: VouchedTime | undefined): VouchedTime =>
    createVouchedTime({ now: () => time.wallMs, elapsed: () => time.steadyMs, stored: from?.state() ?? { timeMs: begunMs } })
  let vouched = anew(undefined)
  return {
    ms: () => vouched.timeMs() - begunMs,
    lead: () => vouched.leadMs(),
    jump: (ms: number) => { time.wallMs += ms },
    /** In turns of a minute, as the store looks. */
    run: (ms: number) => { for (let at = 0; at < ms; at += 60_000) { time.wallMs += 60_000; time.steadyMs += 60_000; vouched.timeMs() } },
    restart: (offMs = 0) => { time.wallMs += offMs; time.steadyMs = 1; vouched = anew(vouched) }
  }
}

t.test('vouched time - a clock that jumps ahead for a while counts for nothing, with restarts and without', async t => {
  for (const aheadMs of [2 * hourMs, 40 * dayMs]) {
    const { ms, lead, jump, run, restart } = start()
    jump(aheadMs)
    run(10 * 60_000)
    t.equal(ms(), 10 * 60_000)
    t.equal(lead(), aheadMs)
    restart()
    run(10 * 60_000)
    jump(-aheadMs)
    t.equal(ms(), 20 * 60_000)
    t.equal(lead(), 0)
  }
})

t.test('vouched time - a clock that is set back does not take it along, and what it was set back by is made up for', async t => {
  const { ms, jump, run } = start()
  jump(-40 * dayMs)
  run(hourMs)
  t.equal(ms(), hourMs)
  jump(40 * dayMs)
  t.equal(ms(), hourMs)
})

t.test('vouched time - within an hour it is the wall clock', async t => {
  const { ms, jump, run } = start()
  jump(closeMs - 1)
  t.equal(ms(), closeMs - 1)
  jump(-closeMs + 1)
  t.equal(ms(), 0)
  run(60_000)
  t.equal(ms(), 60_000)
})

t.test('vouched time - after a machine was off for long its clock is believed after a day of running, restarts do not matter', async t => {
  const { ms, lead, run, restart } = start()
  restart(60 * dayMs)
  for (let hours = 0; hours < 23; hours++) { run(hourMs); restart() }
  t.equal(ms(), 23 * hourMs)
  run(hourMs + 60_000)
  t.equal(ms(), 61 * dayMs + 60_000)
  t.equal(lead(), 0)
})

t.test('vouched time - a machine that sleeps each night is a few days behind, and no more each week', async t => {
  const { lead, run, jump } = start()
  const leads: number[] = []
  for (let day = 0; day < 60; day++) {
    run(8 * hourMs)
    jump(16 * hourMs)
    leads.push(lead())
  }
  t.ok(Math.max(...leads) <= 7 * dayMs, `${Math.max(...leads) / dayMs} days`)
})

t.test('vouched time - whatever clocks do: never ahead of the time that passed, where the wall clock lies for less than a day', async t => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('run' as const), ms: fc.integer({ min: 1, max: 20 }).map(hours => hours * hourMs) }),
    fc.record({ kind: fc.constant('lie' as const), aheadMs: fc.constantFrom(-40 * dayMs, -2 * hourMs, 2 * hourMs, 40 * dayMs), ms: fc.integer({ min: 1, max: 23 * 60 }).map(minutes => minutes * 60_000) }),
    fc.record({ kind: fc.constant('restart' as const) }))
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), steps => {
    const { ms, jump, run, restart } = start()
    let passedMs = 0
    for (const one of steps) {
      if (one.kind === 'restart') { restart(); continue }
      if (one.kind === 'lie') jump(one.aheadMs)
      run(one.ms)
      passedMs += one.ms
      if (one.kind === 'lie') { jump(-one.aheadMs); run(60_000); passedMs += 60_000 }
      if (Math.abs(ms() - passedMs) > closeMs) throw new Error(`says ${ms() / hourMs} h, ${passedMs / hourMs} h have passed`)
    }
  }), { numRuns: 40 })
  t.pass()
})
