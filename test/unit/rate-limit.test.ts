import t from 'tap'
import { createRateLimit } from '../../shared/platform/rate-limit.js'

t.test('rate - so many at once, then they come back evenly', async t => {
  let nowMs = 1_000_000
  const limit = createRateLimit({ perMinute: 6, elapsed: () => nowMs })
  for (let i = 0; i < 6; i++) t.equal(limit.take('ann', 1), 0)
  t.equal(limit.take('ann', 1), 10)
  t.equal(limit.take('bob', 6), 0, 'each sender by itself')
  nowMs += 9_000
  t.equal(limit.take('ann', 1), 1)
  nowMs += 1_000
  t.equal(limit.take('ann', 1), 0)
  t.equal(limit.take('ann', 1), 10)
  nowMs += 600_000
  t.equal(limit.take('ann', 6), 0, 'never more than a minute of them')
  t.equal(limit.take('ann', 1), 10)
})

t.test('rate - what is refused takes nothing; what is added counts, room or not', async t => {
  const limit = createRateLimit({ perMinute: 10, elapsed: () => 0 })
  t.equal(limit.take('ann', 8), 0)
  t.equal(limit.take('ann', 3), 6)
  t.equal(limit.take('ann', 2), 0)
  t.equal(limit.take('ann', 1), 6)
  limit.add('ann', 1)
  t.equal(limit.take('ann', 1), 12)
  t.equal(limit.take('ann', 1000), 66, 'more than a minute holds: when a whole one is there')
  t.equal(limit.take('bob', 1000), 60)
})

t.test('rate - what is owed is at most a minute, and the wait that is said is the wait', async t => {
  let nowMs = 1_000_000
  const limit = createRateLimit({ perMinute: 60, elapsed: () => nowMs })
  t.equal(limit.take('ann', 60), 0)
  for (let i = 0; i < 40; i++) limit.add('ann', 100_000)
  const waitSeconds = limit.take('ann', 30)
  t.equal(waitSeconds, 90)
  nowMs += 89_000
  t.equal(limit.take('ann', 30), 1)
  nowMs += 1_000
  t.equal(limit.take('ann', 30), 0)
})

t.test('rate - senders that have gone quiet are forgotten', async t => {
  let nowMs = 0
  const limit = createRateLimit({ perMinute: 2, elapsed: () => nowMs })
  for (let i = 0; i < 30_000; i++) {
    limit.take(`sender ${i}`, 1)
    nowMs += 100
  }
  t.equal(limit.take('sender 0', 2), 0)
  t.equal(limit.take('sender 29999', 2), 30, 'not who was just here')
})
