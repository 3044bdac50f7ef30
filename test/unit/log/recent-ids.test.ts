import t from 'tap'
import { RecentIds } from '../../../services/notifications/log/recent-ids.js'

const idsTo = (count: number): RecentIds => {
  const recent = new RecentIds()
  recent.restart(0)
  for (let seq = 1; seq <= count; seq++) recent.add(`id${seq}`, seq)
  return recent
}

t.test('recent ids - an id is found by what came after its time', async t => {
  const recent = idsTo(10)
  t.equal(recent.seqOf('id7', 6), 7)
  t.equal(recent.seqOf('id7', 0), 7)
  t.equal(recent.seqOf('id7', 7), undefined, 'an entry is above its id\'s time')
  t.equal(recent.seqOf('id11', 0), undefined)
})

t.test('recent ids - what is too old is forgotten, and said to be', async t => {
  const recent = idsTo(64)
  recent.prune(1_000, 100)
  t.equal(recent.from, 0, 'nobody knows yet how old these are')
  for (let seq = 65; seq <= 128; seq++) recent.add(`id${seq}`, seq)
  recent.prune(1_099, 100)
  t.equal(recent.from, 0)
  recent.prune(1_100, 100)
  t.equal(recent.from, 64)
  t.equal(recent.seqOf('id64', 0), undefined)
  t.equal(recent.seqOf('id65', 0), 65)
  for (let seq = 129; seq <= 192; seq++) recent.add(`id${seq}`, seq)
  recent.prune(1_200, 100)
  t.equal(recent.from, 128, 'of what came since, what was there the last time')
})

t.test('recent ids - of a stream with a few entries what is too old is forgotten, too', async t => {
  const recent = idsTo(3)
  recent.prune(1_000, 100)
  recent.add('id4', 4)
  recent.prune(1_099, 100)
  t.equal(recent.from, 0)
  recent.prune(1_100, 100)
  t.same([recent.from, recent.size], [3, 1])
  t.equal(recent.seqOf('id4', 3), 4)
})

t.test('recent ids - not more than 4,096, however their numbers lie', async t => {
  const recent = idsTo(4_160)
  recent.prune(0, 1)
  t.equal(recent.from, 64)
  t.equal(recent.seqOf('id64', 0), undefined)
  t.equal(recent.seqOf('id65', 0), 65)
})

t.test('recent ids - nothing is known before a start, and only what comes after it', async t => {
  const recent = new RecentIds()
  t.equal(recent.from, Infinity)
  recent.restart(5)
  recent.add('a', 6)
  recent.restart(9)
  t.equal(recent.from, 9)
  t.equal(recent.seqOf('a', 0), undefined)
})
