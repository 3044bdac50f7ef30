/** Sockets of form 2: beside one of form 1 each is told the same. What holds of sockets in general: form-2-events.test.ts, form-2-model.test.ts. */
import t from 'tap'
import type { Entry, RawSocket } from '../helpers/raw-client.js'
import { startDeployment } from '../helpers/deployment.js'
import { until } from '../helpers/until.js'

process.env['GATEPOST_TEST_FORM'] = '2'
const { assign, assignBoth, openSocket, producerOf } = await import('../helpers/raw-client.js')

const site = await startDeployment(t)
const producer = producerOf(site)

const lastOf = (device: RawSocket, stream: string): number | undefined => device.entries.filter(entry => entry.stream === stream).at(-1)?.seq
const byStream = (entries: readonly Entry[], stream: string | undefined): Entry[] => entries.filter(entry => entry.stream === stream)

t.test('form 2 - live, replayed and in pages: the same entries as in form 1, to the letter', async t => {
  await producer.join('f-staff', 'ann')
  const [one, two] = await assignBoth(site, 'ann')
  const bob = await assign(site, 'bob')
  const devices: RawSocket[] = []
  for (const session of [one, two]) for (const form of [1, 2] as const) devices.push(await openSocket(t, session, { form, topics: ['gold'] }))
  t.same(devices.map(({ ready }) => [ready.form, ready.ttl]), [[undefined, undefined], [2, 30 * 86_400], [undefined, undefined], [2, 30 * 86_400]])

  const { id } = await bob.send({ to: { user: 'ann' }, title: 'first', body: '{"to":', data: { category: 'x', boxes: ['inbox'] }, category: 'chat', ttl: 3600 })
  await bob.send({ to: { users: ['ann', 'bob'] }, data: [null], url: '/x', actions: [{ id: 'yes', label: 'Yes', url: '/y' }] })
  await one.send({ to: { user: 'ann' }, body: 'to myself' })
  await one.send({ to: { group: 'f-staff' }, title: 'to my group' })
  await producer.send({ to: { all: true }, body: 'to all', sender: { name: 'The shop', picture: '/shop.png' } })
  await producer.send({ to: { group: 'f-staff' }, body: 'to a group' })
  const { id: taken } = await producer.send({ to: { user: 'ann' }, body: 'taken back' })
  await producer.call('POST', `/gate/messages/${taken}/recall`, { body: { to: { user: 'ann' } } })
  await one.patch(id, { read: true })
  await producer.send({ to: { topic: 'gold' }, data: 5 })
  await producer.send({ to: { user: 'ann' }, body: 'typing', volatile: true, ttl: 60 })
  await producer.send({ to: { user: 'ann' }, title: 'last' })
  for (const device of devices) await device.message('last')
  await until('what is not in the stream of the last', () => devices.every(device => byStream(device.entries, undefined).length === 2 && lastOf(device, 'all') === lastOf(devices[0]!, 'all') && lastOf(device, 'g:f-staff') === lastOf(devices[0]!, 'g:f-staff')))
  for (const stream of ['u:ann', 'all', 'g:f-staff', undefined]) {
    const wanted = byStream(devices[0]!.entries, stream)
    t.ok(wanted.length > 0)
    for (const device of devices) t.equal(JSON.stringify(byStream(device.entries, stream)), JSON.stringify(wanted), `live: ${stream}`)
  }

  const [whole, compact] = [await openSocket(t, one, { form: 1, cursors: { 'u:ann': 0 } }), await openSocket(t, two, { form: 2, cursors: { 'u:ann': 0 } })]
  for (const device of [whole, compact]) await device.message('last')
  const heads = whole.ready.heads
  await until('all of it', () => [whole, compact].every(device => Object.keys(heads).every(stream => lastOf(device, stream) === heads[stream])))
  for (const stream of Object.keys(heads)) t.equal(JSON.stringify(byStream(compact.entries, stream)), JSON.stringify(byStream(whole.entries, stream)), `replayed: ${stream}`)
  const pages = await Promise.all([whole, compact].map(async device => await device.ask('sync', { cursors: { 'u:ann': 0 }, limit: 5 })))
  t.ok(pages[0].entries.length === 5 && pages[0].more)
  t.equal(JSON.stringify(pages[1].entries), JSON.stringify(pages[0].entries), 'a page')
  t.same(pages[1].heads, heads)
})

t.test('form 2 - over long-polling', async t => {
  const session = await assign(site, 'polls')
  const device = await openSocket(t, session, { transports: ['polling'] })
  await producer.send({ to: { user: 'polls' }, title: 'hello' })
  t.match(await device.message('hello'), { to: { user: 'polls' }, read: false })
})
