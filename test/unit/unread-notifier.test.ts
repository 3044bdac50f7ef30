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
  /** What there is to count, for everybody. */
  counted: { now: number, readsFirst: boolean, failures: number, hanging: number }
  join: (name: string, sockets?: number, refused?: number) => { turn: UserNotifier, readers: NumberReader[], alone: number[][] }
}

function start (t: Test): Site {
  const counted = { now: 0, readsFirst: false, failures: 0, hanging: 0 }
  const count = (): CountedUnread | Promise<CountedUnread> => {
    const answer = { unread: { unread: counted.now, byCategory: {} }, nextExpiryMs: Infinity }
    if (counted.failures > 0) { counted.failures--; throw new Error('no store') }
    if (counted.hanging > 0) { counted.hanging--; return new Promise(() => {}) }
    return counted.readsFirst ? Promise.resolve(answer) : answer
  }
  const view = { head: 0 } as UserView
  const hub: Pick<Hub, 'get'> = { get: () => undefined }
  const turns = createUnreadNotifier({ hub, views: { peek: () => view, fresh: async () => view }, unread: { count }, log: createSilentLog() })
  t.teardown(turns.close)
  const join: Site['join'] = (name, sockets = 1, refused = 0) => {
    const alone: number[][] = []
    const tried = { count: 0, refused }
    const readers = Array.from({ length: sockets }, () => {
      const told: number[] = []
      alone.push(told)
      return { deliverLatest: (frame: Frame) => { told.push(unreadOf(frame)); return ++tried.count > tried.refused } }
    })
    return { turn: new UserNotifier(name as UserId, new Set(readers), turns), readers, alone }
  }
  return { turns, counted, join }
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
  other.turn.lastUnread = turn.lastUnread
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
