import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createSingleFlight } from '../../../shared/platform/single-flight.js'

t.test('once asked - work under way is joined, and what took long is remembered for a while, a failure too', async t => {
  const ask = createSingleFlight<number>({ slowMs: 20, keepMs: 60 })
  let begun = 0
  const slow = async (): Promise<number> => { const n = ++begun; await pause(30); return n }
  t.same(await Promise.all([ask('a', slow), ask('a', slow), ask('b', slow)]), [1, 1, 2])
  t.equal(await ask('a', slow), 1, 'the question that was on its way')
  await pause(120)
  t.equal(await ask('a', slow), 3)

  const fails = async (): Promise<number> => { begun++; await pause(30); throw new Error('away') }
  await t.rejects(ask('c', fails), { message: 'away' })
  const before = begun
  await t.rejects(ask('c', fails), { message: 'away' })
  t.equal(begun, before)
})

t.test('once asked - what was done at once is done again', async t => {
  const ask = createSingleFlight<number>({ slowMs: 20 })
  let begun = 0
  for (const n of [1, 2, 3]) t.equal(await ask('a', async () => ++begun), n)
})
