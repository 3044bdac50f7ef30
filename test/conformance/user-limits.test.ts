import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, refusedAck, refusedSocket } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '60', GATEPOST_MAX_RECEIVERS: '20', GATEPOST_MAX_TTL: '1h', GATEPOST_SOCKETS_PER_USER: '4' } })
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `reader ${i}`)

t.test('limits - receivers of a message by a user, and its ttl', async t => {
  const session = await assign(site, 'ada')
  const many = await session.call('POST', '/messages', { body: { to: { users: names(21) }, title: 'x' } })
  refused(t, many, 400, 'GP_VALIDATION', '21 of 20')
  t.match(many.body.message, /^to\.users: got .*21.*; takes .*20/)
  const long = await session.call('POST', '/messages', { body: { to: { user: 'x' }, title: 'x', ttl: 3_601 } })
  refused(t, long, 400, 'GP_VALIDATION', 'more than an hour')
  t.match(long.body.message, /^ttl: got 3601; takes .*3600/)
  const device = await openSocket(t, session)
  refusedAck(t, await device.ask('send', { to: { users: names(21) }, title: 'x' }), 'GP_VALIDATION', 'by the socket')
  t.equal(await (await assign(site, 'reader 0')).unread(), 0, 'nothing was stored')
  t.equal((await session.call('POST', '/messages', { body: { to: { users: [...names(20), ...names(20)] }, title: 'x', ttl: 3_600 } })).status, 201, 'one named twice is one')
  t.equal((await producerOf(site).call('POST', '/gate/messages', { body: { to: { users: names(1_000) }, title: 'x', ttl: 315_360_000 } })).status, 201, 'a producer may')
})

t.test('limits - a message counts for its receivers', async t => {
  const session = await assign(site, 'bob')
  for (let i = 0; i < 3; i++) t.equal((await session.call('POST', '/messages', { body: { to: { users: names(20) }, title: 'x' } })).status, 201)
  refused(t, await session.call('POST', '/messages', { body: { to: { users: names(20) }, title: 'x' } }), 429, 'GP_RATE_LIMIT', 'the fourth twenty')
  t.equal((await session.call('GET', '/messages')).status, 200, 'reading has a part of its own')
})

t.test('limits - marks and lists count, on whatever node', async t => {
  const sessions = await assignBoth(site, 'carl')
  const id = (await sessions[0].send({ to: { user: 'carl' }, title: 'x' })).id as string
  const statuses = async (method: string, path: string, body?: object): Promise<Record<number, number> & { seconds: number }> => {
    const counts: Record<number, number> = {}
    const begun = performance.now()
    for (let i = 0; i < 140; i++) {
      const { status } = await sessions[i % 2]!.call(method, path, body === undefined ? {} : { body })
      counts[status] = (counts[status] ?? 0) + 1
    }
    return { ...counts, seconds: (performance.now() - begun) / 1000 }
  }
  const marks = await statuses('PATCH', `/messages/${id}`, { archived: true })
  t.ok(marks[200]! >= 56 && marks[200]! <= 61 + marks.seconds, '59 of 60 are left, and what comes back meanwhile', marks)
  t.equal(marks[200]! + marks[429]!, 140)
  const lists = await statuses('GET', '/messages')
  t.ok(lists[200]! >= 25 && lists[200]! <= 31 + 1.5 * lists.seconds + marks.seconds, 'reading: half as much of its own', lists)
  t.equal(lists[200]! + lists[429]!, 140)
  t.equal(await refusedSocket(t, sessions[0], {}), 'GP_RATE_LIMIT', 'a handshake counts')
  t.equal(await refusedSocket(t, sessions[1], {}), 'GP_RATE_LIMIT')
})

t.test('limits - streams in one request count, beyond as many as anybody has', async t => {
  const streams = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`g:none ${i}`, 1]))
  const reader = await assign(site, 'erik')
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await reader.call('POST', '/messages/read', { body: { upTo: streams } })).status)
  t.same(statuses, [200, 200, 200, 429], 'REST: 20 of 60 each')
  const device = await openSocket(t, await assign(site, 'fay'))
  for (let i = 0; i < 4; i++) await device.ask('sync', { cursors: streams })
  refusedAck(t, await device.ask('sync', { cursors: streams }), 'GP_RATE_LIMIT', 'sync: of 90')
  refusedAck(t, await device.ask('read', { upTo: { ...streams, more: 'x' } }), 'GP_VALIDATION', 'no number')
})

t.test('limits - sockets of one user, however many come at once', async t => {
  const session = await assign(site, 'dora')
  const answers = await Promise.all(Array.from({ length: 12 }, () => refusedSocket(t, session, {})))
  t.same(answers.filter(answer => answer === 'accepted').length, 4)
  t.same(answers.filter(answer => answer === 'GP_RATE_LIMIT').length, 8)
})

t.test('limits - a socket that goes makes room for another', async t => {
  const session = await assign(site, 'emil')
  const devices = await Promise.all([1, 2, 3, 4].map(async () => await openSocket(t, session)))
  t.equal(await refusedSocket(t, session, {}), 'GP_RATE_LIMIT')
  devices[0]!.close()
  await until('another is taken', async () => await refusedSocket(t, session, {}) === 'accepted')
})

t.test('limits - sockets of one user over all nodes', async t => {
  const [first, second] = await assignBoth(site, 'fay')
  const devices = await Promise.all([first, second, second].map(async session => await openSocket(t, session)))
  const answers = await Promise.all([first, second, first, second].map(async session => await refusedSocket(t, session, {})))
  t.ok(answers.filter(answer => answer === 'accepted').length <= 1, 'at once on both: no more than four in all', { answers })
  if (!answers.includes('accepted')) await until('the fourth is taken', async () => await refusedSocket(t, first, {}) === 'accepted')
  t.equal(await refusedSocket(t, first, {}), 'GP_RATE_LIMIT')
  t.equal(await refusedSocket(t, second, {}), 'GP_RATE_LIMIT')
  devices[1]!.close()
  await until('one that goes there makes room here', async () => await refusedSocket(t, first, {}) === 'accepted')
})

t.test('limits - a connection that has gone before its handshake is looked at holds nothing', async t => {
  const session = await assign(site, 'gus')
  for (let i = 0; i < 8; i++) {
    const polling = `${session.node.url}/socket.io/?EIO=4&transport=polling`
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string }
    // The handshake, and in the same body the end of the connection.
    await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ ticket: session.ticket })}\x1e1` })
  }
  await Promise.all([1, 2, 3, 4].map(async () => await openSocket(t, session)))
  t.equal(await refusedSocket(t, session, {}), 'GP_RATE_LIMIT', 'four are as many as a user may have')
})
