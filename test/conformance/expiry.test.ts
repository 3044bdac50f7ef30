import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, checkChain, openSocket, producerOf, refused } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)
// The tests wait for ends more than they work.
t.jobs = 6
const over = async (createdAt: string, seconds: number): Promise<void> => { await until('its end', () => Date.now() > Date.parse(createdAt) + seconds * 1000 + 20) }

t.test('expiry - after its ttl a message is seen nowhere', { buffered: true }, async t => {
  const [one, two] = await assignBoth(site, 'ada')
  const sender = await assign(site, 'ada-sender')
  const device = await openSocket(t, two)
  await producer.send({ to: { user: 'ada' }, title: 'stays' })
  const short = await sender.send({ to: { user: 'ada' }, title: 'short', ttl: 1, category: 'flash' })
  t.same(await one.get('/messages/unread'), { unread: 2, byCategory: { general: 1, flash: 1 } })
  await device.message('short')
  await over(short.createdAt, 1)
  for (const session of [one, two]) {
    t.same((await session.list()).map(message => message.title), ['stays'])
    t.same(await session.get('/messages/unread'), { unread: 1, byCategory: { general: 1 } })
    refused(t, await session.call('GET', `/messages/${short.id}`), 404, 'GP_NOT_FOUND', 'GET')
    refused(t, await session.call('PATCH', `/messages/${short.id}`, { body: { read: true } }), 404, 'GP_NOT_FOUND', 'PATCH')
  }
  t.same(await sender.list('box=sent'), [])
  const recall = await sender.call('POST', `/messages/${short.id}/recall`)
  t.ok(recall.status === 404 || recall.status === 200, 'nothing to take back', { status: recall.status })
})

t.test('expiry - open sockets get the new number', { buffered: true }, async t => {
  const device = await openSocket(t, await assign(site, 'told'))
  await producer.send({ to: { user: 'told' }, title: 'short', ttl: 1 })
  await until('one unread', () => device.shown().unread === 1)
  await until('none unread', () => device.shown().unread === 0, 8000)
})

t.test('expiry - a replay names what is gone, and the chain holds', { buffered: true }, async t => {
  const [one, two] = await assignBoth(site, 'gone')
  const titles = ['g0', 'g1', 'g2', 'g3', 'g4', 'g5']
  let last = { createdAt: '' }
  for (const [i, title] of titles.entries()) last = await producer.send({ to: { user: 'gone' }, title, ...([1, 2, 4].includes(i) ? { ttl: 1 } : {}) })
  await over(last.createdAt, 1)
  for (const session of [one, two]) {
    const device = await openSocket(t, session, { cursors: { 'u:gone': 0 } })
    await device.message('g5')
    const distinct = checkChain(t, device.entries, 'u:gone', 0)
    t.same(distinct.map(entry => entry.type === 'gone' ? 'gone' : entry['title']), ['g0', 'gone', 'g3', 'gone', 'g5'])
    for (const entry of distinct.filter(entry => entry.type === 'gone')) t.same(Object.keys(entry).sort(), ['prev', 'seq', 'stream', 'type'])
    const answer = await device.ask('sync', { cursors: { 'u:gone': 0, all: 0 } })
    t.same(checkChain(t, answer.entries, 'u:gone', 0).map(entry => entry['title'] ?? entry.type), ['g0', 'gone', 'g3', 'gone', 'g5'])
  }
})

t.test('expiry - when the newest are gone a replay still comes to the head', { buffered: true }, async t => {
  const session = await assign(site, 'tail')
  await producer.send({ to: { user: 'tail' }, title: 't0' })
  await producer.send({ to: { user: 'tail' }, title: 't1', ttl: 1 })
  const last = await producer.send({ to: { user: 'tail' }, title: 't2', ttl: 1 })
  await over(last.createdAt, 1)
  const device = await openSocket(t, session, { cursors: { 'u:tail': 0 } })
  const head = device.ready.heads['u:tail'] ?? 0
  await until('the head', () => device.entries.some(entry => entry.stream === 'u:tail' && entry.seq === head))
  t.same(checkChain(t, device.entries, 'u:tail', 0).map(entry => entry['title'] ?? entry.type), ['t0', 'gone'])
  await producer.send({ to: { user: 'tail' }, title: 't3' })
  await device.message('t3')
  t.same(checkChain(t, device.entries, 'u:tail', 0).map(entry => entry['title'] ?? entry.type), ['t0', 'gone', 't3'])
})

t.test('expiry - of a post to a group, of a read and of an unread one', { buffered: true }, async t => {
  await producer.join('exp', 'exp-a')
  const session = await assign(site, 'exp-a')
  const read = await producer.send({ to: { group: 'exp' }, title: 'e1', ttl: 2 })
  await producer.send({ to: { group: 'exp' }, title: 'e2', ttl: 2 })
  const last = await producer.send({ to: { group: 'exp' }, title: 'e3' })
  await session.patch(read.id, { read: true })
  t.equal(await session.unread(), 2)
  await over(last.createdAt, 2)
  t.equal(await session.unread(), 1)
  t.same((await session.list()).map(message => message.title), ['e3'])
  const device = await openSocket(t, session, { cursors: { 'u:exp-a': 0 } })
  t.equal(device.ready.unread, 1)
  await device.message('e3')
  t.same(device.titles('g:exp'), ['e3'])
})

t.test('expiry - a node that first hears of a message after its end does not count it', { buffered: true }, async t => {
  // A site of its own: what is sent to all counts for everybody.
  const own = await startDeployment(t)
  const producer = producerOf(own)
  const sessions = await assignBoth(own, 'idle')
  await producer.join('idle', 'idle')
  for (const to of [{ user: 'idle' }, { group: 'idle' }, { all: true }]) {
    const before = await Promise.all(sessions.map(async session => await session.unread()))
    const last = await producer.send({ to, title: 'short', ttl: 1 })
    await over(last.createdAt, 1)
    t.same(await Promise.all(sessions.map(async session => await session.unread())), before, JSON.stringify(to))
  }
})

t.test('expiry - a message without a ttl is kept as the setting says', { buffered: true }, async t => {
  const short = await startDeployment(t, { settings: { GATEPOST_RETENTION: '2s' }, nodes: 1 })
  const system = producerOf(short)
  const session = await assign(short, 'ret')
  const sent = await system.send({ to: { user: 'ret' }, title: 'default' })
  await system.send({ to: { user: 'ret' }, title: 'longer', ttl: 600 })
  const [, first] = await session.list()
  t.ok(Math.abs(Date.parse(first.expiresAt) - Date.parse(sent.createdAt) - 2000) < 1000)
  await over(sent.createdAt, 2)
  t.same((await session.list()).map(message => message.title), ['longer'])
})
