/** When a user's sockets are sent a number: with an entry, alone, and not too often. */
import t, { type Test } from 'tap'
import type { Frame } from '../../services/notifications/realtime/transport/frame.js'
import type { Hub } from '../../services/notifications/realtime/hub.js'
import { createUnreadNotifier, UserNotifier, type NumberReader, type UnreadNotifier } from '../../services/notifications/realtime/unread-notifier.js'
import type { CountedUnread } from '../../services/notifications/mailbox/unread/unread.js'
import type { UserView } from '../../services/notifications/mailbox/state/user-views.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { UserId } from '../../shared/contract/names.js'
import { until } from '../helpers/until.js'

const unreadOf = ({ packet }: Frame): number => (JSON.parse(packet.slice(1)) as [string, { unread: number }])[1].unread

interface Site {
  turns: UnreadNotifier
  /** How often what is pending had to go first. */
  flushes: () => number
  /** What there is to count, for everybody. */
  counted: { now: number, byCategory: Record<string, number>, readsFirst: boolean, failures: number, hanging: number }
  join: (name: string, sockets?: number, refused?: number, counting?: number) => { turn: UserNotifier, readers: NumberReader[], alone: number[][] }
}

function start (t: Test): Site {
  const counted = { now: 0, byCategory: {} as Record<string, number>, readsFirst: false, failures: 0, hanging: 0 }
  const count = (): CountedUnread | Promise<CountedUnread> => {
    const answer = { unread: { unread: counted.now, byCategory: counted.byCategory }, nextExpiryMs: Infinity }
    if (counted.failures > 0) { counted.failures--; throw new Error('no store') }
    if (counted.hanging > 0) { counted.hanging--; return new Promise(() => {}) }
    return counted.readsFirst ? Promise.resolve(answer) : answer
  }
  const view = { head: 0 } as UserView
  let flushes = 0
  const hub: Pick<Hub, 'get' | 'flush'> = { get: () => undefined, flush: () => { flushes++ } }
  const turns = createUnreadNotifier({ hub, views: { peek: () => view, fresh: async () => view }, unread: { count }, log: createSilentLog() })
  t.teardown(turns.close)
  const join: Site['join'] = (name, sockets = 1, refused = 0, counting = 0) => {
    const alone: number[][] = []
    const tried = { count: 0, refused }
    const readers = Array.from({ length: sockets }, (_, i) => {
      const told: number[] = []
      alone.push(told)
      return { countsItself: i < counting, deliverLatest: (frame: Frame) => { told.push(unreadOf(frame)); return ++tried.count > tried.refused } }
    })
    const turn = new UserNotifier(name as UserId, new Set(readers), turns)
    for (const reader of readers) turn.joined(reader)
    return { turn, readers, alone }
  }
  return { turns, counted, join, flushes: () => flushes }
}

t.test('unread turns - a number goes with the next entry, and to the other sockets at once', async t => {
  const { turns, counted, join } = start(t)
  const { turn, readers: [first], alone } = join('ann', 2)
  t.equal(turn.ride(first!), undefined, 'nothing is due')
  counted.now = 1
  turns.touch(turn)
  const frame = turn.ride(first!)
  t.equal(frame && unreadOf(frame), 1)
  t.same(alone, [[], [1]])
  t.equal(turn.ride(first!), undefined, 'told once')
  counted.now = 2
  turns.touch(turn)
  t.equal(turn.ride(first!), undefined, 'it rests')
  await until('the last number, alone where no entry comes', () => alone.every(told => told.at(-1) === 2))
  t.same(alone, [[2], [1, 2]])
})

t.test('unread turns - no entry comes: it is sent alone, a number that is known already not at all', async t => {
  const { turns, counted, join } = start(t)
  const { turn, alone: [told] } = join('ann')
  const other = join('bob')
  counted.now = 3
  turns.touch(turn)
  await until('told', () => told!.length > 0)
  turns.touch(turn)
  other.turn.welcomed('{"unread":3,"byCategory":{}}')
  turns.touch(other.turn)
  await until('both have rested', () => turn.state === 'idle' && other.turn.state === 'idle')
  t.same(told, [3])
  t.same(other.alone, [[]])
})

t.test('unread turns - under a stream of entries at most five numbers a second, the last one always', async t => {
  const { turns, counted, join } = start(t)
  const { turn, readers: [reader], alone: [alone] } = join('ann')
  const riding: number[] = []
  const begun = performance.now()
  while (performance.now() - begun < 1_100) {
    counted.now++
    turns.touch(turn)
    const frame = turn.ride(reader!)
    if (frame !== undefined) riding.push(unreadOf(frame))
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  await until('the last number', () => [...riding, ...alone!].includes(counted.now))
  const seconds = (performance.now() - begun) / 1000
  t.ok(riding.length >= 3, `with entries: ${riding.length}`)
  t.ok(riding.length + alone!.length <= 5 * seconds, `in all ${riding.length + alone!.length}`)
})

t.test('unread turns - what must be read, or could not be, is sent alone', async t => {
  const { turns, counted, join } = start(t)
  const { turn, readers: [reader], alone: [told] } = join('ann')
  counted.now = 4
  counted.readsFirst = true
  turns.touch(turn)
  t.equal(turn.ride(reader!), undefined)
  await until('read and told', () => told!.at(-1) === 4)
  counted.now = 5
  counted.readsFirst = false
  counted.failures = 2
  await until('rested', () => turn.state === 'idle')
  turns.touch(turn)
  t.equal(turn.ride(reader!), undefined, 'the entry goes without it')
  await until('tried again', () => told!.at(-1) === 5)
})

t.test('unread turns - a crowd is not held up by a number for each', async t => {
  const { turns, counted, join } = start(t)
  const crowd = Array.from({ length: 1_000 }, (_, i) => join(`u${i}`))
  counted.now = 1
  for (const { turn } of crowd) turns.touch(turn)
  const riding = crowd.filter(({ turn, readers: [reader] }) => turn.ride(reader!) !== undefined).length
  t.ok(riding > 0 && riding <= 200, `with the entry: ${riding}`)
  await until('everybody', () => crowd.filter(({ alone: [told] }) => told!.length === 1).length === crowd.length - riding)
})

t.test('unread turns - a socket that could not take its number gets it later', async t => {
  const { turns, counted, join } = start(t)
  const { turn, alone: [told] } = join('ann', 1, 2)
  counted.now = 6
  turns.touch(turn)
  await until('taken', () => told!.length === 3)
  await until('rested', () => turn.state === 'idle')
  t.same(told, [6, 6, 6])
})

t.test('unread turns - a number that cannot be read, as its shard is away, holds up no other', async t => {
  const { turns, counted, join } = start(t)
  const [away, ann] = [join('away'), join('ann')]
  counted.now = 1
  counted.hanging = 1
  turns.touch(away.turn)
  await until('being read', () => away.turn.state === 'reading')
  for (counted.now = 2; counted.now < 5; counted.now++) {
    turns.touch(ann.turn)
    await until(`the other is told ${counted.now}`, () => ann.alone[0]!.at(-1) === counted.now, 2_000)
    await until('rested', () => ann.turn.state === 'idle')
  }
  t.same(away.alone, [[]])
})

t.test('unread turns - sockets that count by themselves are sent what is not the sum of what they have', async t => {
  const { turns, counted, join, flushes } = start(t)
  const { turn, alone } = join('ann', 2, 0, 2)
  const other = join('bob', 2, 0, 1)
  let pass = 0
  const bring = (...notifiers: UserNotifier[]): void => {
    pass++
    // Each of the two sockets of a user reads the stream.
    for (const notifier of [...notifiers, ...notifiers]) { notifier.add('general', pass); turns.arrived(notifier) }
  }
  counted.now = 1
  turns.touch(turn)
  turns.touch(other.turn)
  await until('the first number', () => [...alone, ...other.alone].every(told => told.at(-1) === 1))
  t.equal(turn.ride({ countsItself: true, deliverLatest: () => true }), undefined)
  counted.now = 3
  counted.byCategory = { general: 2 }
  bring(turn, other.turn)
  bring(turn, other.turn)
  await until('the one with a socket that does not count is told', () => other.alone.every(told => told.at(-1) === 3))
  await until('looked at', () => !turn.isArrived && turn.state === 'resting')
  t.same(alone, [[1], [1]], 'nothing to correct')
  await until('rested', () => turn.state === 'idle')
  const before = flushes()
  counted.now = 3 // a message came and another was read
  bring(turn)
  await until('corrected', () => alone.every(told => told.at(-1) === 3))
  t.ok(flushes() > before, 'all that is in it has gone before')
  turns.touch(turn)
  await until('counted again', () => turn.state === 'resting')
  await until('rested', () => turn.state === 'idle')
  t.same(alone, [[1, 3], [1, 3]])
  counted.now = 4
  counted.byCategory = { general: 1, orders: 1 }
  bring(turn)
  await until('another category', () => alone.every(told => told.at(-1) === 4))
})

t.test('unread turns - what a socket shows that came beside others is told to all, unless they show the same', async t => {
  const { turn } = start(t).join('ann', 2, 0, 2)
  const json = '{"unread":1,"byCategory":{}}'
  const counted = { unread: { unread: 1, byCategory: {} }, nextExpiryMs: Infinity }
  turn.newsIn(counted)
  turn.welcomed(json)
  t.equal(turn.newsIn(counted), undefined)
  turn.add('general', 1)
  turn.welcomed(json)
  t.equal(turn.newsIn(counted), json)
})
