import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('recall - by its sender: gone for everyone, on all devices, on one that was away', async t => {
  const sender = await assign(site, 'r-ada')
  const [one, two] = await assignBoth(site, 'r-grace')
  const devices = [await openSocket(t, one), await openSocket(t, two)]
  const before = devices[0]?.ready.heads ?? {}
  const own = await openSocket(t, sender)
  const { id } = await sender.send({ to: { users: ['r-grace', 'r-linus'] }, title: 'SECRET title', body: 'SECRET body', data: { secret: 'SECRET data' } })
  const original = await devices[0]?.message('SECRET title')
  const away = await openSocket(t, two)
  await away.ask('sync', { cursors: before })
  away.close()
  const answer = await sender.call('POST', `/messages/${id}/recall`)
  t.equal(answer.status, 200)
  for (const device of devices) {
    const change = await device.change(entry => entry['recalled'] === true)
    t.equal(change.stream, 'u:r-grace', "a recall lies in the message's stream")
    t.same(change['ids'], [id])
    t.ok((change.seq ?? 0) > (original?.seq ?? 0))
  }
  await own.change(entry => entry['recalled'] === true && entry['ids']?.[0] === id)
  for (const session of [one, two, await assign(site, 'r-linus')]) {
    t.match(await session.get(`/messages/${id}`), { id, title: null, body: null, data: null, recalled: true })
    t.match(await session.list(), [{ id, title: null, body: null, data: null, recalled: true }], 'stays listed')
    t.equal(await session.unread(), 0, 'is not unread')
    t.notMatch(JSON.stringify(await session.list()), 'SECRET')
  }
  t.match(await sender.list('box=sent'), [{ id, title: null, recalled: true }])
  const back = await openSocket(t, two, { cursors: { [original?.stream ?? '']: original?.seq } })
  await back.change(entry => entry['recalled'] === true && entry['ids']?.[0] === id)
  const fresh = await openSocket(t, one, { cursors: { ...before, 'u:r-grace': 0 } })
  await fresh.change(entry => entry['recalled'] === true)
  t.notMatch(JSON.stringify(fresh.entries), 'SECRET', 'a replay does not show it')
  t.equal((await sender.call('POST', `/messages/${id}/recall`)).status, 200, 'once more is the same')
  t.equal(await one.unread(), 0)
})

t.test('recall - by others is refused and changes nothing', async t => {
  const sender = await assign(site, 's-ada')
  const receiver = await assign(site, 's-grace')
  const stranger = await assign(site, 's-mallory')
  const { id } = await sender.send({ to: { user: 's-grace' }, title: 'stays' })
  refused(t, await receiver.call('POST', `/messages/${id}/recall`), 403, 'GP_NOT_SENDER', 'the receiver')
  refused(t, await stranger.call('POST', `/messages/${id}/recall`), 404, 'GP_NOT_FOUND', 'a stranger')
  refused(t, await sender.call('POST', `/messages/${'0'.repeat(id.length)}/recall`), 404, 'GP_NOT_FOUND', 'an id that is none')
  refused(t, await sender.call('POST', '/messages/%20*%3E/recall'), 404, 'GP_NOT_FOUND', 'an id that cannot be one')
  const byProducer = await producer.call('POST', `/gate/messages/${id}/recall`, { body: { to: { user: 's-grace' } } })
  refused(t, byProducer, byProducer.status === 403 ? 403 : 404, ['GP_NOT_SENDER', 'GP_NOT_FOUND'], 'a producer')
  const system = await producer.send({ to: { user: 's-grace' }, title: 'system' })
  refused(t, await receiver.call('POST', `/messages/${system.id}/recall`), 403, 'GP_NOT_SENDER', "a producer's message by its receiver")
  t.same((await receiver.list()).map(message => [message.title, message.recalled]), [['system', false], ['stays', false]])
  t.equal(await receiver.unread(), 2)
})

t.test('recall - on another node than the one that took it', async t => {
  const [one, two] = await assignBoth(site, 'n-ada')
  const { id } = await one.send({ to: { user: 'n-grace' }, title: 'x' })
  t.equal((await two.call('POST', `/messages/${id}/recall`)).status, 200)
  t.match(await (await assign(site, 'n-grace')).list(), [{ id, recalled: true }])
})

t.test('recall - of a post to a group', async t => {
  for (const user of ['p-ada', 'p-grace']) await producer.join('p-staff', user)
  const sender = await assign(site, 'p-ada')
  const reader = await openSocket(t, await assign(site, 'p-grace'))
  const { id } = await sender.send({ to: { group: 'p-staff' }, title: 'POST' })
  await reader.message('POST')
  t.equal(await reader.session.unread(), 1)
  t.equal((await sender.call('POST', `/messages/${id}/recall`)).status, 200)
  const change = await reader.change(entry => entry['recalled'] === true)
  t.equal(change.stream, 'g:p-staff')
  t.equal(await reader.session.unread(), 0)
  t.match(await reader.session.list(), [{ id, title: null, recalled: true }])
  t.match(await sender.list('box=sent'), [{ id, title: null, recalled: true }], 'the copy too')
  refused(t, await reader.session.call('POST', `/messages/${id}/recall`), 403, 'GP_NOT_SENDER', 'by a member')
})

t.test('recall - by its producer, for each kind of receiver', async t => {
  const reader = await openSocket(t, await assign(site, 'q-grace'))
  await producer.join('q-staff', 'q-grace')
  for (const to of [{ user: 'q-grace' }, { users: ['q-grace', 'q-linus'] }, { group: 'q-staff' }, { all: true }]) {
    const title = `OFFER ${JSON.stringify(to)}`
    const { id } = await producer.send({ to, title })
    await reader.message(title)
    const wrong = await producer.call('POST', `/gate/messages/${id}/recall`, { body: { to: { user: 'somebody else' } } })
    refused(t, wrong, 404, 'GP_NOT_FOUND', 'another receiver than it was sent to')
    const other = await producerOf(site, 'another shop').call('POST', `/gate/messages/${id}/recall`, { body: { to } })
    refused(t, other, other.status === 403 ? 403 : 404, ['GP_NOT_SENDER', 'GP_NOT_FOUND'], 'another producer')
    t.equal((await reader.session.get(`/messages/${id}`)).recalled, false)
    const answer = await producer.call('POST', `/gate/messages/${id}/recall`, { body: { to } })
    t.equal(answer.status, 200, title, { answer: answer.text })
    await reader.change(entry => entry['recalled'] === true && entry['ids']?.[0] === id)
    t.match(await reader.session.get(`/messages/${id}`), { title: null, recalled: true })
    t.equal(await reader.session.unread(), 0)
    const again = await producer.call('POST', `/gate/messages/${id}/recall`, { body: { to } })
    t.equal(again.status, 200, 'once more is the same')
  }
  t.equal((await (await assign(site, 'q-linus')).list()).filter(message => message.recalled === true).length, 2, 'users and all')
})

t.test('recall - by a producer with malformed input', async t => {
  const { id } = await producer.send({ to: { user: 'm-grace' }, title: 'x' })
  for (const body of [{}, { to: null }, { to: 'm-grace' }, { to: { user: 'm-grace', group: 'a' } }, { to: { user: 5 } }, { to: { user: 'm-grace' }, force: true }, []]) {
    refused(t, await producer.call('POST', `/gate/messages/${id}/recall`, { body }), 400, 'GP_VALIDATION', JSON.stringify(body))
  }
  refused(t, await producer.call('POST', '/gate/messages/none/recall', { body: { to: { user: 'm-grace' } } }), 404, 'GP_NOT_FOUND', 'an id that cannot be one')
  refused(t, await producer.call('POST', `/gate/messages/${'0'.repeat(id.length)}/recall`, { body: { to: { user: 'm-grace' } } }), 404, 'GP_NOT_FOUND', 'an id that is none')
  t.equal((await (await assign(site, 'm-grace')).get(`/messages/${id}`)).recalled, false)
})

t.test('recall - after two minutes', { skip: process.env['GATEPOST_TEST_SLOW'] === undefined && 'takes two minutes: set GATEPOST_TEST_SLOW', timeout: 200_000 }, async t => {
  const sender = await assign(site, 'late')
  const { id } = await sender.send({ to: { user: 'late-b' }, title: 'x' })
  const system = await producer.send({ to: { user: 'late-b' }, title: 'y' })
  await new Promise(resolve => setTimeout(resolve, 121_000))
  refused(t, await sender.call('POST', `/messages/${id}/recall`), 409, 'GP_RECALL_EXPIRED', 'a user')
  t.equal((await producer.call('POST', `/gate/messages/${system.id}/recall`, { body: { to: { user: 'late-b' } } })).status, 200, 'a producer at any time')
})

t.test('recall - the process lives on', async t => {
  t.ok(site.isAlive())
  t.equal((await request(site.gate, 'GET', '/readyz')).status, 200)
})
