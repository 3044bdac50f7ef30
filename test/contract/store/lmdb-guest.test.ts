/** A store that another process has open, and that this one reads itself and writes through it. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { openLmdbGuest } from '../../../shared/store/lmdb-guest.js'
import { makeSocketFolder } from '../../../shared/platform/link.js'
import type { Store } from '../../../shared/store/store.js'
import { startLmdbChild, tempDir, type LmdbChild } from '../../helpers/lmdb-store.js'
import { until } from '../../helpers/until.js'
import { message, storeContract } from './store-contract.js'
import { userStream } from '../../../shared/contract/names.js'

interface Shared { readonly dir: string, readonly writer: LmdbChild, readonly openGuest: () => Promise<Store> }

async function share (t: Test, dir = tempDir(t)): Promise<Shared> {
  const folder = makeSocketFolder()
  t.teardown(folder.remove)
  const path = folder.pathOf('store')
  const writer = startLmdbChild(t, 'share', dir, path)
  await until('the writer has opened it', () => writer.lines.includes('open'), 30_000)
  return {
    dir,
    writer,
    openGuest: async () => {
      const socket = connect(path)
      await once(socket, 'connect')
      const store = await openLmdbGuest({ dir, socket })
      t.teardown(async () => { await store.close() })
      return store
    }
  }
}

// One process for all of the contract: its keys differ from test to test.
const { openGuest } = await share(t)
storeContract(t, { purges: false }, async () => {
  let store = await openGuest()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await openGuest()
      return store
    }
  }
})

t.test('lmdb guest - what one process was told is stored, another one reads at once', async t => {
  const [a, b] = [await openGuest(), await openGuest()]
  const stream = userStream('ann')
  for (let prev = 0; prev < 200; prev++) {
    const doc = message(stream, prev, prev + 1)
    await a.insertChains('entries', [[doc]])
    if ((await b.exist('entries', [doc.key]))[0] !== true) { t.fail(`entry ${prev} is not there`); return }
  }
  t.equal((await b.range('entries', { from: message(stream, 0, 1).key, to: message(stream, 200, 201).key }, { limit: 500 })).length, 200)
})

t.test('lmdb guest - conditions hold within a transaction, on documents that the writer has not read', async t => {
  const store = await openGuest()
  const state = (v: number) => ({ key: 's:packed', v, purgeAt: null, text: JSON.stringify({ v }) })
  const [entry, other] = [message(userStream('dora'), 0, 1), message(userStream('dora'), 0, 2)]
  t.same(await Promise.all([
    store.replace('state', [{ was: undefined, doc: state(0) }]),
    store.replace('state', [{ was: 0, doc: state(1) }]),
    store.replace('state', [{ was: 0, doc: state(1) }]),
    store.insertChains('entries', [[entry], [other]])
  ]), [['done'], ['done'], ['changed'], [{ stored: 1 }, { stored: 0, stopped: 'exists' }]])
  t.same(await store.get('state', ['s:packed']), [state(1)])
  t.same(await store.get('entries', [entry.key]), [entry])
})

t.test('lmdb guest - the writer dies: what is under way may be stored, what comes later is refused, and what is stored can be read', async t => {
  const { writer, openGuest } = await share(t)
  const store = await openGuest()
  const stream = userStream('bob')
  const first = message(stream, 0, 1)
  t.same(await store.insertChains('entries', [[first]]), [{ stored: 1 }])
  t.match(store.status(), { kind: 'lmdb', reachable: true, disk: { freeBytes: Number } })
  t.ok(Math.abs(store.purgesByMs!() - Date.now()) < 60_000)
  const late = store.insertChains('entries', [[message(stream, 1, 2)]])
  await writer.kill()
  const [outcome] = await late
  t.ok(outcome?.stored === 1 || outcome?.stopped === 'unknown', JSON.stringify(outcome))
  await until('it is noticed', () => !store.status().reachable)
  t.match(await store.insertChains('entries', [[message(stream, 2, 3)]]), [{ stored: 0, stopped: 'refused' }])
  t.same(await store.replace('state', [{ was: undefined, doc: { key: 'x', v: 0, purgeAt: null, text: '{}' } }]), ['refused'])
  await t.rejects(store.remove('entries', [first.key]), { code: 'GP_STORE_UNAVAILABLE' })
  t.same(await store.get('entries', [first.key]), [first])
})
