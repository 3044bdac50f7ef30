import t from 'tap'
import { userStream } from '../../../shared/contract/names.js'
import { createPublishLog, type PublishLog } from '../../../services/dispatch/broadcast/publish-log.js'

function addAll (log: PublishLog, ...names: string[]): void {
  for (const name of names) log.add(userStream(name))
}
const named = (...names: string[]): string[] => names.map(name => `u:${name}`)

void t.test('sent log - names each stream above a marked number once', async t => {
  const log = createPublishLog({ rememberedMs: 60_000 })
  addAll(log, 'a', 'b', 'a')
  log.mark(0)
  addAll(log, 'b', 'c')
  log.mark(1000)
  addAll(log, 'd')
  log.mark(2000)
  t.equal(log.count, 6)
  t.same(log.streamsBetween(0, 6), named('a', 'b', 'c', 'd'))
  t.same(log.streamsBetween(3, 6), named('b', 'c', 'd'))
  t.same(log.streamsBetween(3, 5), named('b', 'c'))
  t.same(log.streamsBetween(5, 6), named('d'))
  t.same(log.streamsBetween(6, 6), [])
})

void t.test('sent log - a number inside a segment gives the whole segment', async t => {
  const log = createPublishLog({ rememberedMs: 60_000 })
  addAll(log, 'a', 'b', 'c')
  log.mark(0)
  t.same(log.streamsBetween(1, 3), named('a', 'b', 'c'))
})

void t.test('sent log - forgets after its time, counted from the end of the segment, and says so', async t => {
  const log = createPublishLog({ rememberedMs: 60_000 })
  addAll(log, 'a')
  log.mark(0)
  addAll(log, 'b')
  log.mark(50_000)
  log.prune(60_000)
  t.same(log.streamsBetween(0, 2), named('a', 'b'))
  log.prune(60_001)
  t.equal(log.streamsBetween(0, 2), undefined)
  t.same(log.streamsBetween(1, 2), named('b'))
  addAll(log, 'c')
  log.prune(1_000_000)
  log.mark(1_000_000)
  t.equal(log.streamsBetween(1, 3), undefined)
  t.same(log.streamsBetween(2, 3), named('c'), 'what was not marked for long is not forgotten')
})

void t.test('sent log - an earlier reply is not repeated after something was forgotten', async t => {
  const log = createPublishLog({ rememberedMs: 1000 })
  addAll(log, 'a')
  log.mark(0)
  t.same(log.streamsBetween(0, 1), named('a'))
  log.prune(5000)
  t.equal(log.streamsBetween(0, 1), undefined)
})

void t.test('sent log - is bounded: the oldest go first, and then there is no answer', async t => {
  const log = createPublishLog({ rememberedMs: 60_000, maxStreams: 100 })
  for (let segment = 0; segment < 10; segment++) {
    for (let i = 0; i < 30; i++) log.add(userStream(`${segment}-${i}`))
    log.mark(segment)
  }
  t.equal(log.count, 300)
  t.equal(log.streamsBetween(180, 300), undefined)
  t.equal(log.streamsBetween(210, 300)?.length, 90)
  for (let i = 0; i < 101; i++) log.add(userStream(`long ${i}`))
  log.mark(20)
  t.equal(log.streamsBetween(300, 401), undefined, 'a segment larger than that')
  t.same(log.streamsBetween(401, 401), [])
  addAll(log, 'z')
  log.mark(21)
  t.same(log.streamsBetween(401, 402), named('z'))
})
