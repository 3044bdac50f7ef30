import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused } from '../helpers/raw-client.js'

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '6', GATEPOST_RATE_PRODUCER: '30' } })

t.test('rates - a user above the rate is refused early, and nothing of it is stored', async t => {
  const session = await assign(site, 'ada')
  const device = await openSocket(t, session)
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) {
    const answer = await session.call('POST', '/messages', { body: { to: { user: 'grace' }, title: `${i}` } })
    statuses.push(answer.status)
    if (answer.status !== 201) refused(t, answer, 429, 'GP_RATE_LIMIT', `message ${i}`)
  }
  const stored = statuses.filter(status => status === 201).length
  t.ok(stored >= 6 && stored <= 8, 'about six of them', { stored })
  t.same(statuses, [...statuses].sort(), 'first those that were taken')
  t.equal((await device.ask('send', { to: { user: 'grace' }, title: 'x' })).error?.code, 'GP_RATE_LIMIT', 'the socket is no other way in')
  t.equal((await (await assign(site, 'grace')).list()).length, stored)
  t.equal((await session.list('box=sent')).length, stored)
  t.equal((await session.call('GET', '/messages')).status, 200, 'reading goes on')
  t.equal((await (await assign(site, 'linus')).call('POST', '/messages', { body: { to: { user: 'grace' }, title: 'x' } })).status, 201, 'another user is another one')
})

t.test('rates - a producer, with each message of a batch', async t => {
  const producer = producerOf(site, 'loud')
  const answer = await producer.call('POST', '/gate/messages', { body: Array.from({ length: 25 }, (_, i) => ({ to: { user: 'target' }, title: `${i}` })) })
  t.equal(answer.status, 207)
  let refusals = 0
  for (let i = 0; i < 12; i++) {
    const answer = await producer.call('POST', '/gate/messages', { body: { to: { user: 'target' }, title: 'x' } })
    if (answer.status !== 201) { refused(t, answer, 429, 'GP_RATE_LIMIT', `message ${i}`); refusals++ }
  }
  t.ok(refusals >= 5, 'refused above 30 a minute', { refusals })
  t.equal(await (await assign(site, 'target')).unread(), 25 + 12 - refusals)
  t.equal((await producerOf(site, 'quiet').call('POST', '/gate/messages', { body: { to: { user: 'target' }, title: 'x' } })).status, 201)
})

t.test('rates - a retry with a key is not a message more', async t => {
  const [one, two] = await assignBoth(site, 'retry')
  for (const session of [one, two]) {
    const answer = await session.call('POST', '/messages', { body: { to: { user: 'x' }, title: 'x' }, headers: { 'idempotency-key': 'k' } })
    t.ok(answer.status === 201 || answer.status === 200)
  }
})
