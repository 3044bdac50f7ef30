import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, type RawSocket } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)

async function reached (devices: Record<string, RawSocket>, to: object, title: string): Promise<string[]> {
  const answer = await producer.call('POST', '/gate/messages', { body: { to, title } })
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`)
  // A volatile one to all goes the same way behind it: who has that and not the first will not get it.
  await producer.send({ to: { all: true }, title: `after ${title}`, volatile: true })
  await Promise.all(Object.values(devices).map(async device => await device.message(`after ${title}`)))
  return Object.keys(devices).filter(name => devices[name]?.titles().filter(one => one === title).length === 1).sort()
}

t.test('topics - exact and prefix, over both nodes, each socket once', async t => {
  const [a1, a2] = await assignBoth(site, 'ada')
  const [b1, b2] = await assignBoth(site, 'grace')
  const devices = {
    api: await openSocket(t, a1, { topics: ['ehr:api'] }),
    db: await openSocket(t, a2, { topics: ['ehr:db', 'ehr:api:v2'] }),
    ehr: await openSocket(t, b1, { topics: ['ehr'], transports: ['polling'] }),
    other: await openSocket(t, b2, { topics: ['crm:api', 'EHR:api', 'xehr:api'] }),
    none: await openSocket(t, b1)
  }
  t.same(await reached(devices, { topic: 'ehr:api' }, 'exact by default'), ['api'])
  t.same(await reached(devices, { topic: 'ehr:api', match: 'exact' }, 'exact'), ['api'])
  t.same(await reached(devices, { topic: 'ehr:', match: 'prefix' }, 'prefix with colon'), ['api', 'db'])
  t.same(await reached(devices, { topic: 'ehr:api', match: 'prefix' }, 'prefix'), ['api', 'db'])
  t.same(await reached(devices, { topic: 'e', match: 'prefix' }, 'short prefix'), ['api', 'db', 'ehr'])
  t.same(await reached(devices, { topic: 'ehr' }, 'exact ehr'), ['ehr'])
  t.same(await reached(devices, { topic: 'ehr:*' }, 'a star is no wildcard'), [])
  t.same(await reached(devices, { topic: '>', match: 'prefix' }, 'nor is this'), [])
  t.same(await reached(devices, { topic: '.', match: 'prefix' }, 'nor a dot'), [])
  const entry = await devices.api.message('prefix')
  t.match(entry, { type: 'message', to: { topic: 'ehr:api', match: 'prefix' }, from: { producer: 'shop' } })
  for (const field of ['stream', 'seq', 'prev']) t.notOk(field in entry)
  for (const session of [a1, b1]) t.equal(await session.unread(), 0)
})

t.test('topics - subscribe and unsubscribe while open, for this socket only', async t => {
  const [one, two] = await assignBoth(site, 'linus')
  const devices = { one: await openSocket(t, one, { topics: ['a'] }), two: await openSocket(t, two) }
  t.same((await devices.one.ask('subscribe', { topics: ['b', 'c', 'a'] })).topics.sort(), ['a', 'b', 'c'])
  t.same((await devices.two.ask('subscribe', { topics: ['c'] })).topics, ['c'])
  t.same(await reached(devices, { topic: 'c' }, 'c'), ['one', 'two'])
  t.same((await devices.one.ask('unsubscribe', { topics: ['c', 'never had'] })).topics.sort(), ['a', 'b'])
  t.same(await reached(devices, { topic: 'c' }, 'c again'), ['two'])
  t.same((await devices.one.ask('subscribe', { topics: [] })).topics.sort(), ['a', 'b'], 'a question')
  t.same(await reached(devices, { topic: 'a' }, 'a'), ['one'])
  t.same((await devices.one.ask('unsubscribe', { topics: ['a', 'b'] })).topics, [])
  t.same(await reached(devices, { topic: '', match: 'prefix' }, 'x').catch(() => 'refused'), 'refused', 'an empty prefix is no name')
})

t.test('topics - a refused subscription changes nothing', async t => {
  const device = await openSocket(t, await assign(site, 'kept'), { topics: ['k'] })
  t.equal((await device.ask('subscribe', { topics: ['good', 'x'.repeat(129)] })).error.code, 'GP_VALIDATION')
  t.same((await device.ask('subscribe', { topics: [] })).topics, ['k'])
})

t.test('topics - nothing of them is replayed', async t => {
  const session = await assign(site, 'late')
  await producer.send({ to: { topic: 'past' }, title: 'past' })
  const device = await openSocket(t, session, { topics: ['past'], cursors: { 'u:late': 0 } })
  t.same(await reached({ device }, { topic: 'past' }, 'present'), ['device'])
  t.notOk(device.titles().includes('past'))
})
