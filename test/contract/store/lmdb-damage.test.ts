import { copyFileSync, mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'
import { openTestLmdb, tempDir } from '../../helpers/lmdb-store.js'

t.test('damage - a file that is no database is refused at the start, and the lock is given back', async t => {
  for (const folder of ['store', 'lock']) {
    for (const content of ['short', 'not a database'.repeat(2000)]) {
      const dir = tempDir(t)
      mkdirSync(join(dir, folder))
      const file = join(dir, folder, 'data.mdb')
      writeFileSync(file, content)
      await t.rejects(openLmdbStore({ dir, sweepIntervalMs: 0 }), { message: /data\.mdb is damaged/ })
      rmSync(file)
      const store = await openTestLmdb(t, { dir })
      t.same(await store.exist('state', ['k']), [false])
    }
  }
})

t.test('damage - a file that lacks its end is refused, one that lacks nothing that is used is not', async t => {
  const store = await openTestLmdb(t)
  await store.insertChains('state', Array.from({ length: 3_000 }, (_, at) => [{ key: `k${at}`, v: 0, purgeAt: null, text: 'x'.repeat(4_000) }]))
  await store.close()
  const file = join(store.dir, 'store', 'data.mdb')
  const { size } = statSync(file)
  for (const kept of [0.1, 0.5]) {
    const dir = tempDir(t)
    mkdirSync(join(dir, 'store'))
    copyFileSync(file, join(dir, 'store', 'data.mdb'))
    truncateSync(join(dir, 'store', 'data.mdb'), Math.floor(size * kept))
    await t.rejects(openLmdbStore({ dir, sweepIntervalMs: 0 }), { name: 'DamagedFileError' })
  }
  const again = await openTestLmdb(t, { dir: store.dir })
  t.same(await again.exist('state', ['k2999']), [true])
})

t.test('backup - a copy of the closed folder is a store with the same documents', async t => {
  const store = await openTestLmdb(t)
  const docs = Array.from({ length: 50 }, (_, at) => ({ key: `k${at}`, v: 0, purgeAt: null, text: 'x'.repeat(at * 100) }))
  await store.insertChains('state', docs.map(doc => [doc]))
  await store.close()
  const dir = tempDir(t)
  mkdirSync(join(dir, 'store'))
  copyFileSync(join(store.dir, 'store', 'data.mdb'), join(dir, 'store', 'data.mdb'))
  const copy = await openTestLmdb(t, { dir })
  t.same(await copy.get('state', docs.map(doc => doc.key)), docs)
})

t.test('damage - an empty file is a new store', async t => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'store'))
  writeFileSync(join(dir, 'store', 'data.mdb'), '')
  const store = await openTestLmdb(t, { dir })
  t.same(await store.exist('state', ['k']), [false])
})
