import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, isTime, openSocket, producerOf, refused, refusedAck } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)

const messageFields = ['acted', 'actions', 'archived', 'body', 'boxes', 'category', 'createdAt', 'data', 'expiresAt', 'from', 'id', 'prev', 'read', 'recalled', 'seq', 'stream', 'title', 'to', 'type', 'url']

t.test('mail - is answered with the sender\'s copy and reaches the receiver whole', async t => {
  const ada = await assign(site, 'ada')
  const sender = await openSocket(t, ada)
  const receiver = await openSocket(t, await assign(site, 'grace'))
  const answer = await ada.call('POST', '/messages', { body: { to: { user: 'grace' }, title: 'Hello', body: 'How are you?', data: { n: [1, null, 'x'] }, category: 'chat', ttl: 600 } })
  t.equal(answer.status, 201)
  t.same(Object.keys(answer.body).sort(), ['createdAt', 'duplicate', 'id', 'seq', 'stream'])
  t.equal(answer.body.stream, 'u:ada')
  t.equal(answer.body.duplicate, false)
  t.ok(Number.isSafeInteger(answer.body.seq) && answer.body.seq > 0)
  t.ok(isTime(answer.body.createdAt))
  t.ok(Math.abs(Date.parse(answer.body.createdAt) - Date.now()) < 5000)

  const entry = await receiver.message('Hello')
  t.same(Object.keys(entry).sort(), messageFields)
  t.match(entry, { type: 'message', id: answer.body.id, stream: 'u:grace', prev: 0, from: { user: 'ada' }, to: { user: 'grace' }, title: 'Hello', body: 'How are you?', data: { n: [1, null, 'x'] }, category: 'chat', createdAt: answer.body.createdAt, boxes: ['inbox'], read: false, archived: false, recalled: false })
  t.ok(Math.abs(Date.parse(entry['expiresAt']) - Date.parse(entry['createdAt']) - 600_000) < 1000, 'expires after its ttl')

  const copy = await sender.message('Hello')
  t.match(copy, { id: answer.body.id, stream: 'u:ada', seq: answer.body.seq, boxes: ['sent'], to: { user: 'grace' }, from: { user: 'ada' } })
})

t.test('mail - what was not sent is null; the category is general', async t => {
  const ada = await assign(site, 'null-ada')
  const receiver = await openSocket(t, await assign(site, 'null-grace'))
  await ada.send({ to: { user: 'null-grace' }, title: 'only a title' })
  const first = await receiver.message('only a title')
  t.equal(first['body'], null)
  t.equal(first['data'], null)
  t.equal(first['category'], 'general')
  await ada.send({ to: { user: 'null-grace' }, data: false })
  const second = await receiver.message(entry => entry['data'] === false)
  t.equal(second['title'], null)
  t.ok(isTime(second['expiresAt']), 'kept for as long as messages are kept')
  t.ok(Math.abs(Date.parse(second['expiresAt']) - Date.now() - 30 * 86_400_000) < 60_000, '30 days')
})

t.test('mail - to oneself is one entry in both boxes', async t => {
  const session = await assign(site, 'selfish')
  const device = await openSocket(t, session)
  const answer = await session.send({ to: { user: 'selfish' }, title: 'note' })
  const entry = await device.message('note')
  t.same([...entry['boxes']].sort(), ['inbox', 'sent'])
  t.equal(entry.seq, answer.seq)
  t.same((await session.list()).map(message => message.id), [answer.id])
  t.same((await session.list('box=sent')).map(message => message.id), [answer.id])
  t.equal(await session.unread(), 0, 'one\'s own is never unread')
})

t.test('mail - to several: each receiver once, its copy names it alone; the sender has one copy', async t => {
  const session = await assign(site, 'many-sender')
  const names = ['many-a', 'many-b', 'many-c']
  const devices = await Promise.all(names.map(async name => await openSocket(t, await assign(site, name))))
  const { id } = await session.send({ to: { users: ['many-a', 'many-b', 'many-a', 'many-c', 'many-b'] }, title: 'circular' })
  for (const device of devices) {
    const entry = await device.message('circular')
    t.equal(entry['id'], id)
    t.match(JSON.stringify(entry['to']), `"${device.session.user}"`)
    for (const other of names.filter(name => name !== device.session.user)) t.notMatch(JSON.stringify(entry), `"${other}"`, 'names nobody else')
    t.equal((await device.session.list()).length, 1)
  }
  t.same((await session.list('box=sent')).map(message => message.id), [id])
})

t.test('mail - to several with oneself among them', async t => {
  const session = await assign(site, 'among')
  const { id } = await session.send({ to: { users: ['among', 'among-b'] }, title: 'us' })
  const inbox = await session.list()
  const sent = await session.list('box=sent')
  t.same(inbox.map(message => message.id), [id])
  t.same(sent.map(message => message.id), [id])
  t.equal(await session.unread(), 0)
  t.equal(await (await assign(site, 'among-b')).unread(), 1)
})

t.test('mail - a read that begins after the answer sees it, on any node', async t => {
  const [one, two] = await assignBoth(site, 'reader')
  for (let i = 0; i < 30; i++) {
    const { id } = await producer.send({ to: { user: 'reader' }, title: `mail ${i}` })
    const session = i % 2 === 0 ? one : two
    t.equal((await session.get('/messages?limit=1')).messages[0]?.id, id, `mail ${i} by ${session.node.id}`)
    t.equal(await session.unread(), i + 1)
  }
})

/** Messages that no route and no socket takes, with the code that refuses them. */
const to = { user: 'victim' }
const bad: Array<[string, unknown, string?]> = [
  ['nothing', {}], ['an array', [{ to, title: 'x' }]], ['text', '"x"'], ['a number', 5],
  ['no receiver', { title: 'x' }], ['a receiver that is null', { to: null, title: 'x' }], ['a receiver that is text', { to: 'victim', title: 'x' }], ['an empty receiver', { to: {}, title: 'x' }],
  ['two receivers', { to: { user: 'victim', group: 'staff' }, title: 'x' }], ['an unknown receiver', { to: { team: 'a' }, title: 'x' }], ['an unknown field beside the receiver', { to: { user: 'victim', x: 1 }, title: 'x' }],
  ['match for a user', { to: { user: 'victim', match: 'exact' }, title: 'x' }],
  ['a user that is a number', { to: { user: 5 }, title: 'x' }], ['a user that is an array', { to: { user: ['victim'] }, title: 'x' }], ['no users', { to: { users: [] }, title: 'x' }],
  ['1,001 users', { to: { users: Array.from({ length: 1001 }, (_, i) => `v${i}`) }, title: 'x' }], ['users that are text', { to: { users: 'victim' }, title: 'x' }],
  ['no text and no data', { to }], ['a title alone that is null', { to, title: null }], ['a title that is a number', { to, title: 5 }], ['a title that is an array', { to, title: ['x'] }],
  ['a title of 257 characters', { to, title: 'x'.repeat(257) }], ['a body that is an object', { to, body: {} }], ['a body that is null', { to, title: 'x', body: null }],
  ['an unknown field', { to, title: 'x', subject: 'y' }], ['an id of its own', { to, title: 'x', id: '1' }], ['a sender of its own', { to, title: 'x', from: { user: 'grace' } }], ['a time of its own', { to, title: 'x', createdAt: '2020-01-01T00:00:00Z' }],
  ['a category that is a number', { to, title: 'x', category: 1 }], ['a category that is null', { to, title: 'x', category: null }],
  ['ttl 0', { to, title: 'x', ttl: 0 }], ['ttl -1', { to, title: 'x', ttl: -1 }], ['ttl 1.5', { to, title: 'x', ttl: 1.5 }], ['ttl as text', { to, title: 'x', ttl: '60' }], ['ttl above ten years', { to, title: 'x', ttl: 315_360_001 }], ['ttl null', { to, title: 'x', ttl: null }],
  ['volatile as text', { to, title: 'x', volatile: 'true' }], ['volatile as a number', { to, title: 'x', volatile: 1 }]
]
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

t.test('mail - what is malformed is refused with the field named, and nothing is stored', async t => {
  const session = await assign(site, 'mallory')
  const socket = await openSocket(t, session)
  const victim = await openSocket(t, await assign(site, 'victim'))
  for (const [what, message] of bad) {
    const raw = typeof message === 'string' ? message : JSON.stringify(message)
    refused(t, await session.call('POST', '/messages', { raw }), 400, 'GP_VALIDATION', `${what} at a node`)
    if (!Array.isArray(message)) refused(t, await producer.call('POST', '/gate/messages', { raw }), 400, 'GP_VALIDATION', `${what} at Gate`)
    refusedAck(t, await socket.ask('send', typeof message === 'string' ? 'x' : message), 'GP_VALIDATION', `${what} on a socket`)
  }
  for (const raw of ['', '{', 'null', '{"to":{"user":"victim"},"title":"x"', '\u0000', 'undefined', '{"to":{"user":"victim"},"title":NaN}']) {
    refused(t, await session.call('POST', '/messages', { raw }), 400, 'GP_VALIDATION', `${JSON.stringify(raw)} at a node`)
    refused(t, await producer.call('POST', '/gate/messages', { raw }), 400, 'GP_VALIDATION', `${JSON.stringify(raw)} at Gate`)
  }
  const answer = await session.call('POST', '/messages', { body: { to: { user: 'victim' }, title: 'x', ttl: 'soon' } })
  t.match(answer.body.message, /ttl/, 'names the field')
  t.match(answer.body.message, /soon/, 'names what it got')
  for (const reserved of [null, undefined, 1, true, [], 'text']) refusedAck(t, await socket.ask('send', reserved), 'GP_VALIDATION', `send ${JSON.stringify(reserved)}`)
  t.equal(await victim.session.unread(), 0)
  t.same(victim.entries, [])
  t.same(await session.list('box=sent'), [])
})

t.test('mail - users write to users and to their groups only', async t => {
  const session = await assign(site, 'mallory')
  const socket = await openSocket(t, session)
  const victim = await openSocket(t, await assign(site, 'victim'), { topics: ['news'] })
  await producer.join('staff', 'victim')
  refused(t, await session.call('POST', '/messages', { body: { to: { group: 'staff' }, title: 'x' } }), 403, 'GP_NOT_MEMBER', 'a group of others')
  refused(t, await session.call('POST', '/messages', { body: { to: { group: 'nobody knows it' }, title: 'x' } }), 403, 'GP_NOT_MEMBER', 'a group that is not')
  refused(t, await session.call('POST', '/messages', { body: { to: { group: 'staff' }, title: 'x', volatile: true } }), 403, 'GP_NOT_MEMBER', 'a group of others, volatile')
  refusedAck(t, await socket.ask('send', { to: { group: 'staff' }, title: 'x' }), 'GP_NOT_MEMBER', 'a group of others on a socket')
  for (const to of [{ all: true }, { topic: 'news' }, { topic: 'n', match: 'prefix' }]) {
    const answer = await session.call('POST', '/messages', { body: { to, title: 'x' } })
    refused(t, answer, answer.status === 403 ? 403 : 400, ['GP_SCOPE', 'GP_VALIDATION'], `${JSON.stringify(to)} by a user`)
    refusedAck(t, await socket.ask('send', { to, title: 'x' }), ['GP_SCOPE', 'GP_VALIDATION'], `${JSON.stringify(to)} by a user on a socket`)
  }
  await producer.send({ to: { user: 'victim' }, title: 'fence' })
  await victim.message('fence')
  t.same(victim.titles(), ['fence'])
  await producer.leave('staff', 'victim')
})

t.test('mail - at Gate a receiver is one of the five, and all is true', async t => {
  for (const to of [{ all: false }, { all: 1 }, { all: 'true' }, { all: true, user: 'victim' }, { topic: 'a', match: 'suffix' }, { topic: 'a', match: null }, { match: 'exact' }, { topic: 5 }]) {
    refused(t, await producer.call('POST', '/gate/messages', { body: { to, title: 'x' } }), 400, 'GP_VALIDATION', JSON.stringify(to))
  }
})

t.test('mail - limits are where they are said to be', async t => {
  const session = await assign(site, 'limits')
  const socket = await openSocket(t, session)
  const receiver = await openSocket(t, await assign(site, 'limits-b'))
  const to = { user: 'limits-b' }
  const good: Array<[string, object]> = [
    ['a title of 256 characters', { to, title: '𝒳'.repeat(256) }], ['an empty title', { to, title: '' }], ['a ttl of the retention', { to, title: 'long-lived', ttl: 2_592_000 }],
    ['50 users', { to: { users: Array.from({ length: 50 }, (_, i) => `limits-${i}`) }, title: 'x' }]
  ]
  for (const [what, message] of good) t.equal((await session.call('POST', '/messages', { body: message })).status, 201, what)
  const ofSize = (bytes: number): string => {
    const empty = Buffer.byteLength(JSON.stringify({ to, title: 'size', body: '' }))
    return JSON.stringify({ to, title: 'size', body: 'é'.repeat(Math.floor((bytes - empty) / 2)) + 'x'.repeat((bytes - empty) % 2) })
  }
  t.equal(Buffer.byteLength(ofSize(65_536)), 65_536)
  const accepted = await session.call('POST', '/messages', { raw: ofSize(65_536) })
  t.equal(accepted.status, 201, '64 KiB', { answer: accepted.text })
  const entry = await receiver.message('size')
  t.equal(entry['body'], JSON.parse(ofSize(65_536)).body, 'arrives whole')
  for (const bytes of [65_537, 66_000, 200_000, 3_000_000]) {
    refused(t, await session.call('POST', '/messages', { raw: ofSize(bytes) }), 413, 'GP_TOO_LARGE', `${bytes} bytes at a node`)
    refused(t, await producer.call('POST', '/gate/messages', { raw: ofSize(bytes) }), 413, 'GP_TOO_LARGE', `${bytes} bytes at Gate`)
  }
  for (const bytes of [65_537, 200_000]) refusedAck(t, await socket.ask('send', JSON.parse(ofSize(bytes))), 'GP_TOO_LARGE', `${bytes} bytes on a socket`)

  t.equal((await session.call('POST', '/messages', { raw: `{"to":{"user":"limits-b"},"data":${nested(64)}}` })).status, 201, '64 levels')
  for (const levels of [65, 66, 1000, 20_000]) {
    refused(t, await session.call('POST', '/messages', { raw: `{"to":{"user":"limits-b"},"data":${nested(levels)}}` }), 400, 'GP_VALIDATION', `${levels} levels at a node`)
    refused(t, await producer.call('POST', '/gate/messages', { raw: `{"to":{"user":"limits-b"},"data":${nested(levels)}}` }), 400, 'GP_VALIDATION', `${levels} levels at Gate`)
  }
  refusedAck(t, await socket.ask('send', { to, data: JSON.parse(nested(65)) as unknown }), 'GP_VALIDATION', '65 levels on a socket')
  refusedAck(t, await socket.ask('send', { to, data: JSON.parse(nested(2000)) as unknown }), 'GP_VALIDATION', '2,000 levels on a socket')
})

t.test('mail - data is JSON and stays what it was', async t => {
  const session = await assign(site, 'data')
  const receiver = await openSocket(t, await assign(site, 'data-b'))
  const texts = [
    '{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"a":{"__proto__":[1]},"toString":1,"hasOwnProperty":null}',
    '{"$where":"1","$set":{"a.b":1},"a.b":{"$gt":""},"":0}', '{"_placeholder":true,"num":0}', '{"type":"Buffer","data":[1,2]}', '{"toJSON":"x"}', '{"length":-1}',
    '[]', '{}', '0', '-0.5e-7', '9007199254740991', '1e308', '""', 'true', '"\\u2028\\ud83e\\udd89"', '"</script>"', '[[],{},"",null]', '{"\\u0000":"\\u0000"}'
  ]
  for (const [i, text] of texts.entries()) {
    const answer = await session.call('POST', '/messages', { raw: `{"to":{"user":"data-b"},"title":"data ${i}","data":${text}}` })
    t.equal(answer.status, 201, text, { answer: answer.text })
    if (answer.status !== 201) continue
    const entry = await receiver.message(`data ${i}`)
    t.equal(JSON.stringify(entry['data']), JSON.stringify(JSON.parse(text)), `pushed: ${text}`)
    const stored = await receiver.session.call('GET', `/messages/${answer.body.id}`)
    t.equal(JSON.stringify(stored.body.data), JSON.stringify(JSON.parse(text)), `stored: ${text}`)
  }
  const odd = await session.call('POST', '/messages', { raw: '{"to":{"user":"data-b"},"title":"x","__proto__":{"polluted":true}}' })
  refused(t, odd, 400, 'GP_VALIDATION', '__proto__ is an unknown field of a message')
  t.equal(await (await assign(site, 'data-b')).unread(), texts.length, 'nobody is polluted')
})

t.test('mail - a whole number that would not come back as it was sent is refused where it stands', async t => {
  const session = await assign(site, 'ids')
  for (const [text, where] of [['738529527931269425', 'data'], ['{"order":{"lines":[1,-738529527931269425]}}', 'data.order.lines.1']] as const) {
    const answer = await session.call('POST', '/messages', { raw: `{"to":{"user":"ids"},"data":${text}}` })
    refused(t, answer, 400, 'GP_VALIDATION', text)
    t.ok(answer.body.message.startsWith(`${where}: got `), answer.body.message)
  }
  const { results } = (await producer.call('POST', '/gate/messages', { raw: '[{"to":{"user":"ids"},"data":{"n":738529527931269425}},{"to":{"user":"ids"},"data":{"n":"738529527931269425"}}]' })).body
  t.match(results, [{ status: 400, code: 'GP_VALIDATION', message: /^data\.n: / }, { status: 201 }], 'in a batch it stops no other')
  // Two ids that double precision takes for one.
  for (const id of ['738529527931269425', '738529527931269424']) {
    const answer = await session.call('POST', '/messages', { raw: `{"to":{"user":"ids"},"data":[${id}]}`, headers: { 'idempotency-key': 'one-key' } })
    refused(t, answer, 400, 'GP_VALIDATION', `${id} under a key`)
  }
  t.equal(await session.unread(), 1)
})

t.test('mail - title and body are text, kept as they are', async t => {
  const session = await assign(site, 'text')
  for (const text of ['<img src=x onerror=alert(1)>', 'line\nend\ttab', '\u202e', '🦉', '%s %d', '\u0000', "'; DROP TABLE"]) {
    const { id } = await session.send({ to: { user: 'text' }, title: text, body: text })
    const stored = await session.get(`/messages/${id}`)
    t.equal(stored.title, text)
    t.equal(stored.body, text)
  }
})

t.test('mail - the process lives on', t => { t.ok(site.isAlive()); t.end() })
