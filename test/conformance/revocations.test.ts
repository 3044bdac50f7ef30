import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, refusedSocket, request } from '../helpers/raw-client.js'
import { nowSeconds } from '../helpers/tokens.js'
import { allowed, until } from '../helpers/until.js'

const site = await startDeployment(t)
const admin = site.adminToken()
const call = async (method: string, path: string, body?: object): Promise<{ status: number, body: any }> => await request(site.gate, method, path, { token: admin, ...body !== undefined && { body } })
/** Issued so many seconds from now. */
const issued = (seconds: number): { iat: number } => ({ iat: nowSeconds() + seconds })

t.test('revocations - a user is out within 2 s: token, ticket, sockets on every node; a later token lets in again', async t => {
  const sessions = await assignBoth(site, 'ann')
  const sockets = await Promise.all(sessions.map(async session => await openSocket(t, session)))
  const other = await openSocket(t, await assign(site, 'bob'))
  const answer = await call('PUT', '/gate/revocations/user/ann')
  t.equal(answer.status, 200)
  t.match(answer.body, { kind: 'user', name: 'ann', before: /^\d{4}-.*Z$/ })
  const answeredAt = Date.now()
  t.match(await request(site.gate, 'GET', '/gate/assign', { token: sessions[0].token }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } }, 'at once on the Gate that was asked')
  for (const socket of sockets) await until('closed', () => socket.closed() !== undefined)
  for (const session of sessions) {
    await until('its ticket is refused', async () => (await session.call('GET', '/messages')).body?.code === 'GP_TOKEN_REVOKED')
    t.equal(await refusedSocket(t, session, {}), 'GP_TOKEN_REVOKED')
  }
  t.ok(Date.now() - answeredAt < allowed(2_000), 'within 2 s')
  t.equal(other.closed(), undefined)
  const later = await assign(site, 'ann', { token: site.userToken('ann', issued(1)) })
  await openSocket(t, later)
})

t.test('revocations - a user is out whose handshakes are under way', async t => {
  const producer = site.producerToken()
  for (let round = 0; round < 5; round++) {
    const user = `hasty ${round}`
    const session = await assign(site, user)
    const opening = Array.from({ length: 30 }, async () => await openSocket(t, session))
    const settled = Promise.allSettled(opening)
    await Promise.race([...opening.map(async one => { await one.catch(() => {}) })])
    t.equal((await call('PUT', `/gate/revocations/user/${encodeURIComponent(user)}`)).status, 200)
    await settled
    await until('no socket is left', async () => (await request(site.gate, 'GET', `/gate/users/${encodeURIComponent(user)}/presence`, { token: producer })).body.sockets === 0, 2_000)
  }
})

t.test('revocations - of a user with the longest name that a token may have', async t => {
  const user = 'x'.repeat(255)
  const session = await assign(site, user)
  t.equal((await call('PUT', `/gate/revocations/user/${user}`)).status, 200)
  await until('its ticket is refused', async () => (await session.call('GET', '/messages')).body?.code === 'GP_TOKEN_REVOKED')
  t.equal((await call('DELETE', `/gate/revocations/user/${user}`)).status, 204)
})

t.test('revocations - producers and admins; names are of their kind', async t => {
  const send = async (token: string): Promise<{ status: number, body: any }> => await request(site.gate, 'POST', '/gate/messages', { token, body: { to: { user: 'bob' }, title: 'x' } })
  t.equal((await send(site.producerToken('shop'))).status, 201)
  await call('PUT', '/gate/revocations/user/shop')
  t.equal((await send(site.producerToken('shop'))).status, 201, 'a user of that name is somebody else')
  // Issued before: a token of the second after the revocation is good.
  const [shop, eve] = [site.producerToken('shop'), site.adminToken('eve')]
  await call('PUT', '/gate/revocations/producer/shop')
  t.match(await send(shop), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  t.equal((await send(site.producerToken('bank'))).status, 201)
  t.equal((await send(site.producerToken('shop', issued(1)))).status, 201)
  await call('PUT', '/gate/revocations/admin/eve')
  t.match(await request(site.gate, 'GET', '/gate/nodes', { token: eve }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
})

t.test('revocations - a time ahead blocks until then, and is lifted', async t => {
  const before = new Date(Date.now() + 3_600_000).toISOString()
  t.same((await call('PUT', '/gate/revocations/user/dan', { before })).body, { kind: 'user', name: 'dan', before })
  t.match(await request(site.gate, 'GET', '/gate/assign', { token: site.userToken('dan', issued(30)) }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  t.equal((await call('DELETE', '/gate/revocations/user/dan')).status, 204)
  t.equal((await call('DELETE', '/gate/revocations/user/dan')).status, 204, 'none is there: the same')
  await assign(site, 'dan')
})

t.test('revocations - listed page by page', async t => {
  for (const name of ['l1', 'l2', 'l3']) await call('PUT', `/gate/revocations/user/${name}`)
  const found: string[] = []
  let after = ''
  do {
    const { body } = await call('GET', `/gate/revocations?limit=2${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`)
    t.ok(body.revocations.length <= 2)
    found.push(...body.revocations.map(({ kind, name }: { kind: string, name: string }) => `${kind} ${name}`))
    after = body.next ?? ''
  } while (after !== '')
  t.same(found.filter(name => name.startsWith('user l')), ['user l1', 'user l2', 'user l3'])
  t.same(found, [...new Set(found)].sort(), 'each once, in order')
})

t.test('revocations - bad input is refused by name, and only an admin may', async t => {
  t.match(await call('PUT', '/gate/revocations/robot/ann'), { status: 400, body: { code: 'GP_VALIDATION', message: /kind: got "robot"; takes user, producer or admin/ } })
  t.match(await call('PUT', '/gate/revocations/user/ann', { before: 'yesterday' }), { status: 400, body: { message: /before: got "yesterday"; takes a time in ISO 8601/ } })
  t.match(await call('PUT', '/gate/revocations/user/ann', { until: 1 }), { status: 400, body: { message: /until: got an unknown field; takes only before/ } })
  t.match(await call('GET', '/gate/revocations?limit=0'), { status: 400 })
  for (const token of [site.producerToken(), site.userToken('ann', issued(1))]) t.match(await request(site.gate, 'PUT', '/gate/revocations/user/bob', { token }), { status: 403, body: { code: 'GP_SCOPE' } })
})

t.test('revocations - hold after a restart', async t => {
  const token = site.userToken('kim')
  await assign(site, 'kim', { token })
  await call('PUT', '/gate/revocations/user/kim')
  await site.stop()
  await site.start()
  t.match(await request(site.gate, 'GET', '/gate/assign', { token }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  await site.kill()
  await site.start()
  t.match(await request(site.gate, 'GET', '/gate/assign', { token }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  await assign(site, 'kim', { token: site.userToken('kim', issued(1)) })
})
