import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, refusedAck } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)
const mail = async (user: string, title: string, category?: string): Promise<string> => (await producer.send({ to: { user }, title, ...(category === undefined ? {} : { category }) })).id

t.test('read state - a mark on one device is seen at once on the others', async t => {
  const [one, two] = await assignBoth(site, 'ada')
  const devices = [await openSocket(t, one), await openSocket(t, two), await openSocket(t, two, { transports: ['polling'] })]
  const id = await mail('ada', 'a1')
  await mail('ada', 'a2')
  const answer = await one.patch(id, { read: true })
  t.match(answer, { id, title: 'a1', read: true, archived: false })
  for (const device of devices) {
    const change = await device.change(entry => entry['read'] === true)
    t.same(change['ids'], [id])
    t.equal(change.stream, 'u:ada')
    await until('unread 1', () => device.shown().unread === 1)
  }
  t.equal((await two.get(`/messages/${id}`)).read, true)
  t.same(await two.get('/messages/unread'), { unread: 1, byCategory: { general: 1 } })
  t.match(await two.patch(id, { read: false }), { id, read: false })
  for (const device of devices) await device.change(entry => entry['read'] === false && entry['ids']?.[0] === id)
  t.equal(await one.unread(), 2)
})

t.test('read state - archived, out of the archive, deleted', async t => {
  const [one, two] = await assignBoth(site, 'grace')
  const device = await openSocket(t, two)
  const id = await mail('grace', 'g1')
  t.match(await one.patch(id, { archived: true }), { id, archived: true, read: false })
  await device.change(entry => entry['archived'] === true && entry['ids']?.[0] === id)
  t.equal(await two.unread(), 0, 'archived is not unread')
  t.match(await one.patch(id, { archived: false, read: true }), { archived: false, read: true })
  t.match(await one.patch(id, { read: false }), { archived: false, read: false })
  t.equal(await two.unread(), 1)
  const answer = await one.call('DELETE', `/messages/${id}`)
  t.equal(answer.status, 204)
  t.equal(answer.text, '')
  await device.change(entry => entry['deleted'] === true && entry['ids']?.[0] === id)
  t.equal(await two.unread(), 0)
  t.same(await two.list(), [])
  for (const [method, body] of [['GET', undefined], ['PATCH', { read: true }]] as const) refused(t, await two.call(method, `/messages/${id}`, { body }), 404, 'GP_NOT_FOUND', `${method} of a deleted one`)
  const again = await two.call('DELETE', `/messages/${id}`)
  t.ok(again.status === 204 || again.status === 404, 'deleting again does no harm')
})

t.test('read state - deleting is for oneself only', async t => {
  const sender = await assign(site, 'del-a')
  const receiver = await assign(site, 'del-b')
  const { id } = await sender.send({ to: { user: 'del-b' }, title: 'x' })
  t.equal((await receiver.call('DELETE', `/messages/${id}`)).status, 204)
  t.same((await sender.list('box=sent')).map(message => message.id), [id])
  const second = await sender.send({ to: { user: 'del-b' }, title: 'y' })
  t.equal((await sender.call('DELETE', `/messages/${second.id}`)).status, 204)
  t.same((await receiver.list()).map(message => message.id), [second.id])
  t.same((await sender.list('box=sent')).map(message => message.id), [id])
})

t.test('read state - of messages of a group and to all: each member its own', async t => {
  for (const user of ['gr-a', 'gr-b']) await producer.join('gr', user)
  const a = await assign(site, 'gr-a')
  const b = await assign(site, 'gr-b')
  const { id } = await producer.send({ to: { group: 'gr' }, title: 'group' })
  const all = await producer.send({ to: { all: true }, title: 'all', category: 'all' })
  await a.patch(id, { read: true })
  await a.patch(all.id, { archived: true })
  t.equal(await a.unread(), 0)
  t.equal(await b.unread(), 2)
  t.equal((await a.call('DELETE', `/messages/${id}`)).status, 204)
  t.equal((await b.get(`/messages/${id}`)).title, 'group')
  t.same((await a.list('box=archived')).map(message => message.id), [all.id])
  await b.call('POST', '/messages/read', { body: {} })
  t.equal(await b.unread(), 0)
  t.equal((await b.list()).length, 2)
})

t.test('read up to - a place, a category, everything', async t => {
  const [one, two] = await assignBoth(site, 'upto')
  await one.call('POST', '/messages/read', { body: {} })
  const device = await openSocket(t, two)
  for (const [i, category] of ['a', 'b', 'a', 'b', 'a', 'b'].entries()) await mail('upto', `u${i}`, category)
  await device.message('u5')
  const seqs = device.entries.filter(entry => entry.type === 'message').map(entry => entry.seq ?? 0)
  t.same(await one.get('/messages/unread'), { unread: 6, byCategory: { a: 3, b: 3 } })
  const first = await one.call('POST', '/messages/read', { body: { upTo: { 'u:upto': seqs[1] } } })
  t.equal(first.status, 200)
  t.same(first.body, { unread: 4, byCategory: { a: 2, b: 2 } })
  const change = await device.change(entry => entry['readTo'] !== undefined)
  t.equal(change['readTo']['u:upto'], seqs[1])
  await until('unread 4', () => device.shown().unread === 4)
  t.same((await two.call('POST', '/messages/read', { body: { upTo: { 'u:upto': seqs[3] }, category: 'a' } })).body, { unread: 3, byCategory: { a: 1, b: 2 } })
  t.equal((await device.change(entry => entry['category'] === 'a'))['readTo']['u:upto'], seqs[3])
  t.same((await one.call('POST', '/messages/read', { body: { category: 'b' } })).body, { unread: 1, byCategory: { a: 1 } })
  t.same((await one.list('unread=true')).map(message => message.title), ['u4'])
  t.same((await two.call('POST', '/messages/read', { body: {} })).body, { unread: 0, byCategory: {} })
  await mail('upto', 'new', 'a')
  t.same(await one.get('/messages/unread'), { unread: 1, byCategory: { a: 1 } }, 'what comes later is unread')
  t.same((await two.call('POST', '/messages/read', { body: { upTo: { 'u:upto': seqs[0] } } })).body, { unread: 1, byCategory: { a: 1 } }, 'a mark never goes back')
})

t.test('read up to - an exception survives: unread by hand, then a later mark', async t => {
  const session = await assign(site, 'exception')
  await session.call('POST', '/messages/read', { body: {} })
  const ids = [await mail('exception', 'e0'), await mail('exception', 'e1'), await mail('exception', 'e2')]
  await session.call('POST', '/messages/read', { body: {} })
  await session.patch(ids[1] ?? '', { read: false })
  t.equal(await session.unread(), 1)
  t.same((await session.list('unread=true')).map(message => message.title), ['e1'])
  t.equal((await session.call('POST', '/messages/read', { body: {} })).body.unread, 0)
})

t.test('read state - over the socket', async t => {
  const [one, two] = await assignBoth(site, 'sock')
  await one.call('POST', '/messages/read', { body: {} })
  const device = await openSocket(t, one)
  const other = await openSocket(t, two)
  const ids = [await mail('sock', 's0', 'a'), await mail('sock', 's1', 'b'), await mail('sock', 's2', 'b')]
  t.same(await device.ask('read', { ids: [ids[0]] }), { unread: 2, byCategory: { b: 2 } })
  await other.change(entry => entry['read'] === true && entry['ids']?.includes(ids[0]))
  t.same(await device.ask('read', { ids: [ids[0]] }), { unread: 2, byCategory: { b: 2 } }, 'again')
  const seq = (await other.message('s1')).seq
  t.same(await other.ask('read', { upTo: { 'u:sock': seq } }), { unread: 1, byCategory: { b: 1 } })
  await device.change(entry => entry['readTo']?.['u:sock'] === seq)
  t.same(await two.get('/messages/unread'), { unread: 1, byCategory: { b: 1 } })
})

t.test('read state - many ids at once', async t => {
  const session = await assign(site, 'bulk')
  await session.call('POST', '/messages/read', { body: {} })
  const device = await openSocket(t, session)
  const results = await producer.sendAll(Array.from({ length: 300 }, (_, i) => ({ to: { user: 'bulk' }, title: `b${i}` })))
  const ids = results.map(result => result.id as string)
  t.equal(await session.unread(), 300)
  const odd = ids.filter((_, i) => i % 2 === 1)
  t.equal((await device.ask('read', { ids: odd })).unread, 150)
  t.equal((await session.list('unread=true')).length, 150)
  t.equal((await session.call('POST', '/messages/read', { body: {} })).body.unread, 0)
})

t.test('read state - malformed marks are refused and mark nothing', async t => {
  const session = await assign(site, 'bad')
  await session.call('POST', '/messages/read', { body: {} })
  const device = await openSocket(t, session)
  const id = await mail('bad', 'b1')
  await device.message('b1')
  for (const body of [{ read: 'true' }, { read: null }, { read: 1 }, { archived: 'no' }, { archived: null }, { deleted: true }, { read: true, title: 'x' }, [], 'text', null, 5]) {
    refused(t, await session.call('PATCH', `/messages/${id}`, { body }), 400, 'GP_VALIDATION', `PATCH ${JSON.stringify(body)}`)
  }
  for (const body of [{ upTo: null }, { upTo: 5 }, { upTo: [] }, { upTo: { 'u:bad': '5' } }, { upTo: { 'u:bad': -1 } }, { upTo: { 'u:bad': 1.5 } }, { upTo: { 'u:bad': 2 ** 53 } }, { upTo: { 'u:bad': null } },
    { category: 5 }, { category: '' }, { category: null }, { category: 'x'.repeat(129) }, { all: true }, { ids: [id] }, [], null, 'x']) {
    refused(t, await session.call('POST', '/messages/read', { body }), 400, 'GP_VALIDATION', `POST /messages/read ${JSON.stringify(body)}`)
  }
  for (const payload of [null, [], 'x', 5, { ids: 'x' }, { ids: [5] }, { ids: [null] }, { ids: { 0: id } }, { upTo: 'x' }, { upTo: { 'u:bad': '5' } }, { upTo: { 'u:bad': -1 } }, { ids: [id], all: true }]) {
    refusedAck(t, await device.ask('read', payload), 'GP_VALIDATION', `read ${JSON.stringify(payload)}`)
  }
  t.equal(await session.unread(), 1)
  t.equal((await session.get(`/messages/${id}`)).read, false)
})

t.test("read state - another one's streams and ids are not marked", async t => {
  const mallory = await assign(site, 'mallory')
  const victim = await assign(site, 'victim')
  await victim.call('POST', '/messages/read', { body: {} })
  const id = await mail('victim', 'v1')
  const socket = await openSocket(t, mallory)
  for (const upTo of [{ 'u:victim': Number.MAX_SAFE_INTEGER }, { 'g:unknown': 5 }, { 'n:node': 5 }, { nonsense: 5 }, JSON.parse('{"__proto__":5}') as object]) {
    const answer = await mallory.call('POST', '/messages/read', { body: { upTo } })
    t.ok([200, 400, 403, 404].includes(answer.status), JSON.stringify(upTo))
    await socket.ask('read', { upTo })
  }
  await socket.ask('read', { ids: [id, 'nonsense'] })
  t.equal(await victim.unread(), 1)
  t.ok(site.isAlive())
})

t.test("read state - one's own copies are never unread", async t => {
  const session = await assign(site, 'own')
  await session.call('POST', '/messages/read', { body: {} })
  const { id } = await session.send({ to: { user: 'own-b' }, title: 'x' })
  t.equal(await session.unread(), 0)
  await session.call('PATCH', `/messages/${id}`, { body: { read: false } })
  t.equal(await session.unread(), 0)
})
