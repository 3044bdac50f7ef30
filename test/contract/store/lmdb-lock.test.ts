import t from 'tap'
import { DataDirLockedError } from '../../../shared/store/lmdb-lock.js'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'
import { openTestLmdb, startLmdbChild, tempDir } from '../../helpers/lmdb-store.js'

t.test('lock - a second store in the same process is refused, and works after the first is closed', async t => {
  const first = await openTestLmdb(t)
  await t.rejects(openLmdbStore({ dir: first.dir }), { name: 'DataDirLockedError', pid: process.pid })
  t.same(await first.exist('entries', ['k']), [false], 'the refusal leaves the first one working')
  await t.rejects(openLmdbStore({ dir: first.dir }), DataDirLockedError)
  await first.close()
  const second = await openTestLmdb(t, { dir: first.dir })
  t.same(await second.exist('entries', ['k']), [false])
})

t.test('lock - another process is named; its lock goes with it when it is killed', async t => {
  const dir = tempDir(t)
  const holder = startLmdbChild(t, 'hold', dir)
  await holder.nextLine()
  t.same(holder.lines, ['open'])
  await t.rejects(openLmdbStore({ dir }), { name: 'DataDirLockedError', pid: holder.pid, message: new RegExp(`process ${holder.pid}`) })
  await holder.kill()
  const store = await openTestLmdb(t, { dir })
  t.same(await store.exist('entries', ['k']), [false])
  const late = startLmdbChild(t, 'hold', dir)
  await late.ended
  t.same(late.lines, [`locked ${process.pid}`])
})

t.test('lock - of many processes that start at once exactly one gets it', async t => {
  const dir = tempDir(t)
  for (let round = 0; round < 2; round++) {
    const children = Array.from({ length: 3 }, () => startLmdbChild(t, 'hold', dir))
    await Promise.all(children.map(async child => { if (child.lines.length === 0) await child.nextLine() }))
    const holders = children.filter(child => child.lines[0] === 'open')
    t.equal(holders.length, 1)
    t.same(children.filter(child => !holders.includes(child)).map(child => child.lines), [1, 2].map(() => [`locked ${holders[0]?.pid ?? 0}`]))
    await Promise.all(children.map(async child => { await child.kill() }))
  }
})
