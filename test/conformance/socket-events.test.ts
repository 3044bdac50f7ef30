import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, checkChain, openSocket, producerOf, refusedAck, type Entry } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('send - answers as POST /messages does', async t => {
  const [one, two] = await assignBoth(site, 'ada')
  const device = await openSocket(t, one)
  const receiver = await openSocket(t, await assign(site, 'grace'))
  const answer = await device.ask('send', { to: { user: 'grace' }, title: 'hi', idempotencyKey: 's1' })
  t.same(Object.keys(answer).sort(), ['createdAt', 'duplicate', 'id', 'seq', 'stream'])
  t.equal(answer.stream, 'u:ada')
  t.equal(answer.duplicate, false)
  t.equal((await receiver.message('hi'))['id'], answer.id)
  t.same(await device.ask('send', { to: { user: 'grace' }, title: 'hi', idempotencyKey: 's1' }), { ...answer, duplicate: true })
  t.equal((await two.get(`/messages/${answer.id}`)).seq, answer.seq)
  const volatile = await device.ask('send', { to: { user: 'grace' }, title: 'typing', volatile: true })
  t.same(Object.keys(volatile).sort(), ['createdAt', 'id'])
  await receiver.message('typing')
})

t.test('send - a hundred at once keep their order', async t => {
  const device = await openSocket(t, await assign(site, 'fast'))
  const receiver = await openSocket(t, await assign(site, 'fast-b'))
  const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => await device.ask('send', { to: { user: 'fast-b' }, title: `f${i}` })))
  t.equal(answers.filter(answer => answer.error !== undefined).length, 0)
  await receiver.message('f99')
  await until('all', () => receiver.titles().length === 100)
  t.same(receiver.titles(), Array.from({ length: 100 }, (_, i) => `f${i}`))
  t.equal(checkChain(t, receiver.entries, 'u:fast-b', 0).length, 100)
})

t.test('events without an acknowledgement, unknown ones and reserved names do no harm', async t => {
  const session = await assign(site, 'quiet')
  const device = await openSocket(t, session)
  device.socket.emit('send', { to: { user: 'quiet' }, title: 'no ack' })
  await device.message('no ack')
  for (const event of ['send', 'sync', 'read', 'subscribe', 'unsubscribe', 'refresh', 'ready', 'entries', 'unknown', '__proto__', 'constructor', 'toString', 'newListener ', 'error', '', '*']) {
    device.socket.emit(event)
    device.socket.emit(event, null)
    device.socket.emit(event, 'text', 5, {}, [])
    device.socket.emit(event, Buffer.from('binary'))
    device.socket.emit(event, { to: { user: 'quiet' }, data: Buffer.from('binary') })
  }
  const again = await openSocket(t, session)
  t.match((await again.ask('subscribe', { topics: [] })), { topics: [] })
  t.same((await session.list()).map(message => message.title), ['no ack'])
  t.ok(site.isAlive())
})

t.test('sync - pages through everything, from any cursor', async t => {
  await producer.join('y-staff', 'pages')
  const [one, two] = await assignBoth(site, 'pages')
  const sent: string[] = []
  for (let i = 0; i < 45; i++) {
    await producer.send({ to: i % 3 === 0 ? { group: 'y-staff' } : i % 3 === 1 ? { user: 'pages' } : { all: true }, title: `p${i}` })
    sent.push(`p${i}`)
  }
  const device = await openSocket(t, two)
  for (const limit of [1, 10, undefined, 1000]) {
    const cursors: Record<string, number> = { 'u:pages': 0 }
    const entries: Entry[] = []
    for (let round = 0; ; round++) {
      const answer = await device.ask('sync', { cursors, ...(limit === undefined ? {} : { limit }) })
      t.same(Object.keys(answer).sort(), ['entries', 'heads', 'more'])
      t.ok(answer.entries.length <= (limit ?? 200))
      t.same(answer.heads, device.ready.heads)
      entries.push(...answer.entries)
      for (const entry of answer.entries as Entry[]) cursors[entry.stream ?? ''] = entry.seq ?? 0
      if (answer.more === false) break
      if (round > 60) { t.fail('does not end'); break }
    }
    t.same(entries.filter(entry => entry.type === 'message').map(entry => entry['title']).sort(), [...sent].sort(), `limit ${limit}`)
    for (const stream of ['u:pages', 'all']) checkChain(t, entries, stream, 0)
    const change = entries.find(entry => entry['joined'] === true)
    checkChain(t, entries, 'g:y-staff', change?.['after'] as number)
    for (const [stream, head] of Object.entries(device.ready.heads)) t.equal(cursors[stream], head, `${stream} came to its head`)
  }
  const nothing = await device.ask('sync', { cursors: device.ready.heads })
  t.same(nothing, { entries: [], heads: device.ready.heads, more: false })
  t.equal((await one.list()).length, 45)
})

t.test('sync - malformed requests', async t => {
  const device = await openSocket(t, await assign(site, 'bad'))
  for (const payload of [undefined, null, [], 'x', 5, {}, { cursors: null }, { cursors: [] }, { cursors: 'x' }, { cursors: { all: '0' } }, { cursors: { all: -1 } }, { cursors: { all: 0.5 } },
    { cursors: { all: 0 }, limit: 0 }, { cursors: { all: 0 }, limit: 1001 }, { cursors: { all: 0 }, limit: '5' }, { cursors: { all: 0 }, limit: 1.5 }, { cursors: { all: 0 }, limit: null }, { cursors: { all: 0 }, limit: -1 }]) {
    refusedAck(t, await device.ask('sync', payload), 'GP_VALIDATION', JSON.stringify(payload) ?? 'undefined')
  }
  t.equal(device.closed(), undefined)
})

t.test('refresh, subscribe - malformed requests', async t => {
  const device = await openSocket(t, await assign(site, 'bad'))
  for (const payload of [undefined, null, [], 'x', {}, { token: null }, { token: 5 }]) {
    refusedAck(t, await device.ask('refresh', payload), ['GP_VALIDATION', 'GP_TOKEN_MISSING'], `refresh ${JSON.stringify(payload)}`)
  }
  for (const event of ['subscribe', 'unsubscribe']) {
    for (const payload of [undefined, null, [], 'x', {}, { topics: 'x' }, { topics: [5] }, { topics: [''] }, { topics: null }, { topics: { 0: 'a' } }]) {
      refusedAck(t, await device.ask(event, payload), 'GP_VALIDATION', `${event} ${JSON.stringify(payload)}`)
    }
  }
  t.equal(device.closed(), undefined)
})

t.test('unread - at most five a second, and the last one', async t => {
  const [one, two] = await assignBoth(site, 'counter')
  const device = await openSocket(t, two)
  const start = await one.unread()
  for (let i = 0; i < 60; i++) await producer.send({ to: { user: 'counter' }, title: `c${i}`, category: i % 2 === 0 ? 'even' : 'odd' })
  await until('the last number', () => device.shown().unread === start + 60)
  t.equal(device.shown().byCategory['even'], 30)
  for (const [i, event] of device.unreads.entries()) {
    const sixth = device.unreads[i + 5]
    if (sixth !== undefined) t.ok(sixth.atMs - event.atMs > 900, 'not six within a second', { ms: sixth.atMs - event.atMs })
  }
  const before = device.unreads.length
  await one.send({ to: { user: 'somebody' }, title: 'own copy' })
  await device.message('own copy')
  t.equal(device.unreads.slice(before).filter(event => event.unread !== start + 60).length, 0)
})

t.test('replay - from any cursor comes the same as live, then live goes on', async t => {
  const [one, two] = await assignBoth(site, 'again')
  const live = await openSocket(t, one)
  for (let i = 0; i < 30; i++) await producer.send({ to: { user: 'again' }, title: `r${i}` })
  await live.message('r29')
  const ids = (await one.list()).map(message => message.id as string)
  await one.patch(ids[0] ?? '', { read: true })
  await live.change(entry => entry['read'] === true)
  const stored = live.entries.filter(entry => entry.stream === 'u:again')
  for (const at of [0, 1, 15, 29, 30, 31]) {
    const cursor = at === 0 ? 0 : stored[at - 1]?.seq ?? 0
    const device = await openSocket(t, two, { cursors: { 'u:again': cursor } })
    await until(`from ${at}`, () => device.entries.filter(entry => entry.stream === 'u:again').length === stored.length - at)
    t.same(device.entries.filter(entry => entry.stream === 'u:again').map(entry => [entry.seq, entry.prev, entry['id'] ?? entry['ids']]), stored.slice(at).map(entry => [entry.seq, entry.prev, entry['id'] ?? entry['ids']]))
    device.close()
  }
})

t.test('replay - nothing falls between the replay and live entries', async t => {
  const [one, two] = await assignBoth(site, 'between')
  const total = 300
  const opened: Array<Promise<void>> = []
  for (let i = 0; i < total; i += 10) {
    opened.push((async () => {
      const device = await openSocket(t, i % 20 === 0 ? one : two, { cursors: { 'u:between': 0 } })
      await device.message(`n${total - 1}`, 20_000)
      await until('all of them', () => new Set(device.titles('u:between')).size === total)
      t.same(checkChain(t, device.entries, 'u:between', 0).map(entry => entry['title']), Array.from({ length: total }, (_, k) => `n${k}`))
      device.close()
    })())
    await producer.sendAll(Array.from({ length: 10 }, (_, k) => ({ to: { user: 'between' }, title: `n${i + k}` })))
  }
  await Promise.all(opened)
})
