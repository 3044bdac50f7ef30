import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, isTime, openSocket, producerOf, refusedAck, refusedSocket } from '../helpers/raw-client.js'
import { nowSeconds, resign, signHs256, tampered } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)
// The tests wait for ends more than they work.
t.jobs = 6

t.test('sessions - an open socket outlives its ticket, but a new one does not open with it', { buffered: true }, async t => {
  const session = await assign(site, 'ada', { ticket: ticket => resign(ticket, { exp: nowSeconds() + 2 }, site.secret) })
  const device = await openSocket(t, session)
  await until('the ticket has expired', async () => (await session.call('GET', '/messages/unread')).body?.code === 'GP_TICKET_EXPIRED')
  await until('a while after', () => Date.now() / 1000 > nowSeconds() + 0.9)
  await producer.send({ to: { user: 'ada' }, title: 'still here' })
  await device.message('still here')
  t.equal((await device.ask('send', { to: { user: 'grace' }, title: 'x' })).error, undefined)
  t.equal(await refusedSocket(t, session, {}), 'GP_TICKET_EXPIRED')
  t.equal(device.closed(), undefined)
})

t.test('sessions - an open socket does not outlive the user token', { buffered: true }, async t => {
  const exp = nowSeconds() + 2
  const session = await assign(site, 'short', { token: site.userToken('short', { exp }) })
  const device = await openSocket(t, session)
  const polling = await openSocket(t, session, { transports: ['polling'] })
  await producer.send({ to: { user: 'short' }, title: 'before' })
  await device.message('before')
  await until('both are closed', () => device.closed() !== undefined && polling.closed() !== undefined, 8000)
  t.ok(Date.now() / 1000 >= exp - 0.2, 'not before the end')
  t.ok(Date.now() / 1000 < exp + 3, 'soon after the end')
  const code = await refusedSocket(t, session, {})
  t.ok(code === 'GP_TICKET_EXPIRED' || code === 'GP_TOKEN_EXPIRED', 'its ticket opens no other', { code })
  const answer = await session.call('GET', '/messages/unread')
  t.equal(answer.status, 401, 'nor does it serve on REST')
})

t.test('sessions - refresh prolongs an open socket', { buffered: true }, async t => {
  const session = await assign(site, 'long', { token: site.userToken('long', { exp: nowSeconds() + 2 }) })
  const device = await openSocket(t, session)
  const end = nowSeconds() + 600
  const answer = await device.ask('refresh', { token: site.userToken('long', { exp: end }) })
  t.same(Object.keys(answer), ['expiresAt'])
  t.ok(isTime(answer.expiresAt))
  t.ok(Math.abs(Date.parse(answer.expiresAt) / 1000 - end) < 1.1, 'the end of the new token', { answer })
  const late = nowSeconds() + 3
  await until('past the first end', () => nowSeconds() > late)
  await producer.send({ to: { user: 'long' }, title: 'still here' })
  await device.message('still here')
  t.equal(device.closed(), undefined)
})

t.test('sessions - refresh with a shorter token shortens', { buffered: true }, async t => {
  const device = await openSocket(t, await assign(site, 'shorten'))
  const answer = await device.ask('refresh', { token: site.userToken('shorten', { exp: nowSeconds() + 2 }) })
  if (answer.error !== undefined) { refusedAck(t, answer, ['GP_VALIDATION', 'GP_TOKEN_INVALID'], 'refused'); return }
  await until('closed', () => device.closed() !== undefined, 8000)
})

t.test('sessions - refresh takes a good token of the same user only', { buffered: true }, async t => {
  const session = await assign(site, 'same', { token: site.userToken('same', { exp: nowSeconds() + 3 }) })
  const device = await openSocket(t, session)
  const cases: Array<[string, unknown, string | string[]]> = [
    ['text', 'x.y.z', 'GP_TOKEN_INVALID'],
    ['tampered', tampered(site.userToken('same')), 'GP_TOKEN_INVALID'],
    ['expired', site.userToken('same', { exp: nowSeconds() - 5 }), 'GP_TOKEN_EXPIRED'],
    ['another secret', signHs256({ sub: 'same', exp: nowSeconds() + 60 }, 'z'.repeat(40)), 'GP_TOKEN_INVALID'],
    ['without exp', signHs256({ sub: 'same' }, site.secret), 'GP_TOKEN_INVALID'],
    ['another user', site.userToken('other'), ['GP_TOKEN_INVALID', 'GP_SCOPE', 'GP_VALIDATION']],
    ['a producer', site.producerToken('same'), ['GP_TOKEN_INVALID', 'GP_SCOPE']],
    ['a ticket', session.ticket, 'GP_TOKEN_INVALID'],
    ['nothing', '', ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_VALIDATION']]
  ]
  for (const [what, token, code] of cases) refusedAck(t, await device.ask('refresh', { token }), code, what)
  await until('a refused refresh prolongs nothing', () => device.closed() !== undefined, 8000)
})
