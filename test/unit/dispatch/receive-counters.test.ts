import t from 'tap'
import type { NodeId } from '../../../shared/contract/names.js'
import { createReceiveCounters, type Publisher } from '../../../services/dispatch/broadcast/receive-counters.js'
import { lifeToken } from '../../../shared/contract/subjects.js'

const life = lifeToken('a' as NodeId, 5)

function receive (receiveCounters: ReturnType<typeof createReceiveCounters>, count: number): Publisher {
  const publisher = receiveCounters.publisher(life) as Publisher
  publisher.counted += count
  return publisher
}

void t.test('reception - equal counts leave nothing in doubt', async t => {
  const receiveCounters = createReceiveCounters()
  t.equal(receiveCounters.compare(receive(receiveCounters, 0), 0, false), false)
  t.equal(receiveCounters.compare(receive(receiveCounters, 7), 7, false), false)
  t.equal(receiveCounters.compare(receive(receiveCounters, 3), 10, false), false)
})

void t.test('reception - a missing one puts all since the last equal count in doubt, until the publisher replies', async t => {
  const receiveCounters = createReceiveCounters()
  receiveCounters.compare(receive(receiveCounters, 4), 4, false)
  const publisher = receive(receiveCounters, 2)
  t.equal(receiveCounters.compare(publisher, 7, false), true)
  t.same(publisher.doubted, { after: 4, upTo: 7 })
  t.equal(receiveCounters.compare(receive(receiveCounters, 1), 8, false), true, 'still, though nothing else was lost')
  t.same(publisher.doubted, { after: 4, upTo: 7 })
  receiveCounters.compare(receive(receiveCounters, 0), 9, false)
  t.same(publisher.doubted, { after: 4, upTo: 9 }, 'a later loss widens it')
  receiveCounters.resolve(publisher, 7)
  t.same(publisher.doubted, { after: 7, upTo: 9 })
  receiveCounters.resolve(publisher, 9)
  t.equal(publisher.doubted, undefined)
  t.equal(receiveCounters.compare(receive(receiveCounters, 1), 10, false), false)
})

void t.test('reception - too many make both numbers unreliable', async t => {
  const receiveCounters = createReceiveCounters()
  receiveCounters.compare(receive(receiveCounters, 4), 4, false)
  const publisher = receive(receiveCounters, 3)
  t.equal(receiveCounters.compare(publisher, 5, false), true)
  t.same(publisher.doubted, { after: 4, upTo: 5 })
})

void t.test('reception - a publisher that joined midway is counted from its first heartbeat, a new one from 0', async t => {
  const middle = createReceiveCounters()
  t.equal(middle.compare(receive(middle, 3), 1000, true), false)
  t.equal(middle.compare(receive(middle, 2), 1002, true), false)
  t.equal(middle.compare(receive(middle, 1), 1004, true), true)
  const fresh = createReceiveCounters()
  const publisher = receive(fresh, 3)
  t.equal(fresh.compare(publisher, 4, false), true)
  t.same(publisher.doubted, { after: 0, upTo: 4 })
})

void t.test('reception - lives are counted apart, and what is no life is not counted', async t => {
  const receiveCounters = createReceiveCounters()
  const [first, second] = [receiveCounters.publisher(life), receiveCounters.publisher(lifeToken('a' as NodeId, 6))]
  t.not(first, second)
  t.equal(receiveCounters.publisher(life), first)
  t.equal(receiveCounters.publisher('nonsense'), undefined)
})

void t.test('reception - what never announces itself is dropped after a while, the others stay', async t => {
  const receiveCounters = createReceiveCounters()
  const met = receive(receiveCounters, 1)
  receiveCounters.compare(met, 1, false)
  const unmet = receiveCounters.publisher(lifeToken('b' as NodeId, 1))
  receiveCounters.sweep()
  t.equal(receiveCounters.publisher(lifeToken('b' as NodeId, 1)), unmet, 'not at once')
  receiveCounters.sweep()
  t.not(receiveCounters.publisher(lifeToken('b' as NodeId, 1)), unmet)
  receiveCounters.sweep()
  receiveCounters.sweep()
  t.equal(receiveCounters.publisher(life), met)
  receiveCounters.forget(life)
  t.not(receiveCounters.publisher(life), met)
})
