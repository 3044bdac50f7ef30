/** Events that come in a crowd, as stock clients send what they have gathered while they were away: served, slowed or refused, never cut. */
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, openSocket, refusedAck, request, socketAddress, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '1000000' } })
const transports = ['websocket', 'polling'] as const
const crowd = 3_000
t.setTimeout(1_200_000)

interface Flushed { socket: Socket, answers: any[], reasons: string[] }

/** A stock client that has gathered these payloads of an event while it was away. */
function flush (t: Test, { node, ticket }: Session, transport: typeof transports[number], event: string, payloads: readonly object[]): Flushed {
  const [origin, path] = socketAddress(node)
  const socket = io(origin, { ...path, auth: { ticket }, transports: [transport], forceNew: true, autoConnect: false, reconnection: false })
  t.teardown(() => { socket.close() })
  const flushed: Flushed = { socket, answers: [], reasons: [] }
  socket.on('disconnect', reason => { flushed.reasons.push(reason) })
  for (const payload of payloads) socket.emit(event, payload, (answer: unknown) => { flushed.answers.push(answer) })
  socket.connect()
  return flushed
}

for (const transport of transports) {
  t.test(`crowds - ${crowd} messages that were written offline, over ${transport}`, async t => {
    const session = await assign(site, `writer-${transport}`)
    const { answers, reasons } = flush(t, session, transport, 'send', Array.from({ length: crowd }, (_, i) => ({ to: { user: `reader-${transport}` }, title: `m${i}` })))
    await until('all are answered', () => answers.length === crowd || reasons.length > 0, 400_000)
    t.same(reasons, [], 'it stays connected')
    t.equal(answers.length, crowd)
    const stored = answers.filter(({ id }) => typeof id === 'string')
    for (const answer of answers.filter(({ id }) => id === undefined)) refusedAck(t, answer, ['GP_OVERLOADED', 'GP_RATE_LIMIT'], 'refused with a code')
    t.equal(stored.length, crowd, 'all of them are served')
    const reader = await assign(site, `reader-${transport}`)
    t.equal(await reader.unread(), stored.length, 'what was stored was answered, and the reverse')
  })

  t.test(`crowds - 100 messages of 60 KB over ${transport}`, async t => {
    const session = await assign(site, `heavy-${transport}`)
    const { answers, reasons } = flush(t, session, transport, 'send', Array.from({ length: 100 }, () => ({ to: { user: 'heavy-reader' }, body: 'x'.repeat(60_000) })))
    await until('all are answered', () => answers.length === 100 || reasons.length > 0, 400_000)
    t.same(reasons, [])
    t.equal(answers.filter(({ id }) => typeof id === 'string').length, 100)
  })
}

t.test('crowds - more than can wait: each is answered, some with a refusal, and the socket goes on', async t => {
  const session = await assign(site, 'eager')
  const count = 9_000
  // In one POST; each `sync` reads the store, so that they cannot be answered as they come.
  const { socket, answers, reasons } = flush(t, session, 'polling', 'sync', Array.from({ length: count }, () => ({ cursors: {} })))
  await until('all are answered', () => answers.length === count || reasons.length > 0, 400_000)
  t.same(reasons, [])
  const refusals = answers.filter(({ error }) => error !== undefined)
  t.ok(refusals.length > 0 && refusals.length < count, 'some are refused', { refusals: refusals.length })
  for (const answer of refusals.slice(0, 3)) refusedAck(t, answer, 'GP_OVERLOADED', 'over the bound')
  t.match(await socket.timeout(10_000).emitWithAck('subscribe', { topics: ['a'] }), { topics: ['a'] })
})

t.test('crowds - an event of another name is refused where it can be', async t => {
  const device = await openSocket(t, await assign(site, 'typist'))
  refusedAck(t, await device.ask('sned', { to: { user: 'ada' }, title: 'x' }), 'GP_NOT_FOUND', 'a slip')
  refusedAck(t, await device.ask('__proto__'), 'GP_NOT_FOUND', 'a name of all objects')
  device.socket.emit('sned', {})
  t.match(await device.ask('subscribe', { topics: ['a'] }), { topics: ['a'] }, 'and without an acknowledgement it is passed over')
})

t.test('crowds - null is what typed clients send for what is not set', async t => {
  const session = await assign(site, 'typed')
  const device = await openSocket(t, session, { auth: { ticket: session.ticket, cursors: null, topics: null } })
  t.same(device.ready.user, 'typed')
})

t.test('polling - answers are not sniffed, and are no scripts', async t => {
  const { node } = await assign(site, 'poller')
  const opened = await request(node.url, 'GET', '/socket.io/?EIO=4&transport=polling')
  t.equal(opened.status, 200)
  t.equal(opened.headers.get('x-content-type-options'), 'nosniff')
  const script = await request(node.url, 'GET', '/socket.io/?EIO=4&transport=polling&j=0')
  t.equal(script.status, 403)
  t.equal(script.headers.get('x-content-type-options'), 'nosniff')
  t.notMatch(script.text, /___eio/)
})
