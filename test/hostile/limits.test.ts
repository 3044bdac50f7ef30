/** What one socket may ask for at most, and what a request may hold. */
import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, openSocket, refusedAck, refusedSocket } from '../helpers/raw-client.js'

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '0' } })
const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `topic-${from + i}`)
const cursorsOf = (count: number): Record<string, number> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`g:group-${i}`, i]))

t.test('limits - 1,000 topics for a socket, however they come', async t => {
  const session = await assign(site, 'ada')
  t.equal(await refusedSocket(t, session, { topics: names(1001) }), 'GP_VALIDATION')
  const device = await openSocket(t, session, { topics: names(600) })
  t.equal((await device.ask('subscribe', { topics: names(400, 600) })).topics.length, 1000)
  refusedAck(t, await device.ask('subscribe', { topics: ['one more'] }), 'GP_VALIDATION', 'the 1,001st')
  refusedAck(t, await device.ask('subscribe', { topics: names(1001) }), 'GP_VALIDATION', '1,001 at once')
  t.equal((await device.ask('subscribe', { topics: names(1000) })).topics.length, 1000, 'those that it has are no more')
  t.equal((await device.ask('unsubscribe', { topics: names(1) })).topics.length, 999)
  t.equal((await device.ask('subscribe', { topics: ['one more'] })).topics.length, 1000)
})

t.test('limits - 10,000 cursors for a socket', async t => {
  const session = await assign(site, 'ada')
  t.equal(await refusedSocket(t, session, { cursors: cursorsOf(10_001) }), 'GP_VALIDATION')
  const device = await openSocket(t, session, { cursors: cursorsOf(10_000) })
  t.same(await device.ask('sync', { cursors: { ...device.ready.heads, ...cursorsOf(9000) } }), { entries: [], heads: device.ready.heads, more: false })
  refusedAck(t, await device.ask('sync', { cursors: cursorsOf(10_001) }), 'GP_VALIDATION', 'sync')
  refusedAck(t, await device.ask('read', { upTo: cursorsOf(10_001) }), 'GP_VALIDATION', 'read')
  refusedAck(t, await device.ask('read', { ids: Array.from({ length: 1001 }, (_, i) => String(i)) }), 'GP_VALIDATION', '1,001 ids')
  t.equal(device.closed(), undefined)
})
