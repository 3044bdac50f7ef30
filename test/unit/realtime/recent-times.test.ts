/** When entries were broadcast and written to sockets: what is remembered, for whom, and that no more is claimed than is known. */
import t from 'tap'
import { allStream, groupStream, userStream, type GroupId, type UserId } from '../../../shared/contract/names.js'
import { createRecentTimes } from '../../../services/notifications/realtime/recent-times.js'
import { recentTimes } from '../../../services/notifications/node/describe-sockets.js'
import { startDelivery } from '../../helpers/delivery.js'
import { until } from '../../helpers/until.js'

const [ann, bob] = ['ann', 'bob'] as [UserId, UserId]
const own = userStream(ann)

t.test('times - first, last and how many sockets of all frames that cover an entry; nothing of any other', async t => {
  let now = 100
  const times = createRecentTimes(() => now)
  const at = (ms: number): typeof times => { now = ms; return times }
  at(110).broadcast(own, 5, 'sent')
  at(111).written(own, 3, 6, 2)
  at(150).written(own, 4, 5, 1, ann)
  at(160).written(own, 5, 9, 7)
  at(170).written(userStream(bob), 3, 6, 7)
  at(180).written(own, 3, 6, 0)
  t.same(times.of(own, 5), { since: 100, broadcast: { at: 110, fate: 'sent' }, written: { firstAt: 111, lastAt: 150, sockets: 3 } })
  t.same(times.of(own, 3), { since: 100, broadcast: null, written: null })
  t.same(times.of(own, 10), { since: 100, broadcast: null, written: null })
})

t.test('times - of a stream of many, a reader is told of frames that its live sockets surely got', async t => {
  let now = 0
  const times = createRecentTimes(() => now)
  now = 10
  times.written(allStream, 0, 1, 900)
  const of = (seq: number, user: UserId, ...liveSince: number[]): unknown => times.of(allStream, seq, { user, live: liveSince.map(at => ({ liveSince: at })) }).written
  t.same(of(1, ann, 5, 7, 20), { firstAt: 10, lastAt: 10, sockets: 2 })
  t.equal(of(1, ann, 20), null, 'a socket that came later began with the list')
  t.equal(of(1, ann), null, 'of sockets that are gone it is not known')
  now = 30
  times.written(allStream, 0, 1, 1, ann)
  t.same(of(1, ann, 5), { firstAt: 30, lastAt: 30, sockets: 1 }, 'it was brought up to it, so the frame for all was not for it')
  t.same(of(1, bob, 5), { firstAt: 10, lastAt: 10, sockets: 1 })
})

t.test('times - what was overwritten is not known any more, and says from when on all is', async t => {
  let now = 0
  const times = createRecentTimes(() => now, 3)
  for (let seq = 1; seq <= 5; seq++) {
    now = seq * 10
    times.broadcast(own, seq, 'sent')
  }
  t.same([1, 2, 3, 5].map(seq => times.of(own, seq)), [
    { since: 30, broadcast: null, written: null },
    { since: 30, broadcast: null, written: null },
    { since: 30, broadcast: { at: 30, fate: 'sent' }, written: null },
    { since: 30, broadcast: { at: 50, fate: 'sent' }, written: null }
  ])
})

t.test('times - of a delivery: live, brought up from cursors, and after it was behind', async t => {
  const delivery = startDelivery(t)
  const { times, groups, open, post } = delivery
  const club = groupStream('club')
  await groups.join(ann, 'club' as GroupId)
  const asked = (stream: typeof own, seq: number): ReturnType<typeof recentTimes>['written'] => recentTimes(delivery, { stream, seq, user: ann }).written
  const missed = await post(club)
  t.equal(asked(club, missed), null, 'nobody is there')
  const { connection, transport } = await open(ann, { [club]: missed - 1 })
  await until('it is brought up', () => asked(club, missed)?.sockets === 1)
  const [live, mail] = [await post(club), await post(own)]
  await until('both are passed on', () => asked(club, live)?.sockets === 1 && asked(own, mail)?.sockets === 1)
  t.equal(recentTimes(delivery, { stream: club, seq: live, user: bob }).written, null)

  connection.fallBehind()
  const late = await post(club)
  t.equal(asked(club, late), null)
  const page = await connection.sync({ [club]: live, [own]: mail }, 10)
  t.equal(page.more, false)
  t.equal(asked(club, late)?.sockets, 1)
  t.ok(transport.events.length > 0)
  t.equal(times.of(club, late).written?.sockets, 1, 'it was written once')
})
