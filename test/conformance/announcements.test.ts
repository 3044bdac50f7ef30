import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, checkChain, openSocket, producerOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('announcements - one to all reaches every open socket on every node', async t => {
  const sessions = (await Promise.all(['ada', 'grace', 'linus'].map(async user => await assignBoth(site, user)))).flat()
  const devices = await Promise.all(sessions.map(async session => await openSocket(t, session)))
  const { id } = await producer.send({ to: { all: true }, title: 'to all', category: 'news' })
  const entries = await Promise.all(devices.map(async device => await device.message('to all')))
  t.equal(new Set(entries.map(entry => entry.seq)).size, 1, 'one entry for all')
  for (const entry of entries) t.match(entry, { id, stream: 'all', to: { all: true }, boxes: ['inbox'], from: { producer: 'shop' } })
})

t.test('announcements - from before the first visit count, are listed and can be read', async t => {
  await producer.send({ to: { all: true }, title: 'second', category: 'news' })
  await producer.send({ to: { all: true }, title: 'third' })
  const [one, two] = await assignBoth(site, 'newcomer')
  t.same(await one.get('/messages/unread'), { unread: 3, byCategory: { news: 2, general: 1 } })
  t.same((await two.list()).map(message => message.title), ['third', 'second', 'to all'])
  const device = await openSocket(t, two)
  t.equal(device.ready.unread, 3)
  t.same(device.ready.byCategory, { news: 2, general: 1 })
  t.equal(device.ready.heads['u:newcomer'], 0)
  t.ok((device.ready.heads['all'] ?? 0) > 0)
  const replay = await openSocket(t, one, { cursors: { all: 0 } })
  await replay.message('third')
  t.same(replay.titles('all'), ['to all', 'second', 'third'])
  t.equal(checkChain(t, replay.entries, 'all', 0).length, 3)
  const id = (await one.list())[2].id as string
  await two.patch(id, { read: true })
  t.equal(await one.unread(), 2)
  t.same((await one.call('POST', '/messages/read', { body: { category: 'news' } })).body, { unread: 1, byCategory: { general: 1 } })
})

t.test('announcements - one that lives shortly is gone for everyone', async t => {
  const session = await assign(site, 'later')
  const unread = await session.unread()
  const device = await openSocket(t, session)
  await producer.send({ to: { all: true }, title: 'short', ttl: 1 })
  await device.message('short')
  await until('one less unread', async () => await session.unread() === unread)
  t.notOk((await (await assign(site, 'even later')).list()).some(message => message.title === 'short'))
  t.equal(await (await assign(site, 'even later')).unread(), unread)
})

t.test('announcements - what was sent before a group is not a newcomer\'s of the group', async t => {
  await producer.join('old', 'ada')
  await producer.send({ to: { group: 'old' }, title: 'old post' })
  await producer.join('old', 'novice')
  const session = await assign(site, 'novice')
  t.notOk((await session.list()).some(message => message.title === 'old post'))
  t.equal(await session.unread(), (await session.list('unread=true')).length)
})
