import t from 'tap'
import type { NodeId } from '../../../shared/contract/names.js'
import { createReception, type Publisher } from '../../../services/dispatch/broadcast/receive-counters.js'
import { lifeToken } from '../../../shared/contract/subjects.js'

const life = lifeToken('a' as NodeId, 5)

function receive (reception: ReturnType<typeof createReception>, count: number): Publisher {
  const publisher = reception.publisher(life) as Publisher
  publisher.counted += count
  return publisher
}

void t.test('reception - equal counts leave nothing in doubt', async t => {
  const reception = createReception()
  t.equal(reception.heardCount(receive(reception, 0), 0, false), false)
  t.equal(reception.heardCount(receive(reception, 7), 7, false), false)
  t.equal(reception.heardCount(receive(reception, 3), 10, false), false)
})

void t.test('reception - a missing one puts all since the last equal count in doubt, until it is told', async t => {
  const reception = createReception()
  reception.heardCount(receive(reception, 4), 4, false)
  const publisher = receive(reception, 2)
  t.equal(reception.heardCount(publisher, 7, false), true)
  t.same(publisher.doubted, { after: 4, upTo: 7 })
  t.equal(reception.heardCount(receive(reception, 1), 8, false), true, 'still, though nothing else was lost')
  t.same(publisher.doubted, { after: 4, upTo: 7 })
  reception.heardCount(receive(reception, 0), 9, false)
  t.same(publisher.doubted, { after: 4, upTo: 9 }, 'a later loss widens it')
  reception.wasTold(publisher, 7)
  t.same(publisher.doubted, { after: 7, upTo: 9 })
  reception.wasTold(publisher, 9)
  t.equal(publisher.doubted, undefined)
  t.equal(reception.heardCount(receive(reception, 1), 10, false), false)
})

void t.test('reception - too many make both numbers unreliable', async t => {
  const reception = createReception()
  reception.heardCount(receive(reception, 4), 4, false)
  const publisher = receive(reception, 3)
  t.equal(reception.heardCount(publisher, 5, false), true)
  t.same(publisher.doubted, { after: 4, upTo: 5 })
})

void t.test('reception - who is met in the middle is counted from its first number, who is new from 0', async t => {
  const middle = createReception()
  t.equal(middle.heardCount(receive(middle, 3), 1000, true), false)
  t.equal(middle.heardCount(receive(middle, 2), 1002, true), false)
  t.equal(middle.heardCount(receive(middle, 1), 1004, true), true)
  const fresh = createReception()
  const publisher = receive(fresh, 3)
  t.equal(fresh.heardCount(publisher, 4, false), true)
  t.same(publisher.doubted, { after: 0, upTo: 4 })
})

void t.test('reception - lives are counted apart, and what is no life is not counted', async t => {
  const reception = createReception()
  const [first, second] = [reception.publisher(life), reception.publisher(lifeToken('a' as NodeId, 6))]
  t.not(first, second)
  t.equal(reception.publisher(life), first)
  t.equal(reception.publisher('nonsense'), undefined)
})

void t.test('reception - what never announces itself is dropped after a while, the others stay', async t => {
  const reception = createReception()
  const met = receive(reception, 1)
  reception.heardCount(met, 1, false)
  const unmet = reception.publisher(lifeToken('b' as NodeId, 1))
  reception.sweep()
  t.equal(reception.publisher(lifeToken('b' as NodeId, 1)), unmet, 'not at once')
  reception.sweep()
  t.not(reception.publisher(lifeToken('b' as NodeId, 1)), unmet)
  reception.sweep()
  reception.sweep()
  t.equal(reception.publisher(life), met)
  reception.forget(life)
  t.not(reception.publisher(life), met)
})
