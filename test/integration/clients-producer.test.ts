import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { GatepostError } from '../../clients/index.js'
import { createProducer, type ProducerOptions } from '../../clients/index.js'
import { allowed, until } from '../helpers/until.js'
import { startWireDouble, userToken, type WireDouble } from '../helpers/wire-double.js'

const token = userToken('site', { scope: 'producer' })
const received = (server: WireDouble, user: string): unknown[] => server.entriesOf(`u:${user}`).map(({ content }) => content['body'])
function producerOf (t: Test, gate: string, options: Partial<ProducerOptions> = {}) {
  const errors: GatepostError[] = []
  const producer = createProducer({ gate, token, onError: error => { errors.push(error) }, timing: { requestTimeoutMs: 2_000, retryBaseMs: 10 }, ...options })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
  return { producer, errors }
}

t.test('producer - what is sent in one turn goes out together, in order, each with its answer', async t => {
  const server = await startWireDouble(t)
  const { producer } = producerOf(t, server.gateUrl)
  const answers = await Promise.all(Array.from({ length: 2_500 }, async (_, i) => await producer.send({ to: { user: 'ann' }, body: String(i) })))
  t.strictSame(server.seen.batches, [1_000, 1_000, 500])
  t.strictSame(received(server, 'ann'), Array.from({ length: 2_500 }, (_, i) => String(i)))
  t.equal(new Set(answers.map(({ id }) => id)).size, 2_500)
  t.ok(answers.every(({ duplicate }) => !duplicate))
  t.equal(producer.queued, 0)
})

t.test('producer - a batch stays within 8 MiB', async t => {
  const server = await startWireDouble(t)
  const { producer } = producerOf(t, server.gateUrl)
  const body = 'ü'.repeat(30_000)
  await Promise.all(Array.from({ length: 200 }, async () => await producer.send({ to: { user: 'ann' }, body })))
  t.equal(server.entriesOf('u:ann').length, 200)
  t.equal(server.seen.batches.length, 2)
  await t.rejects(producer.send({ to: { user: 'ann' }, body: 'x'.repeat(200_000) }), { code: 'GP_TOO_LARGE' })
})

t.test('producer - lost answers, cut connections and refusals for now: nothing doubled, nothing lost, in order', async t => {
  const server = await startWireDouble(t)
  const { producer, errors } = producerOf(t, server.gateUrl)
  server.faults.loseBatchAnswers = 2
  server.faults.refuseBatches.push('GP_NO_NODE', 'GP_RATE_LIMIT')
  let refusals = 3
  server.faults.refuseBatchItem = message => message.body === '3' && refusals-- > 0 ? 'GP_STORE_UNAVAILABLE' : undefined
  const answers = await Promise.all(Array.from({ length: 10 }, async (_, i) => await producer.send({ to: { user: `u${i % 2}` }, body: String(i) })))
  t.strictSame(received(server, 'u0'), ['0', '2', '4', '6', '8'])
  t.strictSame([...received(server, 'u1')].sort(), ['1', '3', '5', '7', '9'])
  t.ok(answers.filter(({ duplicate }) => duplicate).length > 0)
  t.strictSame(errors.map(({ code }) => code), ['GP_NO_NODE', 'GP_RATE_LIMIT', 'GP_UNREACHABLE', 'GP_UNREACHABLE', 'GP_STORE_UNAVAILABLE'])
})

t.test('producer - a Gate that does not know the outcome is asked again under the same key', async t => {
  const server = await startWireDouble(t)
  const { producer, errors } = producerOf(t, server.gateUrl)
  let unknown = 2
  server.faults.refuseBatchItem = message => message.body === '1' && unknown-- > 0 ? 'GP_OUTCOME_UNKNOWN' : undefined
  const answers = await Promise.all(Array.from({ length: 3 }, async (_, i) => await producer.send({ to: { user: 'ann' }, body: String(i) })))
  t.strictSame(answers.map(({ duplicate }) => duplicate), [false, true, false])
  t.strictSame(received(server, 'ann'), ['0', '1', '2'])
  t.strictSame(errors.map(({ code }) => code), ['GP_OUTCOME_UNKNOWN', 'GP_OUTCOME_UNKNOWN'])
})

t.test('producer - a bad message is rejected alone', async t => {
  const server = await startWireDouble(t)
  const { producer } = producerOf(t, server.gateUrl)
  server.faults.refuseBatchItem = message => message.body === 'bad' ? 'GP_VALIDATION' : undefined
  const bad = t.rejects(producer.send({ to: { user: 'ann' }, body: 'bad' }), { code: 'GP_VALIDATION', retry: 'never' })
  await Promise.all(['a', 'b'].map(async body => await producer.send({ to: { user: 'ann' }, body })))
  await bad
  t.strictSame(received(server, 'ann'), ['a', 'b'])
})

t.test('producer - a refused token: a text ends what waits, a function is asked again', async t => {
  const server = await startWireDouble(t)
  const old = userToken('site', { ttlSeconds: -1 })
  const { producer } = producerOf(t, server.gateUrl, { token: old })
  await t.rejects(producer.send({ to: { all: true }, body: 'x' }), { code: 'GP_TOKEN_EXPIRED' })
  let calls = 0
  const renewing = producerOf(t, server.gateUrl, { token: () => ++calls === 1 ? old : token })
  await renewing.producer.send({ to: { all: true }, body: 'x' })
  server.faults.refuseBatches.push('GP_SCOPE')
  await t.rejects(renewing.producer.send({ to: { all: true }, body: 'y' }), { code: 'GP_SCOPE' })
  await renewing.producer.send({ to: { all: true }, body: 'z' })
  t.equal(server.entriesOf('all').length, 2)
})

t.test('producer - bounded by number and by bytes', async t => {
  const { producer } = producerOf(t, 'http://127.0.0.1:9', { maxQueued: 2, maxQueuedBytes: 10_000 })
  const ended = t.rejects(producer.send({ to: { all: true }, body: 'x'.repeat(9_000) }), { code: 'GP_CLOSED' })
  await t.rejects(producer.send({ to: { all: true }, body: 'x'.repeat(2_000) }), { code: 'GP_QUEUE_FULL' })
  const other = t.rejects(producer.send({ to: { all: true }, body: 'x' }), { code: 'GP_CLOSED' })
  await t.rejects(producer.send({ to: { all: true }, body: 'x' }), { code: 'GP_QUEUE_FULL', retry: 'later' })
  t.equal(producer.queued, 2)
  await producer.close({ deadlineMs: 50 })
  await Promise.all([ended, other])
  t.equal(producer.queued, 0)
})

t.test('producer - closing sends what waits, and takes nothing more', async t => {
  const server = await startWireDouble(t)
  const { producer } = producerOf(t, server.gateUrl)
  server.faults.refuseBatches.push('GP_OVERLOADED')
  const sent = Promise.all(Array.from({ length: 1_200 }, async (_, i) => await producer.send({ to: { user: 'ann' }, body: String(i) })))
  const closing = producer.close()
  await t.rejects(producer.send({ to: { user: 'ann' }, body: 'late' }), { code: 'GP_CLOSED' })
  await Promise.all([closing, producer.close(), sent])
  t.equal(server.entriesOf('u:ann').length, 1_200)
})

t.test('producer - a Gate that never answers: closing is over at its deadline', async t => {
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { silent.closeAllConnections(); silent.close() })
  const { producer } = producerOf(t, `http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  const ended = t.rejects(producer.send({ to: { all: true }, body: 'x' }), { code: 'GP_CLOSED' })
  const volatile = t.rejects(producer.send({ to: { all: true }, body: 'x', volatile: true }), { code: 'GP_OUTCOME_UNKNOWN' })
  await until('under way', () => producer.queued === 2)
  const startedMs = performance.now()
  await producer.close({ deadlineMs: 100 })
  t.ok(performance.now() - startedMs < allowed(1_500))
  await Promise.all([ended, volatile])
})

t.test('producer - takes its own message back', async t => {
  const server = await startWireDouble(t)
  const { producer } = producerOf(t, server.gateUrl)
  const { id } = await producer.send({ to: { user: 'ann' }, body: 'x' })
  await producer.recall(id, { user: 'ann' })
  t.strictSame(received(server, 'ann').slice(0, 1), [null])
})
