import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, isTime, refused, request } from '../helpers/raw-client.js'
import { claimsOf, nowSeconds, signHs256, tampered, unsigned } from '../helpers/tokens.js'

const site = await startDeployment(t)
const get = async (token: string | undefined, query = '') => await request(site.gate, 'GET', `/gate/assign${query}`, { token })

t.test('assignment - names the user, a node, a ticket and its end', async t => {
  const answer = await get(site.userToken('ada'))
  t.equal(answer.status, 200)
  t.same(Object.keys(answer.body).sort(), ['expiresAt', 'node', 'ticket', 'user'])
  t.same(Object.keys(answer.body.node).sort(), site.kind === 'embedded' ? ['id', 'path', 'url'] : ['id', 'url'])
  t.equal(answer.body.user, 'ada')
  t.ok(isTime(answer.body.expiresAt), 'expiresAt is a time in UTC')
  const minutes = (Date.parse(answer.body.expiresAt) - Date.now()) / 60_000
  t.ok(minutes > 14 && minutes <= 15.05, 'a ticket lives 15 minutes', { minutes })
  t.match(answer.headers.get('cache-control'), /no-store/, 'nobody keeps a ticket on the way')
  const probe = await request(answer.body.node.url, 'GET', '/messages/unread', { token: answer.body.ticket })
  t.equal(probe.status, 200, 'the ticket is the bearer token of that node')
})

t.test('assignment - the same user gets the same node each time, and from each Gate', async t => {
  for (const user of ['ada', 'grace', 'linus', 'dot.ted', 'sp ace', '>', '🦉']) {
    const nodes = new Set<string>()
    for (const gate of [...site.gates, ...site.gates, site.gate]) {
      nodes.add((await assign({ gate, userToken: site.userToken }, user)).node.id)
    }
    t.equal(nodes.size, 1, user)
  }
})

t.test('assignment - users spread over all nodes', async t => {
  const counts = new Map<string, number>()
  const users = Array.from({ length: 200 }, (_, i) => `user-${i}`)
  for (const node of await Promise.all(users.map(async user => (await assign(site, user)).node.id))) counts.set(node, (counts.get(node) ?? 0) + 1)
  t.equal(counts.size, site.nodeCount)
  for (const [node, count] of counts) t.ok(count < 1.5 * 200 / site.nodeCount, `${node} has ${count} of 200`)
})

t.test('assignment - avoid gives the next node, always the same', async t => {
  const [first, second] = await assignBoth(site, 'ada')
  t.not(second.node.id, first.node.id)
  t.equal((await assign(site, 'ada', { avoid: [first.node.id] })).node.id, second.node.id)
  t.equal((await assign(site, 'ada', { avoid: [second.node.id] })).node.id, first.node.id)
  t.equal((await assign(site, 'ada', { avoid: ['no such node', '💥'] })).node.id, first.node.id)
})

t.test('assignment - avoiding every node does not end in an error of the server', async t => {
  const nodes = (await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })).body.nodes as Array<{ id: string }>
  const answer = await get(site.userToken('ada'), '?' + nodes.map(node => `avoid=${encodeURIComponent(node.id)}`).join('&'))
  if (answer.status !== 200) refused(t, answer, 503, 'GP_NO_NODE', 'no node left')
  else t.ok(nodes.some(node => node.id === answer.body.node.id))
})

t.test('assignment - refuses a bearer that is none', async t => {
  refused(t, await get(undefined), 401, 'GP_TOKEN_MISSING', 'no header')
  const ticket = (await assign(site, 'ada')).ticket
  const claims = { sub: 'ada', exp: nowSeconds() + 60 }
  const bad: Array<[string, string]> = [
    ['text', 'nonsense'],
    ['three empty parts', '..'],
    ['a tampered signature', tampered(site.userToken('ada'))],
    ['another secret', signHs256(claims, 'x'.repeat(48))],
    ['an empty secret', signHs256(claims, '')],
    ['no signature', unsigned(claims)],
    ['a ticket', ticket],
    ['no sub', signHs256({ exp: nowSeconds() + 60 }, site.secret)],
    ['no exp', signHs256({ sub: 'ada' }, site.secret)],
    ['a textual exp', signHs256({ sub: 'ada', exp: String(nowSeconds() + 60) }, site.secret)],
    ['a sub that is a number', signHs256({ ...claims, sub: 7 }, site.secret)],
    ['a sub that is an object', signHs256({ ...claims, sub: { toString: 'ada' } }, site.secret)],
    ['an empty sub', signHs256({ ...claims, sub: '' }, site.secret)],
    ['a sub of 256 characters', signHs256({ ...claims, sub: '𝒳'.repeat(256) }, site.secret)],
    ['a sub with a tab', signHs256({ ...claims, sub: 'a\tb' }, site.secret)],
    ['a sub with a lone surrogate', signHs256({ ...claims, sub: 'a\ud800' }, site.secret)],
    ['a payload that is an array', signHs256([] as never, site.secret)],
    ['a long text', 'a'.repeat(12_000) + '.' + 'b'.repeat(500) + '.c']
  ]
  for (const [what, token] of bad) {
    const answer = await get(token)
    refused(t, answer, 401, 'GP_TOKEN_INVALID', what)
    t.notMatch(answer.text, site.secret, 'no secret in the answer')
  }
  refused(t, await get(site.userToken('ada', { exp: nowSeconds() - 1 })), 401, 'GP_TOKEN_EXPIRED', 'an expired token')
  refused(t, await request(site.gate, 'GET', '/gate/assign', { headers: { authorization: 'Basic YWRhOmFkYQ==' } }), 401, ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID'], 'another scheme')
  refused(t, await request(site.gate, 'GET', '/gate/assign', { headers: { authorization: 'Bearer' } }), 401, ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID'], 'an empty bearer')
})

t.test('assignment - a token that has expired since it was last good is refused', async t => {
  const token = site.userToken('ada', { exp: nowSeconds() + 2 })
  t.equal((await get(token)).status, 200)
  while (Date.now() / 1000 < Number(claimsOf(token)['exp']) + 0.1) await new Promise(resolve => setTimeout(resolve, 50))
  refused(t, await get(token), 401, 'GP_TOKEN_EXPIRED', 'after its end')
})

t.test('assignment - a groups claim in another form keeps nobody out', async t => {
  for (const groups of ['staff', ['staff', 'a\nb'], [1], null, {}, 5, Array.from({ length: 1_001 }, (_, i) => `${i}`)]) {
    t.equal((await get(site.userToken('ada', { groups }))).status, 200, JSON.stringify(groups).slice(0, 40))
  }
})

t.test('assignment - takes users only', async t => {
  refused(t, await get(site.producerToken()), 403, 'GP_SCOPE', 'a producer')
  refused(t, await get(site.adminToken()), 403, 'GP_SCOPE', 'an admin')
  t.equal((await get(site.userToken('ada', { scope: 'user' }))).status, 200, 'scope user')
  t.equal((await get(site.userToken('ada', { scope: 'admin user' }))).status, 200, 'several scopes')
})

t.test('tickets - open one node for one user', async t => {
  const [mine, other] = await assignBoth(site, 'ada')
  refused(t, await request(other.node.url, 'GET', '/messages', { token: mine.ticket }), 401, 'GP_TICKET_WRONG_NODE', 'the ticket of another node')
  refused(t, await request(mine.node.url, 'GET', '/messages', {}), 401, 'GP_TOKEN_MISSING', 'no ticket')
  refused(t, await request(mine.node.url, 'GET', '/messages', { token: mine.token }), 401, 'GP_TOKEN_INVALID', 'a user token')
  refused(t, await request(mine.node.url, 'GET', '/messages', { token: site.adminToken() }), 401, 'GP_TOKEN_INVALID', 'an admin token')
  refused(t, await request(mine.node.url, 'GET', '/messages', { token: tampered(mine.ticket) }), 401, 'GP_TOKEN_INVALID', 'a tampered ticket')
  refused(t, await request(mine.node.url, 'GET', '/messages', { token: unsigned(claimsOf(mine.ticket)) }), 401, 'GP_TOKEN_INVALID', 'an unsigned ticket')
})

t.test('Gate - lives on', async t => {
  t.ok(site.isAlive())
  t.equal((await request(site.gate, 'GET', '/livez')).status, 200)
  t.notMatch(site.log(), site.secret, 'the secret is in no log line')
})
