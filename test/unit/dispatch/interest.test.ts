import fc from 'fast-check'
import t from 'tap'
import { createSilentLog } from '../../../shared/platform/log.js'
import { allStream, groupStream, userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import { createRing, ringName } from '../../../shared/contract/ring.js'
import { arcOf, createSubjects, streamMark, streamToken } from '../../../shared/contract/subjects.js'
import { arcHeadOf, readArcMessage, writeArcMessage } from '../../../services/dispatch/broadcast/arc-message.js'
import { createInterest } from '../../../services/dispatch/broadcast/interest.js'
import { createPushedHeads, readHeads } from '../../../services/dispatch/broadcast/pushed-heads.js'
import { createReceiveCounters } from '../../../services/dispatch/broadcast/receive-counters.js'
import type { BusHandler } from '../../../services/dispatch/buses/bus.js'
import { until } from '../../helpers/until.js'

const ann = userStream('ann')
const bob = userStream('bob')

t.test('arcs - users that are neighbours on the ring share an arc, so that few nodes have to hear it', async t => {
  t.equal(arcOf(allStream), undefined, 'everyone reads it')
  t.equal(arcOf('n:node' as StreamId), undefined)
  t.match(arcOf(ann), /^u\d+$/)
  t.match(arcOf(groupStream('ann')), /^g\d+$/, 'never one of users')
  t.equal(arcOf(ann), arcOf(userStream('ann')))
  const nodes = 8
  const ring = createRing(Array.from({ length: nodes }, (_, i) => ({ id: `node-${i}` as NodeId, weight: 1 })))
  const heardBy = new Map<string, Set<unknown>>()
  const users = Array.from({ length: 20_000 }, (_, i) => userStream(`user ${i}`))
  for (const user of users) heardBy.set(arcOf(user)!, (heardBy.get(arcOf(user)!) ?? new Set()).add(ring.assign(ringName(user))))
  const copies = users.reduce((sum, user) => sum + heardBy.get(arcOf(user)!)!.size, 0) / users.length
  t.ok(copies < 1.1, `${copies} copies of a push, one of which is wanted`)
})

t.test('arc message - carries any payload and any name of a node; what is none is refused', async () => {
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme' }).filter(name => name.isWellFormed()), fc.uint8Array(), fc.string(), (name, payload, user) => {
    const token = streamToken(userStream(user))
    const read = readArcMessage(writeArcMessage(token, arcHeadOf(name as NodeId), payload))
    return read?.token === token && read.from === name && Buffer.compare(read.payload, payload) === 0
  }))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }).filter(bytes => !bytes.includes(0x0a)), bytes => readArcMessage(bytes) === undefined))
})

t.test('pushed heads - each stream once with its highest seq, from where they were last told; too many are not named', async t => {
  const heads = createPushedHeads(() => 3)
  const marks = new Map([ann, bob].map(stream => [streamMark(stream), stream]))
  const read = (text: string): unknown[] => { const all: unknown[] = []; t.ok(readHeads(text, marks, (...head) => all.push(head))); return all }
  t.same(heads.take(0), { since: 0, heads: '' })
  t.equal(heads.add(ann, 5), 1)
  t.equal(heads.add(bob, 2 ** 53 - 1), 2)
  heads.add(ann, 7)
  heads.add(ann, 6) // pushed again by who did not know that it had been
  const told = heads.take(4)
  t.equal(told.since, 0)
  t.same(read(told.heads!), [[ann, 7], [bob, 2 ** 53 - 1]])
  for (let i = 0; i < 5; i++) heads.add(userStream(`${i}`), i)
  t.same(heads.take(9), { since: 4 })
  t.same(heads.take(9), { since: 9, heads: '' })
  t.notOk(readHeads('AAAA', marks, () => {}), 'not whole heads')
})

t.test('following - a heartbeat that does not begin where the last one ended puts all between in doubt', async t => {
  const counters = createReceiveCounters()
  const life = counters.publisher('YQ~1')!
  t.notOk(counters.follow(life, 0, 3, false))
  t.notOk(counters.follow(life, 3, 3, false))
  t.notOk(counters.follow(life, 3, 8, false))
  t.ok(counters.follow(life, 9, 12, false), 'one was missed')
  t.same(life.doubted, { after: 8, upTo: 12 })
  counters.resolve(life, 12)
  t.notOk(counters.follow(life, 12, 13, false))
  t.ok(counters.follow(life, undefined, 40, false), 'it names nothing')
  const known = counters.publisher('Yg~1')!
  t.notOk(counters.follow(known, 70, 75, true), 'met in the middle')
  t.notOk(counters.follow(known, 75, 80, false))
})

t.test('interest - an arc is subscribed to once, waited for until the server answers, and left only when nobody came back', async t => {
  const subscribed: string[] = []
  let handler: BusHandler = () => {}
  let answer = (): void => {}
  let roundTrips = 0
  const bus = {
    isConnected: true,
    subscribe: (subject: string, handle: BusHandler) => { subscribed.push(subject); handler = handle; return () => { subscribed.splice(subscribed.indexOf(subject), 1) } },
    roundTrip: async () => { roundTrips++; await new Promise<void>(resolve => { answer = resolve }) }
  }
  const got: string[] = []
  const interest = createInterest({ bus, subjects: createSubjects('p'), onPush: (from, _token, payload) => { got.push(`${from} ${Buffer.from(payload).toString()}`) }, log: createSilentLog(), sweepMs: 20 })
  t.teardown(interest.close)
  let reached = 5
  const first = interest.listen(ann, seq => seq <= reached)
  const second = interest.listen(ann, () => true)
  const other = interest.listen(bob, () => true)
  t.same(subscribed, ['p.arc.~', `p.arc.${arcOf(ann)}`, `p.arc.${arcOf(bob)}`])
  let comes = 0
  for (const listening of [first, second, other]) void listening.comes!.then(() => { comes++ })
  await until('the server is asked', () => roundTrips > 0)
  t.same([roundTrips, comes], [1, 0], 'once for all')
  answer()
  await until('all come', () => comes === 3)
  t.equal(interest.listen(ann, () => true).comes, undefined, 'it comes already')
  t.equal(interest.listen(allStream, () => true).comes, undefined, 'everyone hears it')

  handler(`p.arc.${arcOf(ann)}`, writeArcMessage(streamToken(ann), arcHeadOf('n' as NodeId), Buffer.from('hi')), undefined)
  handler(`p.arc.${arcOf(ann)}`, Buffer.from('rubbish'), undefined)
  t.same(got, ['n hi'])

  const behind: StreamId[] = []
  const heads = createPushedHeads(() => 9)
  heads.add(ann, 5)
  t.ok(interest.heardHeads(heads.take(0).heads!, stream => { behind.push(stream) }))
  t.same(behind, [])
  heads.add(ann, 6)
  t.ok(interest.heardHeads(heads.take(0).heads!, stream => { behind.push(stream) }))
  t.same(behind, [ann])
  reached = 6

  other.stop()
  await until('bob is left', () => subscribed.length === 2)
  t.equal(interest.arcs, 1)
  bus.isConnected = false
  t.equal(interest.listen(bob, () => true).comes, undefined, 'a link that is not there is not waited for')
  bus.isConnected = true
  let isLaterIn = false
  void interest.listen(userStream('later'), () => true).comes!.then(() => { isLaterIn = true })
  await until('nor is a server that hangs', () => isLaterIn)
})
