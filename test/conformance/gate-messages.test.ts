import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, isTime, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'
import { allowed, until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('system message - to a user: 201, pushed, listed, from the producer', async t => {
  const [one, two] = await assignBoth(site, 'ada')
  const devices = [await openSocket(t, one), await openSocket(t, two)]
  const answer = await producer.call('POST', '/gate/messages', { body: { to: { user: 'ada' }, title: 'Parcel', body: 'is here' } })
  t.equal(answer.status, 201)
  t.same(Object.keys(answer.body).sort(), ['createdAt', 'duplicate', 'id'])
  t.equal(answer.body.duplicate, false)
  t.ok(isTime(answer.body.createdAt))
  for (const device of devices) {
    t.match(await device.message('Parcel'), { id: answer.body.id, stream: 'u:ada', from: { producer: 'shop' }, to: { user: 'ada' }, boxes: ['inbox'], createdAt: answer.body.createdAt })
  }
  t.equal((await one.list()).length, 1)
  t.equal((await one.list('box=sent')).length, 0)
})

t.test('system message - to users: each once, its copy names it alone', async t => {
  const names = ['us-a', 'us-b', 'us-c']
  const devices = await Promise.all(names.map(async name => await openSocket(t, await assign(site, name))))
  const { id } = await producer.send({ to: { users: ['us-c', 'us-a', 'us-a', 'us-b'] }, title: 'survey' })
  for (const device of devices) {
    const entry = await device.message('survey')
    t.equal(entry['id'], id)
    for (const other of names.filter(name => name !== device.session.user)) t.notMatch(JSON.stringify(entry), `"${other}"`)
    t.equal(await device.session.unread(), 1)
  }
})

t.test('system message - to a thousand users', async t => {
  const names = Array.from({ length: 1000 }, (_, i) => `crowd-${i}`)
  await producer.send({ to: { users: names }, title: 'crowd' })
  for (const name of ['crowd-0', 'crowd-500', 'crowd-999']) t.same((await (await assign(site, name)).list()).map(message => message.title), ['crowd'])
})

t.test('system message - to a group: members only, one entry', async t => {
  await producer.join('crew', 'crew-a')
  await producer.join('crew', 'crew-b')
  const a = await openSocket(t, await assign(site, 'crew-a'))
  const b = await openSocket(t, (await assignBoth(site, 'crew-b'))[1])
  const outsider = await openSocket(t, await assign(site, 'crew-outsider'))
  const { id } = await producer.send({ to: { group: 'crew' }, title: 'all hands' })
  const [seenByA, seenByB] = [await a.message('all hands'), await b.message('all hands')]
  t.equal(seenByA.stream, 'g:crew')
  t.equal(seenByA.seq, seenByB.seq)
  t.same(seenByA['to'], { group: 'crew' })
  t.same((await a.session.list()).map(message => message.id), [id])
  await producer.send({ to: { user: 'crew-outsider' }, title: 'fence' })
  await outsider.message('fence')
  t.same(outsider.titles(), ['fence'])
  refused(t, await outsider.session.call('GET', `/messages/${id}`), 404, 'GP_NOT_FOUND', 'not for an outsider')
})

t.test('system message - a user posts to an own group and lists the copy only', async t => {
  await producer.join('club', 'club-a')
  await producer.join('club', 'club-b')
  const a = await assign(site, 'club-a')
  const b = await openSocket(t, await assign(site, 'club-b'))
  const { id, stream } = await a.send({ to: { group: 'club' }, title: 'tea?' })
  t.equal(stream, 'u:club-a')
  t.match(await b.message('tea?'), { id, stream: 'g:club', from: { user: 'club-a' } })
  t.same((await a.list()).map(message => message.id), [], 'not in the own inbox')
  t.same((await a.list('box=sent')).map(message => message.id), [id])
  t.equal(await a.unread(), 0, "one's own post is never unread")
  t.equal(await b.session.unread(), 1)
  t.equal((await a.get(`/messages/${id}`)).stream, 'u:club-a')
})

t.test('idempotency - the same key and body is the same message, at either door', async t => {
  const receiver = await openSocket(t, await assign(site, 'idem'))
  const message = { to: { user: 'idem' }, title: 'once', data: { b: 1, a: 2 } }
  const key = 'key 1'
  const headers = { 'idempotency-key': key }
  const first = await producer.call('POST', '/gate/messages', { body: message, headers })
  t.equal(first.status, 201)
  for (const gate of site.gates) {
    const again = await request(gate, 'POST', '/gate/messages', { token: producer.token, body: message, headers })
    t.equal(again.status, 200)
    t.same(again.body, { ...first.body, duplicate: true })
  }
  refused(t, await producer.call('POST', '/gate/messages', { body: { ...message, title: 'twice' }, headers }), 409, 'GP_IDEMPOTENCY_CONFLICT', 'another body')
  refused(t, await producer.call('POST', '/gate/messages', { body: { ...message, to: { user: 'idem-2' } }, headers }), 409, 'GP_IDEMPOTENCY_CONFLICT', 'another receiver')
  const other = producerOf(site, 'another shop')
  t.equal((await other.call('POST', '/gate/messages', { body: message, headers })).status, 201, 'keys are per sender')
  const user = await assign(site, 'shop')
  t.equal((await user.call('POST', '/messages', { body: { to: { user: 'idem' }, title: 'of a user named like the producer' }, headers })).status, 201, 'a user is another sender than a producer of that name')
  await receiver.message('of a user named like the producer')
  t.same((await receiver.session.list()).map(one => one.title).sort(), ['of a user named like the producer', 'once', 'once'])
})

t.test('idempotency - by a user: over both nodes, over REST and socket', async t => {
  const [one, two] = await assignBoth(site, 'idem-user')
  const socket = await openSocket(t, two)
  const message = { to: { user: 'idem-target' }, title: 'once' }
  const headers = { 'idempotency-key': 'k' }
  const first = await one.call('POST', '/messages', { body: message, headers })
  t.equal(first.status, 201)
  const again = await two.call('POST', '/messages', { body: message, headers })
  t.equal(again.status, 200)
  t.same(again.body, { ...first.body, duplicate: true })
  t.same(await socket.ask('send', { ...message, idempotencyKey: 'k' }), { ...first.body, duplicate: true })
  t.equal((await socket.ask('send', { ...message, title: 'other', idempotencyKey: 'k' })).error?.code, 'GP_IDEMPOTENCY_CONFLICT')
  refused(t, await two.call('POST', '/messages', { body: { ...message, title: 'other' }, headers }), 409, 'GP_IDEMPOTENCY_CONFLICT', 'another body on another node')
  t.equal((await (await assign(site, 'idem-target')).list()).length, 1)
  t.equal((await one.list('box=sent')).length, 1)
})

t.test('idempotency - many at once with one key store one', async t => {
  const [one, two] = await assignBoth(site, 'rush')
  const message = { to: { user: 'rush-target' }, title: 'one' }
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, i) => await (i % 2 === 0 ? one : two).call('POST', '/messages', { body: message, headers: { 'idempotency-key': 'rush' } })))
  t.equal(new Set(answers.map(answer => answer.body.id)).size, 1)
  t.equal(answers.filter(answer => answer.status === 201).length, 1)
  t.equal(answers.filter(answer => answer.status === 200 && answer.body.duplicate === true).length, 19)
  const system = await Promise.all(Array.from({ length: 20 }, async () => await producer.call('POST', '/gate/messages', { body: message, headers: { 'idempotency-key': 'rush' } })))
  t.equal(new Set(system.map(answer => answer.body.id)).size, 1)
  t.equal(system.filter(answer => answer.status === 201).length, 1)
  t.equal((await (await assign(site, 'rush-target')).list()).length, 2)
})

t.test('idempotency - a key has 1 to 256 characters', async t => {
  const session = await assign(site, 'keys')
  const socket = await openSocket(t, session)
  const message = { to: { user: 'keys-target' }, title: 'x' }
  const headers = { 'idempotency-key': 'k'.repeat(256) }
  t.equal((await session.call('POST', '/messages', { body: message, headers })).status, 201)
  t.equal((await producer.call('POST', '/gate/messages', { body: message, headers })).status, 201)
  for (const key of ['k'.repeat(257), '']) {
    refused(t, await session.call('POST', '/messages', { body: message, headers: { 'idempotency-key': key } }), 400, 'GP_VALIDATION', `${key.length} characters at a node`)
    refused(t, await producer.call('POST', '/gate/messages', { body: message, headers: { 'idempotency-key': key } }), 400, 'GP_VALIDATION', `${key.length} characters at Gate`)
    t.equal((await socket.ask('send', { ...message, idempotencyKey: key })).error?.code, 'GP_VALIDATION', `${key.length} characters on a socket`)
  }
  for (const key of [5, null, ['k'], {}]) t.equal((await socket.ask('send', { ...message, idempotencyKey: key })).error?.code, 'GP_VALIDATION', `${JSON.stringify(key)} on a socket`)
  t.equal(await (await assign(site, 'keys-target')).unread(), 2)
})

t.test('batch - answers each message in order; a bad one stops no other', async t => {
  const receiver = await openSocket(t, await assign(site, 'batch'), { topics: ['batch'] })
  const results = await producer.sendAll([
    { to: { user: 'batch' }, title: 'b1' }, { to: { user: 'batch' } }, { to: { user: 'batch' }, title: 'b2' }, { to: { user: 'batch' }, title: 'x', ttl: -1 },
    { to: { user: 'batch' }, title: 'b3', volatile: true }, { to: { topic: 'batch' }, title: 'b4' }, 'text' as never, null as never, 7 as never, [] as never,
    { to: { user: 'batch' }, body: 'é'.repeat(40_000) }, { to: { user: 'batch' }, title: 'b5' }
  ])
  t.same(results.map(result => result.status), [201, 400, 201, 400, 202, 202, 400, 400, 400, 400, 413, 201])
  for (const result of results) {
    if (result.status === 201) t.same(Object.keys(result).sort(), ['createdAt', 'duplicate', 'id', 'status'])
    else if (result.status === 202) t.ok(typeof result.id === 'string' && isTime(result.createdAt))
    else t.same(Object.keys(result).sort(), ['code', 'message', 'status'])
  }
  t.equal(results[1].code, 'GP_VALIDATION')
  t.equal(results[10].code, 'GP_TOO_LARGE')
  await receiver.message('b5')
  await receiver.message('b3')
  await receiver.message('b4')
  t.same(receiver.titles('u:batch'), ['b1', 'b2', 'b5'])
})

t.test('batch - a thousand to a few targets arrive in order', async t => {
  const names = ['line-a', 'line-b', 'line-c']
  const devices = await Promise.all(names.map(async name => await openSocket(t, await assign(site, name))))
  const results = await producer.sendAll(Array.from({ length: 1000 }, (_, i) => ({ to: { user: names[i % 3] }, title: `n${i}` })))
  t.equal(results.filter(result => result.status === 201).length, 1000)
  t.equal(new Set(results.map(result => result.id)).size, 1000)
  for (const [k, device] of devices.entries()) {
    await device.message(k === 0 ? 'n999' : k === 1 ? 'n997' : 'n998')
    t.same(device.titles(), Array.from({ length: 1000 }, (_, i) => i).filter(i => i % 3 === k).map(i => `n${i}`))
    t.ok(device.bursts.length < 300, 'a burst comes as arrays, not one by one', { arrays: device.bursts.length })
  }
})

t.test('batch - keys of items', async t => {
  const item = { to: { user: 'batch-keys' }, title: 'x', idempotencyKey: 'i1' }
  const first = await producer.sendAll([item, item, { ...item, title: 'other' }, { ...item, idempotencyKey: 'i2' }, { ...item, idempotencyKey: '' }, { ...item, idempotencyKey: 5 }])
  t.same(first.map(result => result.status), [201, 200, 409, 201, 400, 400])
  t.equal(first[1].id, first[0].id)
  t.equal(first[1].duplicate, true)
  t.equal(first[2].code, 'GP_IDEMPOTENCY_CONFLICT')
  const again = await producer.sendAll([item, { ...item, idempotencyKey: 'i2' }])
  t.same(again.map(result => [result.status, result.id, result.duplicate]), [[200, first[0].id, true], [200, first[3].id, true]])
  const header = await producer.call('POST', '/gate/messages', { body: { to: item.to, title: item.title }, headers: { 'idempotency-key': 'i1' } })
  t.same([header.status, header.body?.id], [200, first[0].id], 'an item key is the key of a single message')
  t.equal(await (await assign(site, 'batch-keys')).unread(), 2)
})

t.test('batch - 1 to 1,000 messages, at most 8 MiB', async t => {
  const item = { to: { user: 'bulk' }, title: 'x' }
  refused(t, await producer.call('POST', '/gate/messages', { body: [] }), 400, 'GP_VALIDATION', 'none')
  refused(t, await producer.call('POST', '/gate/messages', { body: Array.from({ length: 1001 }, () => item) }), 400, 'GP_VALIDATION', '1,001')
  const big = Array.from({ length: 160 }, () => ({ to: { user: 'bulk' }, body: 'x'.repeat(60_000) }))
  refused(t, await producer.call('POST', '/gate/messages', { body: big }), 413, 'GP_TOO_LARGE', '9.6 MB')
  t.equal(await (await assign(site, 'bulk')).unread(), 0, 'nothing of them was stored')
  const results = await producer.sendAll(big.slice(0, 130))
  t.equal(results.filter(result => result.status === 201).length, 130, '7.8 MB')
  t.equal(await (await assign(site, 'bulk')).unread(), 130)
})

t.test('volatile - reaches open sockets only and is stored nowhere', async t => {
  const [one, two] = await assignBoth(site, 'vol')
  await producer.join('vol-group', 'vol')
  const devices = [await openSocket(t, one), await openSocket(t, two), await openSocket(t, one, { transports: ['polling'] })]
  for (const [title, to] of [['v-user', { user: 'vol' }], ['v-users', { users: ['vol', 'vol-2'] }], ['v-group', { group: 'vol-group' }], ['v-all', { all: true }]] as const) {
    const answer = await producer.call('POST', '/gate/messages', { body: { to, title, volatile: true } })
    t.equal(answer.status, 202, title)
    t.same(Object.keys(answer.body).sort(), ['createdAt', 'id'])
    for (const device of devices) {
      const entry = await device.message(title)
      t.equal(entry['id'], answer.body.id)
      for (const field of ['stream', 'seq', 'prev']) t.notOk(field in entry, `${title} has no ${field}`)
      t.same(entry['from'], { producer: 'shop', name: null, picture: null })
    }
    refused(t, await one.call('GET', `/messages/${answer.body.id}`), 404, 'GP_NOT_FOUND', `${title} is not kept`)
  }
  const byUser = await (await assign(site, 'vol-sender')).call('POST', '/messages', { body: { to: { user: 'vol' }, title: 'v-mail', volatile: true } })
  t.equal(byUser.status, 202)
  t.same(Object.keys(byUser.body).sort(), ['createdAt', 'id'])
  for (const device of devices) {
    await device.message('v-mail')
    t.equal(device.titles().length, 5, 'each once')
  }
  t.equal(await one.unread(), 0)
  t.same(await one.list(), [])
  const later = await openSocket(t, one, { cursors: { 'u:vol': 0 } })
  await producer.send({ to: { user: 'vol' }, title: 'fence' })
  await later.message('fence')
  t.same(later.titles(), ['fence'])
})

t.test('routes of Gate - take the scopes that they name', async t => {
  const user = site.userToken('ada')
  const admin = site.adminToken()
  const routes: Array<[string, string, Array<string>, unknown?]> = [
    ['POST', '/gate/messages', [user, admin], { to: { user: 'scope' }, title: 'x' }],
    ['POST', '/gate/messages/abc/recall', [user, admin], { to: { user: 'scope' } }],
    ['GET', '/gate/nodes', [user, producer.token]],
    ['GET', '/gate/nodes/abc', [user, producer.token]],
    ['POST', '/gate/nodes/abc/drain', [user, producer.token]],
    ['DELETE', '/gate/nodes/abc/drain', [user, producer.token]],
    ['GET', '/gate/users/ada/presence', [user]],
    ['POST', '/gate/users/ada/disconnect', [user]],
    ['PUT', '/gate/groups/staff/members/ada', [user]],
    ['DELETE', '/gate/groups/staff/members/ada', [user]],
    ['GET', '/gate/groups/staff/members', [user]]
  ]
  for (const [method, path, tokens, body] of routes) {
    for (const token of tokens) refused(t, await request(site.gate, method, path, { token, body }), 403, 'GP_SCOPE', `${method} ${path}`)
    refused(t, await request(site.gate, method, path, { body }), 401, 'GP_TOKEN_MISSING', `${method} ${path} without a token`)
    refused(t, await request(site.gate, method, path, { body, token: site.producerToken('shop', { scope: 'producer admin', exp: 1 }) }), 401, 'GP_TOKEN_EXPIRED', `${method} ${path} with an expired token`)
  }
  t.equal(await (await assign(site, 'scope')).unread(), 0)
  const both = site.producerToken('both', { scope: 'producer admin' })
  t.equal((await request(site.gate, 'GET', '/gate/nodes', { token: both })).status, 200)
  t.equal((await request(site.gate, 'POST', '/gate/messages', { token: both, body: { to: { user: 'scope' }, title: 'x' } })).status, 201)
  const endless = await request(site.gate, 'POST', '/gate/messages', { token: site.producerToken('endless', { exp: undefined }), body: { to: { user: 'scope' }, title: 'x' } })
  t.match(endless, { status: 401, body: { code: 'GP_TOKEN_INVALID', message: /^exp: / } }, 'no token is without an end')
})

t.test('Gate - lives on, and a push takes no longer than it should', async t => {
  t.ok(site.isAlive())
  const device = await openSocket(t, await assign(site, 'speed'))
  const begun = performance.now()
  await producer.send({ to: { user: 'speed' }, title: 'quick' })
  await until('quick', () => device.titles().includes('quick'))
  t.ok(performance.now() - begun < allowed(2_000))
})
