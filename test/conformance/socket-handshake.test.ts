import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refusedSocket, request, socketAddress } from '../helpers/raw-client.js'
import { nowSeconds, resign, signHs256, tampered, unsigned, claimsOf } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('handshake - ready comes first, with every stream of the user', async t => {
  await producer.join('h-staff', 'ada')
  const session = await assign(site, 'ada')
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']] as Array<Array<'websocket' | 'polling'>>) {
    const device = await openSocket(t, session, { transports })
    t.equal(device.events[0], 'ready')
    t.same(Object.keys(device.ready).sort(), ['byCategory', 'heads', 'node', 'unread', 'user'])
    t.match(device.ready, { user: 'ada', node: session.node.id, unread: 0, byCategory: {} })
    t.same(Object.keys(device.ready.heads).sort(), ['all', 'g:h-staff', 'u:ada'])
    t.equal(device.ready.heads['all'], 0, 'an empty one with 0')
    t.ok((device.ready.heads['u:ada'] ?? 0) > 0, 'the joining is an entry')
    device.close()
  }
  const { id } = await producer.send({ to: { user: 'ada' }, title: 'x', category: 'c' })
  const device = await openSocket(t, session)
  t.match(device.ready, { unread: 1, byCategory: { c: 1 } })
  t.equal(device.ready.heads['u:ada'], (await session.get(`/messages/${id}`)).seq)
  t.same(device.entries, [], 'without cursors only new ones')
  const empty = await openSocket(t, session, { cursors: {} })
  await producer.send({ to: { user: 'ada' }, title: 'y' })
  await empty.message('y')
  t.same(empty.titles(), ['y'], 'with empty cursors only new ones')
})

t.test('handshake - refusals carry their code', async t => {
  const [session, other] = await assignBoth(site, 'grace')
  const { ticket } = session
  const cases: Array<[string, Record<string, unknown>, string | string[]]> = [
    ['no auth', {}, 'GP_TOKEN_MISSING'],
    ['an empty ticket', { ticket: '' }, ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID']],
    ['null', { ticket: null }, ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_VALIDATION']],
    ['a number', { ticket: 5 }, ['GP_TOKEN_INVALID', 'GP_VALIDATION']],
    ['an object', { ticket: { a: 1 } }, ['GP_TOKEN_INVALID', 'GP_VALIDATION']],
    ['text', { ticket: 'x.y.z' }, 'GP_TOKEN_INVALID'],
    ['a user token', { ticket: session.token }, 'GP_TOKEN_INVALID'],
    ['a tampered ticket', { ticket: tampered(ticket) }, 'GP_TOKEN_INVALID'],
    ['an unsigned ticket', { ticket: unsigned(claimsOf(ticket)) }, 'GP_TOKEN_INVALID'],
    ['a ticket of another secret', { ticket: signHs256(claimsOf(ticket), 'y'.repeat(40)) }, 'GP_TOKEN_INVALID'],
    ['the ticket of another node', { ticket: other.ticket }, 'GP_TICKET_WRONG_NODE'],
    ['an expired ticket', { ticket: resign(ticket, { exp: nowSeconds() - 1 }, site.secret) }, 'GP_TICKET_EXPIRED']
  ]
  for (const cursors of ['x', 5, [], ['u:grace'], { 'u:grace': '5' }, { 'u:grace': -1 }, { 'u:grace': 1.5 }, { 'u:grace': null }, { 'u:grace': 2 ** 53 }, { all: true }, { all: {} }]) {
    cases.push([`cursors ${JSON.stringify(cursors)}`, { ticket, cursors }, 'GP_VALIDATION'])
  }
  for (const topics of ['x', 5, {}, [5], [null], [''], ['x'.repeat(129)], ['a\nb'], [['a']]]) cases.push([`topics ${JSON.stringify(topics)}`, { ticket, topics }, 'GP_VALIDATION'])
  for (const [what, auth, code] of cases) {
    const got = await refusedSocket(t, session, { auth })
    t.ok((typeof code === 'string' ? [code] : code).includes(got ?? ''), what, { expected: code, got })
  }
  t.ok(['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID'].includes(await refusedSocket(t, session, { auth: { token: ticket } }) ?? ''), 'a ticket under another name')
  t.equal((await producer.call('GET', '/gate/users/grace/presence')).body.sockets, 0, 'none of them is a socket')
})

t.test('handshake - over REST an expired ticket has its code', async t => {
  const session = await assign(site, 'grace', { ticket: ticket => resign(ticket, { exp: nowSeconds() - 1 }, site.secret) })
  const answer = await session.call('GET', '/messages')
  t.equal(answer.status, 401)
  t.equal(answer.body.code, 'GP_TICKET_EXPIRED')
})

t.test('handshake - cursors of what one may not see are ignored and show nothing', async t => {
  await producer.send({ to: { user: 'victim' }, title: 'private' })
  await producer.join('h-secret', 'victim')
  await producer.send({ to: { group: 'h-secret' }, title: 'group private' })
  const session = await assign(site, 'mallory')
  const cursors = { 'u:victim': 0, 'g:h-secret': 0, 'g:never was': 0, all: 0 }
  const device = await openSocket(t, session, { cursors })
  await producer.send({ to: { user: 'mallory' }, title: 'fence' })
  await device.message('fence')
  t.same(device.titles(), ['fence'])
  t.same(Object.keys(device.ready.heads).sort(), ['all', 'u:mallory'])
  const answer = await device.ask('sync', { cursors })
  t.notMatch(JSON.stringify(answer), 'private')
  t.notMatch(JSON.stringify(answer), 'victim')
})

t.test('handshake - cursors of what is no stream are ignored or refused', async t => {
  const session = await assign(site, 'mallory')
  for (const stream of ['nonsense', 'u:', '', 'ALL', `n:${session.node.id}`, '__proto__', 'constructor', 'u:\ud800', 'x'.repeat(100_000)]) {
    const got = await refusedSocket(t, session, { cursors: JSON.parse(`{${JSON.stringify(stream)}:0}`) as object })
    t.ok(got === 'accepted' || got === 'GP_VALIDATION', stream.slice(0, 20), { got })
  }
})

t.test('handshake - a cursor ahead of the stream, or between two entries', async t => {
  const session = await assign(site, 'odd')
  const seqs: number[] = []
  for (let i = 0; i < 3; i++) {
    const { id } = await producer.send({ to: { user: 'odd' }, title: `o${i}` })
    seqs.push((await session.get(`/messages/${id}`)).seq)
  }
  const ahead = await openSocket(t, session, { cursors: { 'u:odd': Number.MAX_SAFE_INTEGER } })
  t.equal(ahead.ready.user, 'odd')
  const between = await openSocket(t, session, { cursors: { 'u:odd': (seqs[0] ?? 0) + 1 } })
  await between.message('o2')
  t.notOk(between.titles().includes('o0'))
  const exact = await openSocket(t, session, { cursors: { 'u:odd': seqs[1] } })
  await exact.message('o2')
  t.same(exact.titles(), ['o2'])
})

t.test('handshake - only the default namespace', async t => {
  const { io } = await import('socket.io-client')
  const session = await assign(site, 'ada')
  for (const namespace of ['/admin', '/x']) {
    const [address, path] = socketAddress(session.node, namespace)
    const socket = io(address, { ...path, auth: { ticket: session.ticket }, transports: ['websocket'], reconnection: false, forceNew: true })
    t.teardown(() => { socket.close() })
    let failure: Error | undefined
    socket.on('connect_error', error => { failure = error })
    await until('a refusal', () => failure)
    t.equal(socket.connected, false)
  }
})

t.test('handshake - pages of other origins may connect', async t => {
  const session = await assign(site, 'ada')
  const answer = await request(session.node.url, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: { origin: 'https://example.com' } })
  t.ok(['*', 'https://example.com'].includes(answer.headers.get('access-control-allow-origin') ?? ''))
  const rest = await request(session.node.url, 'GET', '/messages', { token: session.ticket, headers: { origin: 'https://example.com' } })
  t.ok(['*', 'https://example.com'].includes(rest.headers.get('access-control-allow-origin') ?? ''))
})
