import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)

/** Names that are legal and that a subject, a path, a key, a pattern or an object could stumble over. */
const hostile = [
  'dotted.name', 'two words', '*', '>', 'a.*.b', '$', '$SYS', '$where', 'back\\slash', 'per%cent', '%2e%2e', '..', '.', 'sl/ash', 'ques?tion=1&a', 'ha#sh',
  'co:lon', 'u:ada', 'g:staff', 'all', 'n:node', "quo'te\"s", '<b>bold</b>', '__proto__', 'constructor', 'toString', 'null', 'undefined', 'true', '0', '-1',
  '🦉', '👩‍👩‍👧‍👦', 'é', 'e\u0301', 'ﬀ', '\u202egnp', '\ufeffbom', ' leading', 'trailing ', '日本語', '𝒳'.repeat(128), 'x'.repeat(128), '[a]', '{a:1}', '~', '^.*$', '\u2028'
]
const illegal: Array<[string, string]> = [
  ['empty', ''], ['256 characters', 'x'.repeat(256)], ['256 astral characters', '𝒳'.repeat(256)], ['a null', 'a\0b'], ['a line end', 'a\nb'],
  ['a tab', '\t'], ['delete', '\x7f'], ['a C1 control', 'a\x85b'], ['a lone surrogate', 'a\ud800b'], ['the other lone surrogate', '\udc00']
]

t.test('names - each legal one is a user that gets, sends, reads and marks mail', async t => {
  for (const name of hostile) {
    const [mine, second] = await assignBoth(site, name)
    t.equal(mine.user, name)
    const device = await openSocket(t, second)
    t.equal(device.ready.user, name)
    t.same(Object.keys(device.ready.heads).sort(), ['all', `u:${name}`].sort(), `streams of ${encodeURIComponent(name)}`)
    const sent = await producer.send({ to: { user: name }, title: `for ${name}` })
    const entry = await device.message(`for ${name}`)
    t.equal(entry.stream, `u:${name}`)
    t.equal(entry['id'], sent.id)
    t.same(entry['to'], { user: name })
    const echo = await mine.send({ to: { user: name }, title: 'to myself', category: name })
    t.same(echo.stream, `u:${name}`)
    await device.message('to myself')
    await producer.send({ to: { user: name }, title: 'categorised', category: name })
    await device.message('categorised')
    t.equal(JSON.stringify((await second.get('/messages/unread')).byCategory).length, JSON.stringify(JSON.parse(`{"general":1,${JSON.stringify(name)}:1}`)).length, 'counted under its own name')
    t.same((await second.list(`category=${encodeURIComponent(name)}`)).map(message => message.id), [(await device.message('categorised'))['id'], echo.id])
    t.same((await second.list(`with=${encodeURIComponent(name)}`)).map(message => message.title), ['to myself'])
    const presence = await producer.call('GET', `/gate/users/${encodeURIComponent(name)}/presence`)
    t.same(presence.body, { user: name, online: true, sockets: 1, nodes: [second.node.id] })
    device.close()
  }
})

t.test('names - of a user up to 255 characters, of all else up to 128', async t => {
  for (const name of ['x'.repeat(255), '𝒳'.repeat(255)]) {
    const session = await assign(site, name)
    const device = await openSocket(t, session)
    t.same(Object.keys(device.ready.heads).sort(), ['all', `u:${name}`].sort())
    await producer.join('𝒳'.repeat(128), name)
    await producer.send({ to: { users: [name, 'ada'] }, title: 'long', category: '𝒳'.repeat(128) }, `key ${name.length}`)
    await device.message('long')
    t.same((await producer.call('GET', `/gate/groups/${encodeURIComponent('𝒳'.repeat(128))}/members`)).body.members, [name])
    t.equal((await session.call('POST', '/messages', { body: { to: { user: name }, title: 'to myself' } })).status, 201)
    t.equal((await session.list(`with=${encodeURIComponent(name)}`)).length, 1)
    await producer.leave('𝒳'.repeat(128), name)
    device.close()
  }
  refused(t, await producer.call('PUT', `/gate/groups/${'x'.repeat(129)}/members/ada`), 400, 'GP_VALIDATION', 'a group of 129')
})

t.test('names - two that look alike are two', async t => {
  const composed = await assign(site, 'zo\u00eb')
  const decomposed = await assign(site, 'zoe\u0308')
  await producer.send({ to: { user: 'zo\u00eb' }, title: 'one' })
  t.equal(await composed.unread(), 1)
  t.equal(await decomposed.unread(), 0)
  t.equal(await (await assign(site, 'ZO\u00cb')).unread(), 0)
})

t.test('names - each legal one is a group and a topic', async t => {
  const session = await assign(site, 'member')
  const device = await openSocket(t, session)
  for (const name of hostile) {
    await producer.join(name, 'member')
    await device.change(entry => entry['group'] === name && entry['joined'] === true)
    const { id } = await producer.send({ to: { group: name }, title: `group ${name}` })
    const entry = await device.message(`group ${name}`)
    t.equal(entry.stream, `g:${name}`)
    t.equal(entry['id'], id)
    t.same((await producer.call('GET', `/gate/groups/${encodeURIComponent(name)}/members`)).body.members, ['member'])
    t.same((await device.ask('subscribe', { topics: [name] })).topics, [name])
    await producer.send({ to: { topic: name }, title: `topic ${name}` })
    await device.message(`topic ${name}`)
    t.same((await device.ask('unsubscribe', { topics: [name] })).topics, [])
  }
})

t.test('names - illegal ones are refused wherever they stand', async t => {
  const session = await assign(site, 'ada')
  const device = await openSocket(t, session)
  for (const [what, name] of illegal) {
    for (const to of [{ user: name }, { users: ['grace', name] }, { group: name }]) {
      refused(t, await session.call('POST', '/messages', { body: { to, title: 'x' } }), 400, 'GP_VALIDATION', `${what} in ${Object.keys(to).join()} at a node`)
    }
    for (const to of [{ user: name }, { users: [name] }, { group: name }, { topic: name }, { topic: name, match: 'prefix' }]) {
      refused(t, await producer.call('POST', '/gate/messages', { body: { to, title: 'x' } }), 400, 'GP_VALIDATION', `${what} in ${Object.keys(to).join()} at Gate`)
    }
    refused(t, await session.call('POST', '/messages', { body: { to: { user: 'grace' }, title: 'x', category: name } }), 400, 'GP_VALIDATION', `${what} as a category`)
    const answer = await device.ask('subscribe', { topics: [name] })
    t.equal(answer.error?.code, 'GP_VALIDATION', `${what} as a topic`)
    if (!name.isWellFormed()) continue
    const path = encodeURIComponent(name)
    for (const [method, route] of [['GET', `/gate/users/${path}/presence`], ['POST', `/gate/users/${path}/disconnect`], ['PUT', `/gate/groups/${path}/members/ada`], ['PUT', `/gate/groups/staff/members/${path}`], ['GET', `/gate/groups/${path}/members`]] as const) {
      const answer = await producer.call(method, route)
      if (name === '') t.ok(answer.status === 400 || answer.status === 404, `${what} in ${method} ${route}`)
      else refused(t, answer, 400, 'GP_VALIDATION', `${what} in ${method} ${route}`)
    }
  }
  for (const path of ['%', '%zz', '%E0%A4%A', '%ED%A0%80', '%FF']) {
    const answer = await producer.call('GET', `/gate/users/${path}/presence`)
    refused(t, answer, 400, 'GP_VALIDATION', `percent-encoding ${path}`)
  }
  t.equal(await (await assign(site, 'grace')).unread(), 0, 'nothing was stored')
  t.same(device.titles(), [])
  t.equal((await request(site.gate, 'GET', '/livez')).status, 200)
})
