import t, { type Test } from 'tap'
import type { JsonDoc } from '../../../shared/store/store.js'
import { openTestLmdb } from '../../helpers/lmdb-store.js'

const at = Date.now() + 3_600_000
const docOf = (key: string, v = 0, purgeAt = at): JsonDoc => ({ key, v, purgeAt, text: key })

async function open (t: Test): Promise<{ store: Awaited<ReturnType<typeof openTestLmdb>>, sweepAt: (ms: number) => Promise<number>, left: () => Promise<string[]> }> {
  let nowMs = Date.now()
  const store = await openTestLmdb(t, { now: () => nowMs })
  return {
    store,
    sweepAt: async ms => { nowMs = ms; return await store.sweep() },
    left: async () => (await store.range('state', { from: 'a', to: 'zz' }, { limit: 9_999 })).map(({ key }) => key)
  }
}

t.test('purges that share an index entry - all go, at their time, however many', async t => {
  const { store, sweepAt, left } = await open(t)
  await store.insertChains('state', Array.from({ length: 1_200 }, (_, n) => [docOf(`k${n}`)]))
  t.equal(await sweepAt(at - 1), 0)
  t.equal(await sweepAt(at), 1_200)
  t.same(await left(), [])
})

t.test('purges that share an index entry - each document goes by its own time', async t => {
  const { store, sweepAt, left } = await open(t)
  await store.insertChains('state', ['x', 'y', 'z'].map(key => [docOf(key)]))
  await store.replace('state', [{ was: 0, doc: docOf('y', 1, at + 9_000) }])
  t.equal(await sweepAt(at), 2)
  t.same(await left(), ['y'])
  t.equal(await sweepAt(at + 9_000), 1)
})

t.test('purges that share an index entry - one that is indexed again for the same time takes nothing from the others', async t => {
  const { store, sweepAt, left } = await open(t)
  await store.insertChains('state', ['x', 'y', 'z'].map(key => [docOf(key)]))
  await store.replace('state', [{ was: 0, doc: docOf('x', 1) }])
  await store.replace('state', [{ was: 1, doc: docOf('x', 2) }, { was: undefined, doc: docOf('w') }])
  t.equal(await sweepAt(at), 4)
  t.same(await left(), [])
})

t.test('purges - a clock that is weeks ahead for a while, with a restart in between, deletes nothing; said once', async t => {
  const time = { wallMs: Date.now(), steadyMs: 7 }
  const said: string[] = []
  const say = (fields: object, text: string): void => { said.push(text) }
  const options = { now: () => time.wallMs, elapsed: () => time.steadyMs, log: { error: say, warn: say, info: say } }
  const first = await openTestLmdb(t, options)
  await first.insertChains('state', [[docOf('x')], [docOf('y', 0, at + 30 * 86_400_000)]])
  t.equal(await first.sweep(), 0)
  time.wallMs += 40 * 86_400_000
  t.equal(await first.sweep(), 0)
  t.equal(await first.sweep(), 0)
  t.match(first.status().notes, [/purging waits: the clock is 960 h ahead/])
  await first.close()
  time.steadyMs = 3
  const second = await openTestLmdb(t, { ...options, dir: first.dir })
  t.equal(await second.sweep(), 0)
  time.wallMs -= 40 * 86_400_000
  t.equal(await second.sweep(), 0)
  t.same(second.status().notes, [])
  t.match(said, [/^purging waits/, /^purging waits/, /^purging goes by the clock again/], 'once for each process, and its end')
  time.wallMs += 3_600_000
  time.steadyMs += 3_600_000
  t.equal(await second.sweep(), 1, 'what is over goes')
})
