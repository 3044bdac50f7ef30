import t from 'tap'
import { RecentIds } from '../../../services/notifications/stream/recent-ids.js'

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
  const recent = idsTo(128)
  recent.prune(100)
  t.equal(recent.from, 99)
  t.equal(recent.seqOf('id99', 0), undefined)
  t.equal(recent.seqOf('id100', 0), 100)
})

t.test('recent ids - not more than 4,096', async t => {
  const recent = idsTo(4_160)
  recent.prune(0)
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
