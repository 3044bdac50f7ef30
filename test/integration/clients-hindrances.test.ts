/** What is between a client and Gate, or in the application: said at once where it never can pass, got over where it can. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createInbox, createProducer, type InboxOptions, type ProducerOptions } from '../../clients/index.js'
import { retryAfterMs } from '../../clients/http.js'
import { asCursors } from '../../clients/sequencer.js'
import { createSlot } from '../../clients/storage.js'
import { probeInbox } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

async function listen (t: Test, server: Server): Promise<string> {
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A proxy before Gate: `refuse` gives the status with which it answers a body itself. */
async function startProxy (t: Test, target: string, refuse: (body: string) => number | undefined): Promise<string> {
  return await listen(t, createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const status = refuse(body)
      if (status !== undefined) return response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>No</h1>')
      const { authorization = '' } = request.headers
      fetch(`${target}${request.url}`, { method: request.method ?? 'GET', headers: { authorization, 'content-type': 'application/json' }, ...body === '' ? {} : { body } }).then(
        async answer => { response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text()) },
        () => { response.writeHead(502).end() }
      )
    })
  }))
}

t.test('hindrances - arguments are checked at once, in the words of the server', async t => {
  const token = userToken('ann')
  const wrong: Array<[unknown, RegExp]> = [
    [undefined, /^options: got nothing; takes an object with gate and token$/],
    [{ token }, /^gate: got nothing; takes an http or https address$/],
    [{ gate: '127.0.0.1:8080', token }, /^gate: got "127.0.0.1:8080"; takes an http or https address$/],
    [{ gate: 'ftp://site.example', token }, /^gate: got "ftp:/],
    [{ gate: 'http://site.example' }, /^token: got nothing; takes a text or a function that gives one$/],
    [{ gate: 'http://site.example', token: 17 }, /^token: got a value of type number/],
    [{ gate: 'http://site.example', token, onError: 'log' }, /^onError: got "log"; takes a function$/]
  ]
  for (const [options, message] of wrong) {
    t.throws(() => createInbox(options as InboxOptions), { code: 'GP_VALIDATION', retry: 'never', message })
    t.throws(() => createProducer(options as ProducerOptions), { code: 'GP_VALIDATION', retry: 'never', message })
  }
  t.throws(() => createInbox({ gate: 'http://site.example', token, storage: {} as never }), { message: /^storage: got a value of type object; takes an object with getItem and setItem$/ })
  const producer = createProducer({ gate: 'http://127.0.0.1:9', token })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
  await t.rejects(producer.send(undefined as never), { code: 'GP_VALIDATION', message: /^message: takes an object$/ })
})

t.test('hindrances - a Gate that cannot be reached is named on the console once, and a send has its deadline', async t => {
  const warned: string[] = []
  const { warn } = console
  console.warn = (text: string) => { warned.push(text) }
  t.teardown(() => { console.warn = warn })
  const producer = createProducer({ gate: 'http://127.0.0.1:9', token: userToken('shop'), timing: { retryBaseMs: 10 } })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
  await t.rejects(producer.send({ to: { user: 'ann' }, body: 'x' }, { deadlineMs: 300 }), { code: 'GP_OUTCOME_UNKNOWN', retry: 'never' })
  t.equal(producer.queued, 0)
  const { inbox } = probeInbox(t, { gate: 'http://127.0.0.1:9', token: userToken('ann') })
  await t.rejects(inbox.send({ to: { user: 'ann' }, body: 'x' }, { deadlineMs: 300 }), { code: 'GP_UNREACHABLE' })
  t.equal(inbox.queuedSends, 0)
  t.equal(warned.length, 2, 'one each')
  for (const text of warned) t.match(text, /^gatepost: http:\/\/127\.0\.0\.1:9 cannot be reached \(.*ECONNREFUSED.*\); it is tried again$|^gatepost: http:\/\/127\.0\.0\.1:9 cannot be reached \(.+\); it is tried again$/)
})

t.test('hindrances - a proxy takes 100 KB: all of a larger batch is stored, in order', async t => {
  const server = await startWireDouble(t)
  const gate = await startProxy(t, server.gateUrl, body => body.length > 100_000 ? 413 : undefined)
  const producer = createProducer({ gate, token: userToken('shop', { scope: 'producer' }), timing: { retryBaseMs: 10 } })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
  await Promise.all(Array.from({ length: 20 }, async (_, i) => await producer.send({ to: { user: 'ann' }, body: `${i} ${'x'.repeat(20_000)}` })))
  t.strictSame(server.entriesOf('u:ann').map(({ content }) => String(content['body']).split(' ', 1)[0]), Array.from({ length: 20 }, (_, i) => String(i)))
})

t.test('hindrances - a proxy refuses one text for good: that message alone is rejected', async t => {
  const server = await startWireDouble(t)
  const gate = await startProxy(t, server.gateUrl, body => body.includes('DROP TABLE') ? 403 : undefined)
  const producer = createProducer({ gate, token: userToken('shop', { scope: 'producer' }), timing: { retryBaseMs: 10 } })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
  const sent = ['one', 'DROP TABLE', 'two'].map(async body => await producer.send({ to: { user: 'ann' }, body }))
  await sent[0]
  await sent[2]
  await t.rejects(sent[1] as Promise<unknown>, { code: 'GP_UNREACHABLE', status: 403, retry: 'never' })
  t.strictSame(server.entriesOf('u:ann').map(({ content }) => content['body']), ['one', 'two'])
})

t.test('hindrances - Retry-After is a time in seconds or a date, and never more than five minutes', async t => {
  const now = Date.parse('2026-11-30T10:00:00Z')
  t.equal(retryAfterMs(null), undefined)
  t.equal(retryAfterMs('soon'), undefined)
  t.equal(retryAfterMs('2'), 2_000)
  t.equal(retryAfterMs('-5'), 0)
  t.equal(retryAfterMs('86400'), 300_000)
  t.equal(retryAfterMs('Mon, 30 Nov 2026 10:00:30 GMT', now), 30_000)
  t.equal(retryAfterMs('Mon, 30 Nov 2026 09:00:00 GMT', now), 0)
})

t.test('hindrances - a storage that hangs is reported, and holds nothing up', async t => {
  const errors: string[] = []
  const hanging = createSlot({ storage: { getItem: async () => await new Promise(() => {}), setItem: async () => await new Promise(() => {}) }, key: 'k', onError: ({ code }) => { errors.push(code) }, timeoutMs: 30 })
  await t.rejects(hanging.load(), { code: 'GP_STORAGE_FAILED' })
  await hanging.save(1)
  await hanging.save(2)
  t.strictSame(errors, ['GP_STORAGE_FAILED', 'GP_STORAGE_FAILED'])
})

t.test('hindrances - kept cursors with names that are no streams are left out', async t => {
  t.strictSame(asCursors({ 'bad stream': 7, 'u:ann': 3, all: 0, 'g:a b': 2, 'z:later': 4 }), { 'u:ann': 3, all: 0, 'g:a b': 2 })
  t.equal(asCursors({ 'bad stream': 7 }), undefined)
})

t.test('hindrances - WebSockets that hang: live over polling after one try', async t => {
  const server = await startWireDouble(t, { nodes: 1 })
  const [node] = server.nodes
  const gate = await startProxy(t, server.gateUrl, () => undefined)
  // Takes every upgrade and says nothing more; all else goes to the node.
  const between = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => {
      fetch(`${node?.url}${request.url}`, { method: request.method ?? 'GET', headers: { 'content-type': request.headers['content-type'] ?? 'text/plain' }, ...request.method === 'POST' ? { body: Buffer.concat(chunks) } : {} }).then(
        async answer => { response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' }).end(Buffer.from(await answer.arrayBuffer())) },
        () => { response.destroy() }
      )
    })
  })
  let upgrades = 0
  between.on('upgrade', (_request, socket) => {
    upgrades += 1
    socket.on('error', () => {})
  })
  const url = await listen(t, between)
  const renamed = createServer((request, response) => {
    fetch(`${gate}${request.url}`, { headers: { authorization: request.headers.authorization ?? '' } }).then(
      async answer => { response.writeHead(answer.status, { 'content-type': 'application/json' }).end((await answer.text()).replaceAll(node?.url ?? '', url)) },
      () => { response.destroy() }
    )
  })
  const { inbox, entries } = probeInbox(t, { gate: await listen(t, renamed), token: userToken('ann'), timing: { readyTimeoutMs: 1_000, retryBaseMs: 20 } })
  await inbox.whenLive()
  t.ok(upgrades >= 1)
  server.post({ to: { user: 'ann' }, body: 'over polling' })
  await until('entry', () => entries.length === 1)
})
