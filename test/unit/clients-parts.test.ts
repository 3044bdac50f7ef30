/** The parts of the clients that decide something by themselves: what is sent again, in which order, and what tabs share. */
import fc from 'fast-check'
import t from 'tap'
import { createBatchPost } from '../../clients/batch-post.js'
import { createEntryReader } from '../../clients/entry-reader.js'
import { GatepostError, unreachable } from '../../clients/errors.js'
import type { GateClient } from '../../clients/gate-client.js'
import type { Link } from '../../clients/link.js'
import { createListeners } from '../../clients/listeners.js'
import { createProducerQueue, type QueuedMessage } from '../../clients/producer-queue.js'
import type { Cursors, Entry } from '../../clients/protocol.js'
import { createStoredState } from '../../clients/stored-state.js'
import type { LeaderMessage } from '../../clients/tabs/messages.js'
import { createRelayedRequest } from '../../clients/tabs/relayed-requests.js'
import { createRelayedStream, type RelayedMessage } from '../../clients/tabs/relayed-stream.js'
import { createTabTopics, self } from '../../clients/tabs/tab-topics.js'
import { createUnread } from '../../clients/unread.js'
import { until } from '../helpers/until.js'

interface Outcome { readonly text: string, readonly result: string }

function startProducer (answer: (texts: string[]) => unknown) {
  const queue = createProducerQueue({ maxQueued: 100, maxQueuedBytes: 10_000 })
  const outcomes: Outcome[] = []
  const gate: GateClient = { call: async (_path, call) => ({ status: 200, body: answer(JSON.parse(call!.body!) as string[]), token: '' }) }
  const post = createBatchPost({ gate, queue, signal: new AbortController().signal, requestTimeoutMs: 1_000 })
  const push = (name: string, bytes = 3): QueuedMessage => {
    const item: QueuedMessage = {
      text: JSON.stringify(name), bytes, volatile: false, internalErrors: 0, refusals: 0, isSettled: false,
      resolve: ({ id }) => { outcomes.push({ text: name, result: id }) },
      reject: ({ code }) => { outcomes.push({ text: name, result: code }) }
    }
    queue.push(item)
    return item
  }
  return { queue, post, push, outcomes }
}

t.test('producer - whatever Gate, and what stands before it, answer: each message is settled once, and what is stored keeps its order', async t => {
  const fates = ['stored', 'refused', 'internal', 'overloaded'] as const
  await fc.assert(fc.asyncProperty(
    fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 12 }), fc.array(fc.constantFrom('answer', 'lost', 'too large', 'blocked'), { maxLength: 10 }),
    async (messages, replies) => {
      const stored: string[] = []
      const tries = new Map<string, number>()
      const { queue, post, push, outcomes } = startProducer(texts => {
        const reply = replies.shift() ?? 'answer'
        if (reply === 'lost') throw unreachable('Gate')
        if (reply === 'too large' && texts.length > 1) throw new GatepostError('GP_UNREACHABLE', 'by a proxy', { status: 413 })
        if (reply === 'blocked' && texts.length > 1) throw new GatepostError('GP_UNREACHABLE', 'by a proxy', { status: 403 })
        return {
          results: texts.map(text => {
            const fate = text.split(' ')[1]
            const tried = tries.get(text) ?? 0
            tries.set(text, tried + 1)
            if (fate === 'refused') return { status: 400, code: 'GP_VALIDATION', message: 'no' }
            if (fate === 'internal') return { status: 500, code: 'GP_INTERNAL', message: 'no' }
            if (fate === 'overloaded' && tried === 0) return { status: 503, code: 'GP_OVERLOADED', message: 'later' }
            stored.push(text)
            return { status: 201, id: `id of ${text}`, createdAt: 'now' }
          })
        }
      })
      const names = messages.map((fate, at) => `${at} ${fate}`)
      for (const name of names) push(name)
      for (let rounds = 0; !queue.isEmpty; rounds++) {
        if (rounds > 50) throw new Error('it does not end')
        queue.putBack((await post(queue.takeBatch())).again)
      }
      if (queue.count !== 0) throw new Error(`${queue.count} are still counted`)
      if (outcomes.length !== names.length || new Set(outcomes.map(({ text }) => text)).size !== names.length) throw new Error(`settled: ${outcomes.map(({ text }) => text).join()}`)
      for (const { text, result } of outcomes) {
        const expected = text.endsWith('refused') ? 'GP_VALIDATION' : text.endsWith('internal') ? 'GP_INTERNAL' : `id of ${text}`
        if (result !== expected) throw new Error(`${text}: got ${result}`)
      }
      const firsts = stored.filter(text => text.endsWith('stored'))
      if (firsts.join() !== names.filter(text => text.endsWith('stored')).join()) throw new Error(`order: ${firsts.join()}`)
    }
  ), { numRuns: 200 })
})

t.test('producer queue - bounded in messages and bytes with those under way, cut into batches, settled once', async t => {
  const { queue, push, outcomes } = startProducer(() => undefined)
  const first = push('first', 4_000)
  push('second', 6_000)
  t.throws(() => push('third', 1), { code: 'GP_QUEUE_FULL' })
  t.equal(queue.takeBatch().length, 2)
  t.ok(queue.isEmpty)
  t.equal(queue.count, 2, 'those under way count')
  queue.fail(first, new GatepostError('GP_CLOSED', 'closed'))
  queue.fail(first, new GatepostError('GP_CLOSED', 'closed'))
  t.equal(queue.count, 1)
  push('third', 4_000)
  queue.failAll(new GatepostError('GP_CLOSED', 'closed'))
  t.same(outcomes.map(({ text }) => text).at(-1), 'third')
  t.equal(queue.count, 1, 'the one under way')
  const many = createProducerQueue({ maxQueued: 5_000, maxQueuedBytes: 2 ** 40 })
  const item = (bytes: number): QueuedMessage => ({ ...first, bytes, isSettled: false })
  for (let i = 0; i < 1_500; i++) many.push(item(1))
  t.equal(many.takeBatch().length, 1_000)
  many.takeBatch()
  for (let i = 0; i < 3; i++) many.push(item(4 * 1024 * 1024 - 1))
  t.equal(many.takeBatch().length, 1, 'two would have two bytes more than 8 MiB')
})

t.test('entry reader - entries in any order, twice or not at all reach the application once and in order', async t => {
  await fc.assert(fc.asyncProperty(fc.nat(20), fc.array(fc.nat(19), { maxLength: 40 }), async (begin, arrivals) => {
    const log = Array.from({ length: 20 }, (_, i): Entry => ({ stream: 'u:ann', seq: i + 1, prev: i }) as unknown as Entry)
    const got: number[] = []
    let saved: Cursors = {}
    const link = {
      isOpen: true,
      request: async (_event: string, { cursors, limit }: { cursors: Cursors, limit: number }) => {
        const rest = log.filter(({ seq }) => seq > cursors['u:ann']!)
        return { entries: rest.slice(0, Math.min(limit, 3)), heads: { 'u:ann': 20 }, more: rest.length > 3 }
      }
    } as unknown as Link
    const reader = createEntryReader({ link: () => link, onEntry: ({ seq }) => { got.push(seq) }, onMoved: cursors => { saved = cursors }, onError: error => { throw error }, retryBaseMs: 1 })
    reader.begin({ 'u:ann': begin })
    for (const at of arrivals) reader.take(log[at]!)
    reader.catchUp()
    await until('the last', () => saved['u:ann'] === 20)
    await reader.close(100)
    if (got.join() !== log.map(({ seq }) => seq).filter(seq => seq > begin).join()) throw new Error(`from ${begin}: got ${got.join()}`)
  }), { numRuns: 50 })
})

t.test('entry reader - it begins at the heads of the first "ready", and forgets streams only when no socket may still bring them', async t => {
  const reader = createEntryReader({ link: () => undefined, onEntry: () => {}, onMoved: () => {}, onError: () => {}, retryBaseMs: 1 })
  t.equal(reader.cursors(), undefined)
  reader.onHeads({ all: 3, 'g:club': 4 }, false)
  t.same(reader.cursors(), { all: 3, 'g:club': 4 })
  reader.onHeads({ all: 9 }, true)
  t.same(reader.cursors(), { all: 3, 'g:club': 4 })
  reader.onHeads({ all: 9 }, false)
  t.same(reader.cursors(), { all: 3 })
  await reader.close(0)
})

t.test('stored state - restored once; cursors of the application count before stored ones; another user is refused', async t => {
  const kept = new Map([['gatepost:ann:cursors', '{"all":5}'], ['gatepost:bob:cursors', '{"all":6}']])
  const storage = { getItem: (key: string) => kept.get(key), setItem: (key: string, value: string) => { kept.set(key, value) } }
  const start = (cursors: Cursors | undefined) => {
    const begun: Cursors[] = []
    const stored = createStoredState({ storage, storageKey: 'gatepost', tokens: { get: async () => 'no JWT' }, cursors, onCursors: from => { begun.push(from) }, onOutbox: async () => {}, onError: error => { throw error } })
    return { stored, begun }
  }
  const { stored, begun } = start(undefined)
  stored.saveCursors({ all: 1 })
  t.equal(stored.user, undefined)
  await stored.restore('ann')
  await stored.restore('ann')
  t.same(begun, [{ all: 5 }])
  await t.rejects(stored.restore('bob'), { code: 'GP_USER_CHANGED' })
  stored.saveCursors({ all: 7 })
  await until('written', () => kept.get('gatepost:ann:cursors') === '{"all":7}')
  await t.rejects(stored.findOutboxSlot(), { code: 'GP_STORAGE_FAILED' })
  const own = start({ all: 2 })
  await own.stored.restore('bob')
  t.same(own.begun, [{ all: 2 }])
})

t.test('unread - marks go over the socket a hundred at a time, and by REST where that fails; what is refused for good is not repeated', async t => {
  const asked: string[] = []
  const state: { error: Error | undefined } = { error: undefined }
  const link = { request: async (_: string, { ids }: { ids: string[] }) => { asked.push(`socket ${ids.length}`); if (state.error !== undefined) throw state.error; return { unread: 1, byCategory: {} } } } as unknown as Link
  const mailbox = { update: async (id: string) => { asked.push(`rest ${id}`); return {} as never }, countUnread: async () => ({ unread: 2, byCategory: {} }) }
  const counts: number[] = []
  let current: Link | undefined = link
  const unread = createUnread({ link: () => current, mailbox, onChange: ({ unread }) => { counts.push(unread) } })
  await unread.markRead(Array.from({ length: 150 }, (_, i) => `${i}`))
  t.same(asked.splice(0), ['socket 100', 'socket 50'])
  state.error = unreachable('node')
  t.same(await unread.markRead(['a', 'b']), { unread: 2, byCategory: {} })
  t.same(asked.splice(0), ['socket 2', 'rest a', 'rest b'])
  t.same(counts, [1, 1], 'a link that is open says itself what there is')
  current = undefined
  t.same(await unread.markRead(['c']), { unread: 2, byCategory: {} })
  t.same(asked.splice(0), ['rest c'])
  t.same(counts, [1, 1, 2])
  current = { request: async () => { current = link; return { unread: 9, byCategory: {} } } } as unknown as Link
  t.same(await unread.markRead(['d']), { unread: 9, byCategory: {} }, 'of a link that was replaced meanwhile')
  t.same(counts, [1, 1, 2])
  state.error = new GatepostError('GP_VALIDATION', 'no')
  await t.rejects(unread.markRead(['a']), { code: 'GP_VALIDATION' })
  t.same(asked, ['socket 1'])
  t.same(counts, [1, 1, 2])
})

t.test('listeners - one that fails is reported and changes nothing', async t => {
  const errors: GatepostError[] = []
  const listeners = createListeners(error => { errors.push(error) })
  let isCalled = false
  listeners.notify(() => { throw new Error('of the test') }, 1)
  listeners.notify(() => { isCalled = true }, 2)
  t.notOk(isCalled, 'not at once')
  await until('reported', () => errors.length > 0)
  t.ok(isCalled)
  t.match(errors, [{ code: 'GP_CALLBACK_FAILED', cause: { message: 'of the test' } }])
  t.equal(listeners.lastError, errors[0])
})

t.test('tab topics - a topic is given up once no tab wants it; a tab that is silent between two roll-calls is forgotten', async t => {
  const topics = createTabTopics()
  topics.setOwn(['a'])
  t.notOk(topics.hasFollowers)
  t.ok(topics.hear('one'))
  t.notOk(topics.hear('one'))
  topics.hear('two')
  t.same(topics.add('one', ['a', 'b']), ['a', 'b'])
  t.same(topics.add('one', ['b']), [])
  t.same(topics.add('two', ['b', 'c']), ['b', 'c'])
  t.same(topics.wanted().sort(), ['a', 'b', 'c'])
  t.same(topics.remove('one', ['a', 'b']), [])
  t.same(topics.of('one'), [])
  t.same(topics.remove('two', ['b']), ['b'])
  t.same(topics.silent(), [])
  topics.hear('one')
  t.same(topics.silent(), ['two'])
  t.same(topics.forget('two'), ['c'])
  t.same(topics.forget('two'), [])
  t.same(topics.wanted(), ['a'])
  t.same(topics.add('gone', ['x']), [], 'of a tab that is not known')
})

t.test('relayed requests - one sync for all who miss the same; a refused topic is not kept, one that may come later is', async t => {
  const topics = createTabTopics()
  for (const tab of ['one', 'two']) topics.hear(tab)
  const asked: Array<{ event: string, payload: unknown, answer: (answer: unknown) => void, fail: (error: Error) => void }> = []
  const link = { request: async (event: string, payload: unknown) => await new Promise((resolve, reject) => { asked.push({ event, payload, answer: resolve, fail: reject }) }) } as unknown as Link
  const request = createRelayedRequest(topics)
  const syncs = [request('one', link, 'sync', { cursors: {} }), request('two', link, 'sync', { cursors: {} }), request(self, link, 'sync', { cursors: { all: 1 } })]
  t.equal(asked.length, 2)
  for (const { answer } of asked.splice(0)) answer('page')
  t.same(await Promise.all(syncs), ['page', 'page', 'page'])
  const subscribed = request('one', link, 'subscribe', { topics: ['news'] })
  asked.pop()!.fail(unreachable('node'))
  await t.rejects(subscribed, { code: 'GP_UNREACHABLE' })
  t.same(topics.of('one'), ['news'], 'the next handshake carries it')
  const refused = request('two', link, 'subscribe', { topics: ['bad'] })
  asked.pop()!.fail(new GatepostError('GP_VALIDATION', 'no'))
  await t.rejects(refused, { code: 'GP_VALIDATION' })
  t.same(topics.of('two'), [])
  topics.add('two', ['news'])
  t.same(await request('one', link, 'unsubscribe', { topics: ['news'] }), { topics: [] })
  t.equal(asked.length, 0, 'another tab wants it')
  void request('two', link, 'unsubscribe', { topics: ['news'] })
  t.match(asked.pop(), { event: 'unsubscribe', payload: { topics: ['news'] } })
})

t.test('relayed stream - what does not follow the last message is not taken; a new link ends the requests of the one before', async t => {
  const got: string[] = []
  const posted: Array<{ type: string, id?: number }> = []
  const stream = createRelayedStream({
    tab: 'me',
    post: message => { posted.push(message) },
    cursors: () => ({ all: 2 }),
    onReady: (_link, _ready, isMove) => { got.push(`ready ${isMove}`) },
    onLive: () => { got.push('live') },
    events: {
      onEntries: (_, entries) => { got.push(`entries ${entries.length}`) },
      onUnread: (_, { unread }) => { got.push(`unread ${unread}`) },
      onBehind: () => { got.push('behind') }
    },
    requestTimeoutMs: 60_000
  })
  const ready = (n: number, position: Cursors): Extract<LeaderMessage, { type: 'ready' }> =>
    ({ type: 'ready', term: 1, n, ready: { user: 'ann', node: 'n1', heads: { all: 5 }, unread: 0, byCategory: {} }, position, isMove: true })
  const take = (message: object): boolean => stream.take({ term: 1, ...message } as RelayedMessage)
  t.ok(take({ type: 'entries', n: 1, entries: [] }), 'before there is a link it is passed over')
  t.notOk(take({ type: 'alive', n: 0 }))
  stream.adopt(ready(3, { all: 2 }))
  t.same(got.splice(0), ['ready false', 'live'])
  t.ok(stream.has(ready(3, {})))
  t.ok(take({ type: 'entries', n: 4, entries: [{}] }))
  t.ok(take({ type: 'unread', n: 5, count: { unread: 7 } }))
  t.notOk(take({ type: 'behind', n: 7 }))
  t.ok(take({ type: 'behind', n: 6 }))
  t.ok(take({ type: 'alive', n: 6 }))
  t.notOk(take({ type: 'alive', n: 7 }))
  t.same(got.splice(0), ['entries 1', 'unread 7', 'behind'])
  const link = stream.link()!
  const [answered, refused, cut] = [link.request('list', 1), link.request('list', 2), link.request('list', 3)]
  cut.catch(() => {}) // awaited below
  t.ok(take({ type: 'answer', id: posted[0]!.id, answer: 'page' }))
  t.ok(take({ type: 'answer', id: posted[1]!.id, error: { code: 'GP_VALIDATION', message: 'no' } }))
  t.equal(await answered, 'page')
  await t.rejects(refused, { code: 'GP_VALIDATION' })
  stream.adopt(ready(9, { all: 4 }))
  await t.rejects(cut, { code: 'GP_UNREACHABLE' })
  t.same(got, ['ready true', 'live', 'behind'], 'this reader had less than what the relay begins after')
  t.equal(await link.ended, 'another link')
  stream.drop('over')
  t.equal(stream.link(), undefined)
})
