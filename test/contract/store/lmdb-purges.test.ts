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
