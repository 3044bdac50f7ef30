/** The embedded store on a disk that fills up: writing is refused in time, reading goes on, and it writes again by itself. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openDiskRoom, type FileUse } from '../../../shared/store/disk-room.js'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'
import { openTestLmdb } from '../../helpers/lmdb-store.js'
import { mountSmallDisk, smallDiskMissing } from '../../helpers/small-disk.js'
import { until } from '../../helpers/until.js'

const MiB = 1024 ** 2
const doc = (key: string, length: number) => ({ key, v: 0, purgeAt: null, text: 'x'.repeat(length) })

function listen () {
  const lines: Array<{ level: string, event: unknown }> = []
  const say = (level: string) => (fields: object) => { lines.push({ level, event: (fields as { event?: unknown }).event }) }
  return { lines, log: { error: say('error'), warn: say('warn'), info: say('info') } }
}

t.test('disk - filled up by writes of all sizes: refused in time, nothing lost, and it goes on when there is room', { skip: smallDiskMissing }, async t => {
  const disk = mountSmallDisk(t, 24 * MiB)
  const { lines, log } = listen()
  const store = await openTestLmdb(t, { dir: join(disk.dir, 'data'), reserveBytes: 4 * MiB, log })
  const stored = new Set<string>()
  const refused = new Set<string>()
  const write = async (round: number): Promise<void> => {
    const docs = Array.from({ length: 1 + (round * 37) % 200 }, (_, i) => doc(`k${(round * 7919 + i * 104729) % 1_000_003}-${round}`, (round * 613 + i * 97) % 6_000))
    const outcomes = await store.insertChains('state', docs.map(one => [one]))
    for (const [i, { stored: count, stopped }] of outcomes.entries()) {
      if (count === 1) stored.add(docs[i]!.key)
      else { t.equal(stopped, 'refused'); refused.add(docs[i]!.key) }
    }
  }
  let round = 0
  while (refused.size < 2_000) await Promise.all([write(round++), write(round++), write(round++)])
  t.ok(stored.size > 1_000, `stored ${stored.size}`)
  t.ok(disk.freeBytes() > MiB, `left free: ${disk.freeBytes()}`)
  t.match(store.refusal?.(), /disk/)
  t.match(store.status(), { reachable: true, disk: { reserveBytes: 4 * MiB } })
  t.same(lines, [{ level: 'error', event: 'disk-full' }], 'said once')

  const isThere = async (keys: Set<string>): Promise<number> => (await store.exist('state', [...keys])).filter(Boolean).length
  t.equal(await isThere(stored), stored.size)
  t.equal(await isThere(refused), 0)
  disk.leave(0)
  t.same(await store.replace('state', [{ was: undefined, doc: doc('no room at all', 10) }]), ['refused'])
  t.equal((await store.range('state', { from: 'k', to: 'l' }, { limit: 10 })).length, 10, 'read on a disk without a byte')
  disk.giveBack()
  disk.grow(64 * MiB)
  await until('there is room', () => store.refusal?.() === undefined)
  t.same(await store.replace('state', [{ was: undefined, doc: doc('room', 10) }]), ['done'])
  t.same(lines, [{ level: 'error', event: 'disk-full' }, { level: 'info', event: 'disk-room' }])
})

t.test('disk - a reserve larger than what is free: nothing is written, all is read', { skip: smallDiskMissing }, async t => {
  const disk = mountSmallDisk(t, 24 * MiB)
  const dir = join(disk.dir, 'data')
  const first = await openLmdbStore({ dir, reserveBytes: MiB, sweepIntervalMs: 0 })
  await first.insertChains('state', [[doc('k', 100)]])
  await first.close()
  const store = await openTestLmdb(t, { dir })
  t.match(store.refusal?.(), /disk/)
  t.match(await store.insertChains('state', [[doc('l', 100)]]), [{ stored: 0, stopped: 'refused' }])
  t.same(await store.exist('state', ['k', 'l']), [true, false])
})

t.test('disk - a start without room for a store is refused, and leaves what is there as it was', { skip: smallDiskMissing }, async t => {
  const disk = mountSmallDisk(t, 24 * MiB)
  const dir = join(disk.dir, 'data')
  disk.leave(512 * 1024)
  await t.rejects(openLmdbStore({ dir, reserveBytes: 0 }), { name: 'NoDiskRoomError', dir })
  disk.giveBack()
  const store = await openLmdbStore({ dir, reserveBytes: 0, sweepIntervalMs: 0 })
  t.same(await store.replace('state', [{ was: undefined, doc: doc('k', 10) }]), ['done'])
  await store.close()
  disk.leave(0)
  await t.rejects(openLmdbStore({ dir, reserveBytes: 0 }), { name: 'NoDiskRoomError' })
  disk.giveBack()
  const again = await openTestLmdb(t, { dir, reserveBytes: 0 })
  t.same(await again.exist('state', ['k']), [true])
})

t.test('disk - purging goes on where writing is refused', { skip: smallDiskMissing }, async t => {
  const disk = mountSmallDisk(t, 24 * MiB)
  let now = 1_000
  const store = await openTestLmdb(t, { dir: join(disk.dir, 'data'), reserveBytes: 8 * MiB, now: () => now })
  await store.insertChains('state', Array.from({ length: 300 }, (_, i) => [{ ...doc(`k${i}`, 1_000), purgeAt: 2_000 }]))
  disk.leave(6 * MiB)
  await until('full', () => store.refusal?.())
  now = 3_000
  t.equal(await store.sweep(), 300)
})

/** A room over figures that a test sets. */
async function room (reserveBytes: number) {
  const figures = { free: 200 * MiB, file: { used: 1024 * MiB, reusable: 0 } as FileUse }
  const { lines, log } = listen()
  const made = await openDiskRoom({ dir: '/', reserveBytes, fileUse: () => figures.file, log, measure: async () => figures.free })
  return { figures, lines, room: made, begin: async () => { await made.begin() } }
}

t.test('room - what a transaction may need is there before it is begun', async t => {
  const { figures, room: disk, begin } = await room(64 * MiB)
  const group = { docs: 1_000, bytes: 12 * MiB }
  figures.free = 64 * MiB
  await begin()
  t.equal(disk.take(group), true, 'one full batch fits into the reserve')
  t.equal(disk.take(group), false, 'two do not: the second waits for the next transaction')
  await begin()
  t.equal(disk.take(group), true)
  await begin()
  t.equal(disk.take({ docs: 1, bytes: 100 * MiB }), false, 'more than there is')
  t.equal(disk.refusal(), undefined, 'small ones go on')
  disk.close()
})

t.test('room - full, and open again a little above the reserve', async t => {
  const { figures, lines, room: disk, begin } = await room(64 * MiB)
  const one = { docs: 1, bytes: 100 }
  figures.free = 64 * MiB - 1
  await begin()
  t.equal(disk.take(one), false)
  figures.free = 65 * MiB
  await begin()
  t.equal(disk.take(one), false, 'not to and fro at the border')
  figures.free = 72 * MiB
  await begin()
  t.equal(disk.take(one), true)
  figures.free = 40 * MiB
  figures.file = { used: 100 * MiB, reusable: 80 * MiB }
  await begin()
  t.equal(disk.take(one), true, 'pages that hold nothing stand for room')
  figures.free = 20 * MiB
  await begin()
  t.equal(disk.take(one), false, 'not without some')
  t.same(lines.map(({ event }) => event), ['disk-full', 'disk-room', 'disk-full'])
  disk.close()
})

t.test('room - a write that fails all the same: said once, tried again later', async t => {
  const { lines, room: disk, begin } = await room(0)
  await begin()
  t.equal(disk.take({ docs: 1, bytes: 1 }), true)
  disk.ended(new Error('quota'))
  t.match(disk.refusal(), /written/)
  t.equal(disk.take({ docs: 1, bytes: 1 }), false)
  disk.ended(new Error('quota'))
  disk.ended(undefined)
  t.equal(disk.refusal(), undefined)
  t.same(lines.map(({ event }) => event), ['write-failed', 'writes-again'])
  disk.close()
})

t.test('store - a new one beside an old lock is said', async t => {
  const { lines, log } = listen()
  const store = await openTestLmdb(t, { log })
  await store.close()
  t.same(lines, [])
  writeFileSync(join(store.dir, 'store', 'data.mdb'), '')
  await openTestLmdb(t, { dir: store.dir, log })
  t.same(lines, [{ level: 'warn', event: 'store-new' }])
})
