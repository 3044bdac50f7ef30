import t from 'tap'
import type { Link } from '../../clients/link.js'
import { createOutbox } from '../../clients/outbox.js'
import { createSlot } from '../../clients/storage.js'
import { bodies, memoryStorage, probeInbox } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken, type WireDouble } from '../helpers/wire-double.js'

const received = (server: WireDouble, user: string): unknown[] => server.entriesOf(`u:${user}`).map(({ content }) => content['body'])

t.test('outbox - a send answers what the node answered', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  const answer = await inbox.send({ to: { user: 'bob' }, title: 'Hi', body: 'one' })
  t.match(answer, { id: String, stream: 'u:ann', seq: Number, duplicate: false })
  t.strictSame(received(server, 'bob'), ['one'])
  await until('copy', () => entries.length === 1)
  t.strictSame((await inbox.send({ to: { user: 'bob' }, body: 'two' }, { idempotencyKey: 'k' })).duplicate, false)
  t.strictSame((await inbox.send({ to: { user: 'bob' }, body: 'two' }, { idempotencyKey: 'k' })).duplicate, true)
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'three' }, { idempotencyKey: 'k' }), { code: 'GP_IDEMPOTENCY_CONFLICT' })
})

t.test('outbox - what is sent offline goes out in order once it is back', async t => {
  const server = await startWireDouble(t)
  for (const node of server.nodes) await node.kill()
  const { inbox, sent } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  const message = { to: { user: 'bob' }, body: '0' }
  const answers = [inbox.send(message)]
  // What the application does to its object afterwards is not part of the send.
  message.body = 'changed'
  for (let i = 1; i < 50; i += 1) answers.push(inbox.send({ to: { user: 'bob' }, body: String(i) }))
  t.equal(inbox.queuedSends, 50)
  for (const node of server.nodes) await node.revive()
  await Promise.all(answers)
  t.strictSame(received(server, 'bob'), Array.from({ length: 50 }, (_, i) => String(i)))
  t.equal(inbox.queuedSends, 0)
  await until('told', () => sent.length === 50)
})

t.test('outbox - lost answers and refusals for now do not double anything', async t => {
  const server = await startWireDouble(t)
  const { inbox } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.loseAcks = 2
  server.faults.refuseSends.push('GP_OVERLOADED', 'GP_RATE_LIMIT', 'GP_DRAINING', 'GP_TOKEN_EXPIRED')
  const answers = await Promise.all(['a', 'b', 'c'].map(async body => await inbox.send({ to: { user: 'bob' }, body })))
  t.strictSame(received(server, 'bob'), ['a', 'b', 'c'])
  t.ok(answers[0]?.duplicate)
  server.faults.loseAcks = 1
  const answer = inbox.send({ to: { user: 'bob' }, body: 'd' })
  await until('stored', () => received(server, 'bob').includes('d'))
  server.cut('ann')
  t.ok((await answer).duplicate)
  t.strictSame(received(server, 'bob'), ['a', 'b', 'c', 'd'])
})

t.test('outbox - a server that does not know the outcome is asked again under the same key', async t => {
  const server = await startWireDouble(t)
  const { inbox, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.refuseSends.push('GP_OUTCOME_UNKNOWN', 'GP_OUTCOME_UNKNOWN')
  const answers = await Promise.all(['a', 'b'].map(async body => await inbox.send({ to: { user: 'bob' }, body })))
  t.strictSame(answers.map(({ duplicate }) => duplicate), [true, false])
  t.strictSame(received(server, 'bob'), ['a', 'b'])
  t.strictSame(errors.map(({ code, retry }) => [code, retry]), [['GP_OUTCOME_UNKNOWN', 'later'], ['GP_OUTCOME_UNKNOWN', 'later']])
  server.faults.refuseSends.push('GP_OUTCOME_UNKNOWN')
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x', volatile: true }), { code: 'GP_OUTCOME_UNKNOWN', retry: 'never' }, 'no key protects a volatile one')
})

t.test('outbox - what can never be sent is refused and holds up nothing', async t => {
  const server = await startWireDouble(t)
  const { inbox, sent } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.refuseSends.push('GP_NOT_MEMBER', ...Array<string>(5).fill('GP_INTERNAL'))
  const first = t.rejects(inbox.send({ to: { group: 'x' }, body: 'a' }), { code: 'GP_NOT_MEMBER', retry: 'never' })
  const second = t.rejects(inbox.send({ to: { user: 'bob' }, body: 'b' }), { code: 'GP_INTERNAL' })
  await inbox.send({ to: { user: 'bob' }, body: 'c' })
  await Promise.all([first, second])
  t.strictSame(received(server, 'bob'), ['c'])
  await until('told', () => sent.length === 3)
  t.strictSame(sent.map(({ error }) => error?.code), ['GP_NOT_MEMBER', 'GP_INTERNAL', undefined])
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x'.repeat(200_000) }), { code: 'GP_TOO_LARGE' })
  await t.rejects(inbox.send({ to: { user: 'bob' }, data: 1n }), { code: 'GP_VALIDATION' })
  t.equal(inbox.queuedSends, 0)
})

t.test('outbox - a volatile message whose answer is lost is not sent again', async t => {
  const server = await startWireDouble(t)
  const { inbox } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.loseAcks = 1
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x', volatile: true }), { code: 'GP_OUTCOME_UNKNOWN', retry: 'never' })
  t.equal(server.seen.sends.length, 1)
})

t.test('outbox - bounded, with an error that says so', async t => {
  const { inbox } = probeInbox(t, { gate: 'http://127.0.0.1:9', token: userToken('ann'), maxQueuedSends: 2 })
  const waiting = [1, 2].map(async () => { await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x' }), { code: 'GP_CLOSED' }) })
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x' }), { code: 'GP_QUEUE_FULL', retry: 'later' })
  await inbox.close()
  await Promise.all(waiting)
})

t.test('outbox - what waited at the end of one run is sent in the next, once', async t => {
  const server = await startWireDouble(t)
  const storage = memoryStorage()
  const first = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), storage })
  await first.inbox.whenLive()
  // Stored, but the first run never hears of it.
  server.faults.loseAcks = 1
  const lost = ['a', 'b', 'c'].map(async body => { await t.rejects(first.inbox.send({ to: { user: 'bob' }, body }), { code: 'GP_CLOSED' }) })
  await until('stored', () => received(server, 'bob').length === 1)
  await first.inbox.close()
  await Promise.all(lost)
  t.equal((JSON.parse(storage.kept.get('gatepost:ann:outbox') ?? '[]') as unknown[]).length, 3)

  const second = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), storage })
  await second.inbox.send({ to: { user: 'bob' }, body: 'd' })
  t.strictSame(received(server, 'bob'), ['a', 'b', 'c', 'd'])
  await until('told', () => second.sent.length === 4)
  t.strictSame(second.sent.map(({ message, answer }) => [message.body, answer?.duplicate]), [['a', true], ['b', false], ['c', false], ['d', false]])
  await until('empty', () => storage.kept.get('gatepost:ann:outbox') === '[]')
})

t.test('outbox - one that was tried a day ago is given up, for its key may be forgotten', async t => {
  const server = await startWireDouble(t)
  const dayAgo = Date.now() - 24 * 3_600_000
  const storage = memoryStorage({
    'gatepost:ann:outbox': JSON.stringify([
      { key: 'tried', message: { to: { user: 'bob' }, body: 'tried' }, attemptedAtMs: dayAgo },
      { key: 'waiting', message: { to: { user: 'bob' }, body: 'waiting' } },
      'nonsense'
    ])
  })
  const { sent, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), storage })
  await until('both', () => sent.length === 2)
  t.strictSame(sent.map(({ idempotencyKey, error }) => [idempotencyKey, error?.code]), [['tried', 'GP_OUTCOME_UNKNOWN'], ['waiting', undefined]])
  t.strictSame(received(server, 'bob'), ['waiting'])
  await until('copy', () => bodies(entries).length === 1)
})

t.test('outbox - what is sent before Gate has said whose it is, and closed at once, goes out in the next run', async t => {
  const server = await startWireDouble(t)
  const storage = memoryStorage()
  const options = { gate: server.gateUrl, token: () => userToken('ann'), storage }
  for (const body of ['a', 'b']) {
    const { inbox } = probeInbox(t, options)
    const sent = inbox.send({ to: { user: 'bob' }, body })
    await Promise.all([t.rejects(sent, { code: 'GP_CLOSED' }), inbox.close()])
    t.equal(inbox.user, undefined)
  }
  const { inbox, sent } = probeInbox(t, options)
  await until('both are sent', () => sent.length === 2)
  t.strictSame(received(server, 'bob'), ['a', 'b'])
  t.equal(inbox.queuedSends, 0)
})

t.test('outbox - an answer that comes as the inbox is closed takes nothing out of the storage', async t => {
  const storage = memoryStorage()
  const slot = createSlot({ storage, key: 'outbox', onError: error => { throw error } })
  let answer: (value: unknown) => void = () => {}
  const link = { request: async () => await new Promise(resolve => { answer = resolve }) } as unknown as Link
  const outbox = createOutbox({ link: () => link, maxWaiting: 10, onSent: () => {}, onError: () => {}, retryBaseMs: 1 })
  await outbox.restore(slot)
  const sent = ['a', 'b'].map(async body => await outbox.send({ to: { user: 'bob' }, body }))
  await until('the first is under way', () => storage.kept.get('outbox')?.includes('attemptedAtMs'))
  answer({ id: '1', stream: 'u:ann', seq: 1, createdAt: '', duplicate: false })
  await Promise.all([outbox.close(async () => undefined), ...sent.map(async one => { await t.rejects(one, { code: 'GP_CLOSED' }) })])
  await new Promise(resolve => setImmediate(resolve))
  const kept = JSON.parse(storage.kept.get('outbox') ?? '[]') as Array<{ message: { body: string } }>
  t.strictSame(kept.map(({ message }) => message.body), ['a', 'b'])
})
