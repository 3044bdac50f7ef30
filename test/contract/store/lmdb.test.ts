import t from 'tap'
import { openTestLmdb, tempDir } from '../../helpers/lmdb-store.js'
import type { EntryClaim, EntryDoc } from '../../../shared/store/store.js'
import { storeContract } from './store-contract.js'

storeContract(t, { purges: true, appendsEach: 40 }, async t => {
  const dir = tempDir(t)
  let nowMs: number | undefined
  const open = async (): ReturnType<typeof openTestLmdb> => await openTestLmdb(t, { dir, now: () => nowMs ?? Date.now() })
  let store = await open()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await open()
      return store
    },
    purge: async at => {
      nowMs = at
      await store.sweep()
    }
  }
})

t.test('lmdb - a claim is stored with the first entry that needs it, in one transaction, or neither is', async t => {
  const store = await openTestLmdb(t)
  const entry = (key: string): EntryDoc => ({ key, v: 0, purgeAt: 5, seq: 1, id: key, expiresAt: 5, kind: 'log', text: '{}' })
  const claim = (key: string, text: string): EntryClaim => ({ doc: { key, v: 0, purgeAt: 9, text }, isSame: stored => stored.text === text })
  const storedOf = async (keys: readonly string[]): Promise<boolean[]> => await store.exist('entries', keys)

  const before = store.lastTransaction()
  const mine = claim('k', 'mine')
  t.same(await store.insertClaimed!([[entry('a')], [entry('b')]], new Map([['a', mine], ['b', mine]])), [{ stored: 1 }, { stored: 1 }], 'two copies, one claim')
  t.equal(store.lastTransaction(), before + 1)
  t.same(await store.get('claims', ['k']), [mine.doc])

  t.same(await store.insertClaimed!([[entry('c')]], new Map([['c', mine]])), [{ stored: 1 }], 'a copy that comes later')
  t.same(await store.insertClaimed!([[entry('d'), entry('e'), entry('f')]], new Map([['e', claim('k', 'theirs')]])), [{ stored: 1, stopped: 'unclaimed' }], 'the key is taken')
  t.same(await storedOf(['d', 'e', 'f']), [true, false, false])
  t.same(await store.insertClaimed!([[entry('d')]], new Map([['d', claim('l', 'x')]])), [{ stored: 0, stopped: 'exists' }])
  t.same(await store.exist('claims', ['l']), [false], 'no claim without an entry')

  const [one, other] = await Promise.all([store.insertClaimed!([[entry('g')]], new Map([['g', claim('m', 'one')]])), store.insertClaimed!([[entry('h')]], new Map([['h', claim('m', 'other')]]))])
  t.same([one, other], [[{ stored: 1 }], [{ stored: 0, stopped: 'unclaimed' }]], 'of two at the same time the first has it')
})
