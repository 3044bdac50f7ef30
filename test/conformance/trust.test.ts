/** Section 12 of the contract from outside: secrets that change, what a token must carry, groups that are replaced, origins. */
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import { createInbox } from '../../clients/index.js'
import { runGatepost, startDeployment, tempDir, type Settings } from '../helpers/deployment.js'
import { assign, openSocket, refused, request, socketAddress, type GivenNode } from '../helpers/raw-client.js'
import { nowSeconds, signHs256, type Claims } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const [first, second] = ['the first secret of this site: 32 bytes or more', 'the second secret of this site: as long as that']
const claims = { sub: 'ada', exp: nowSeconds() + 3_600 }

t.test('secrets - one is changed for another without a token or a ticket that is refused', async t => {
  const cwd = await tempDir(t)
  const steps: Array<{ settings: Settings, taken: string[], refused: string[] }> = [
    { settings: { GATEPOST_SECRET: first, GATEPOST_SECRET_ACCEPT: second }, taken: [first, second], refused: [] },
    { settings: { GATEPOST_SECRET: second, GATEPOST_SECRET_ACCEPT: first }, taken: [first, second], refused: [] },
    { settings: { GATEPOST_SECRET: second }, taken: [second], refused: [first] }
  ]
  let ticket: string | undefined
  for (const { settings, taken, refused: gone } of steps) {
    const process = runGatepost(['up', '--port', '0', '--nodes', '1', '--node-id', 'one'], { cwd, settings: { GATEPOST_DRAIN: '0', ...settings } })
    const gate = await process.ready
    for (const secret of taken) {
      for (const [scope, path] of [['user', '/gate/assign'], ['admin', '/gate/nodes']]) {
        t.equal((await request(gate, 'GET', path!, { token: signHs256({ ...claims, scope }, secret) })).status, 200, `${scope} by ${secret}`)
      }
    }
    for (const secret of gone) refused(t, await request(gate, 'GET', '/gate/assign', { token: signHs256(claims, secret) }), 401, 'GP_TOKEN_INVALID', 'dropped')
    const { body } = await request(gate, 'GET', '/gate/assign', { token: signHs256(claims, taken[0]!) })
    // What Gate signed before it was started anew still opens its node.
    if (ticket !== undefined) t.equal((await request(body.node.url, 'GET', '/messages', { token: ticket })).status, 200, 'a ticket of the step before')
    ticket = body.ticket
    await process.end()
  }
})

t.test('secrets - placeholders end the start with exit code 2, from a file too', async t => {
  const cwd = t.testdir({ secret: 'put-the-output-of-openssl-rand-hex-32-here\n' })
  for (const settings of [{ GATEPOST_SECRET: 'put-the-output-of-openssl-rand-hex-32-here' }, { GATEPOST_SECRET: 'a'.repeat(32) }, { GATEPOST_SECRET_FILE: 'secret' }] as Settings[]) {
    const process = runGatepost(['up', '--port', '0'], { cwd, settings })
    process.ready.catch(() => {})
    t.equal(await process.exited, 2)
    t.match(process.stderr(), new RegExp(`^${Object.keys(settings)[0]}: got a`))
    const doctor = runGatepost(['doctor'], { cwd, settings })
    doctor.ready.catch(() => {})
    t.equal(await doctor.exited, 1)
    t.match(doctor.stdout(), /^FAIL +settings +GATEPOST_SECRET/m)
  }
})

t.test('tokens - one of the same key for another application opens nothing', async t => {
  const site = await startDeployment(t, { nodes: 1, settings: { GATEPOST_AUTH_AUDIENCE: 'gatepost, other', GATEPOST_AUTH_ISSUER: 'https://id.example/', GATEPOST_AUTH_TYP: 'JWT' } })
  const good = { ...claims, aud: ['x', 'gatepost'], iss: 'https://id.example/' }
  const ask = async (change: Claims, header?: Claims): Promise<any> => await request(site.gate, 'GET', '/gate/assign', { token: signHs256({ ...good, ...change }, site.secret, header) })
  const { status, body } = await ask({})
  t.equal(status, 200)
  for (const change of [{ aud: 'else' }, { aud: undefined }, { iss: 'https://id.example' }, { iss: undefined }]) refused(t, await ask(change), 401, 'GP_TOKEN_INVALID', JSON.stringify(change))
  refused(t, await ask({}, { alg: 'HS256', typ: 'logout+jwt' }), 401, 'GP_TOKEN_INVALID', 'typ')
  t.equal((await ask({}, { alg: 'HS256' })).status, 200, 'none counts as JWT')
  const [origin, path] = socketAddress(body.node)
  const socket = io(origin, { ...path, auth: { ticket: body.ticket }, transports: ['websocket'], forceNew: true })
  t.teardown(() => { socket.close() })
  await new Promise(resolve => { socket.once('ready', resolve) })
  const refresh = async (change: Claims): Promise<any> => await socket.timeout(60_000).emitWithAck('refresh', { token: signHs256({ ...good, ...change }, site.secret) })
  t.match(await refresh({ aud: 'else' }), { error: { code: 'GP_TOKEN_INVALID' } }, 'nor by a refresh')
  t.match(await refresh({}), { expiresAt: String })
  t.equal((await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })).status, 200, 'admins as before')
  const printed = runGatepost(['token', '--sub', 'ada'], { cwd: site.dir, settings: { GATEPOST_SECRET: site.secret, GATEPOST_AUTH_AUDIENCE: 'gatepost, other', GATEPOST_AUTH_ISSUER: 'https://id.example/' } })
  printed.ready.catch(() => {})
  await printed.exited
  t.equal((await request(site.gate, 'GET', '/gate/assign', { token: printed.stdout().trim() })).status, 200, '`gatepost token` prints one that is taken')
})

t.test('groups - replace: what a login does not name is left', async t => {
  const site = await startDeployment(t, { nodes: 2, settings: { GATEPOST_AUTH_GROUPS: 'replace', GATEPOST_AUTH_GROUPS_CLAIM: 'teams' } })
  const producer = { token: site.producerToken() }
  const groupsOf = async (claims: Claims): Promise<string[]> => {
    const device = await openSocket(t, await assign(site, 'ann', { token: site.userToken('ann', claims) }))
    const groups = Object.keys(device.ready.heads).filter(stream => stream.startsWith('g:'))
    device.close()
    return groups.sort()
  }
  const now = nowSeconds()
  await request(site.gate, 'PUT', '/gate/groups/by%20hand/members/ann', producer)
  t.same(await groupsOf({ teams: ['a', 'b'], groups: ['roles'], iat: now - 20 }), ['g:a', 'g:b', 'g:by hand'])
  t.same(await groupsOf({ teams: ['b'], iat: now - 10 }), ['g:b', 'g:by hand'])
  t.same(await groupsOf({ teams: ['a', 'b'], iat: now - 20 }), ['g:b', 'g:by hand'], 'an older token')
  t.same(await groupsOf({ teams: { odd: 1 }, iat: now - 5 }), ['g:b', 'g:by hand'], 'what cannot be read says nothing')
  t.match(site.log(), /"event":"groups-passed-over"/)
  t.same(await groupsOf({ iat: now }), ['g:by hand'])
})

t.test('groups - taken out before the first login: an older token brings nobody in', async t => {
  const site = await startDeployment(t, { nodes: 1 })
  const token = site.userToken('ann', { groups: ['staff'], iat: nowSeconds() - 30 })
  t.equal((await request(site.gate, 'DELETE', '/gate/groups/staff/members/ann', { token: site.producerToken() })).status, 204)
  const device = await openSocket(t, await assign(site, 'ann', { token }))
  t.same(Object.keys(device.ready.heads).sort(), ['all', 'u:ann'])
})

t.test('origins - pages of other sites get no answer and no socket', async t => {
  const page = 'https://www.example.com'
  const site = await startDeployment(t, { nodes: 1, settings: { GATEPOST_ORIGINS: `${page}, http://localhost:3000` } })
  const { node, ticket } = await assign(site, 'ann')
  const { url } = node
  for (const base of [`${site.gate}/livez`, `${url}/livez`, `${url}/socket.io/?EIO=4&transport=polling`]) {
    const from = async (origin: string, init: RequestInit = {}): Promise<Response> => await fetch(base, { ...init, headers: { ...init.headers, origin } })
    t.equal((await from(page)).headers.get('access-control-allow-origin'), page, base)
    const other = await from('https://evil.example')
    t.notOk(other.headers.get('access-control-allow-origin'), base)
    if (base.includes('socket.io')) t.equal(other.status, 403)
    const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } }
    t.equal((await from(page, preflight)).headers.get('access-control-allow-origin'), page)
    t.notOk((await from('https://evil.example', preflight)).headers.get('access-control-allow-origin'))
  }
  for (const transports of [['websocket'], ['polling']]) {
    t.ok(await opens(t, node, ticket, transports, {}), `${transports.join()}: no browser`)
    t.ok(await opens(t, node, ticket, transports, { origin: page }), `${transports.join()}: a page of the site`)
    t.notOk(await opens(t, node, ticket, transports, { origin: 'https://evil.example' }), `${transports.join()}: another page`)
    t.notOk(await opens(t, node, ticket, transports, { origin: 'null' }), `${transports.join()}: a page without an origin`)
  }
})

async function opens (t: Test, node: GivenNode, ticket: string, transports: string[], extraHeaders: Record<string, string>): Promise<boolean> {
  const [origin, path] = socketAddress(node)
  const socket = io(origin, { ...path, auth: { ticket }, transports, extraHeaders, reconnection: false, forceNew: true })
  t.teardown(() => { socket.close() })
  return await new Promise(resolve => {
    socket.once('ready', () => { resolve(true) })
    socket.once('connect_error', () => { resolve(false) })
  })
}

t.test('a signer whose clock is ahead - logs its users in at once', async t => {
  const site = await startDeployment(t, { nodes: 1 })
  const token = site.userToken('ann', { iat: nowSeconds() + 50, nbf: nowSeconds() + 50 })
  const inbox = createInbox({ gate: site.gate, token: () => token })
  t.teardown(async () => { await inbox.close() })
  await until('live', () => inbox.state === 'live')
})
