import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'

const modes = (dir: string): Record<string, string> => Object.fromEntries(['.', 'store', 'lock', ...['store', 'lock'].flatMap(folder => readdirSync(join(dir, folder)).map(name => join(folder, name)))]
  .map(path => [path, (statSync(join(dir, path)).mode & 0o777).toString(8)]))

t.test('lmdb modes - nobody else reads the database, in a folder that everybody could read before', async t => {
  const dir = join(t.testdir(), 'data')
  mkdirSync(dir, { mode: 0o755 })
  chmodSync(dir, 0o755)
  const before = process.umask(0o022)
  t.teardown(() => { process.umask(before) })
  await (await openLmdbStore({ dir })).close()
  const made = modes(dir)
  t.ok(Object.keys(made).includes('store/data.mdb'))
  for (const [path, mode] of Object.entries(made)) t.equal(mode, /\.mdb$/.test(path) ? '600' : '700', path)
  for (const path of Object.keys(made)) chmodSync(join(dir, path), 0o755)
  await (await openLmdbStore({ dir })).close()
  t.same(modes(dir), made, 'also where they were open to all')
})
