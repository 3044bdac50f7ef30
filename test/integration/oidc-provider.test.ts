/**
 * Behind a real OpenID provider: ordinary logins, and rotations of its key a moment after another fetch.
 * GATEPOST_TEST_ROTATIONS=11,12,13 takes other moments: so many seconds after.
 */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createInbox } from '../../clients/index.js'
import { startDeployment } from '../helpers/deployment.js'
import { startOidcSite } from '../helpers/oidc-site.js'
import { request } from '../helpers/raw-client.js'
import { nowSeconds, signAsymmetric } from '../helpers/tokens.js'
import { allowed, until } from '../helpers/until.js'

const audience = 'https://gatepost.example.com'
const rotations = (process.env['GATEPOST_TEST_ROTATIONS'] ?? '0,1,3,6,10').split(',').map(Number)

t.test('oidc-provider - both tokens of a login, each by its audience', async t => {
  for (const alg of ['RS256', 'PS256', 'ES256']) {
    const oidc = await startOidcSite(t, { accessTokenTtlSeconds: 600, alg })
    const site = await startDeployment(t, { nodes: 1, settings: { GATEPOST_AUTH_JWKS_URL: oidc.jwksUrl, GATEPOST_AUTH_ISSUER: oidc.issuer, GATEPOST_AUTH_AUDIENCE: audience } })
    const { accessToken, idToken } = await oidc.logIn('ann')
    const assigned = async (token: string): Promise<any> => await request(site.gate, 'GET', '/gate/assign', { token })
    t.match(await assigned(accessToken), { status: 200, body: { user: 'ann' } }, alg)
    t.match(await assigned(idToken), { status: 401, body: { code: 'GP_TOKEN_INVALID' } }, `${alg}: made for the client, not for Gatepost`)
    await site.stop()
  }
})

// A rotation takes its moment, and a login of up to 15 s.
const timeoutMs = 90_000 + rotations.reduce((sum, afterSeconds) => sum + (afterSeconds + 20) * 1_000, 0)
t.setTimeout(timeoutMs + 30_000)
t.test('oidc-provider - a rotation at any moment closes no client', { timeout: timeoutMs }, async t => {
  // Shorter than the test, so that open sockets need tokens of the new keys.
  const oidc = await startOidcSite(t, { accessTokenTtlSeconds: 15 })
  const site = await startDeployment(t, { nodes: 2, settings: { GATEPOST_AUTH_JWKS_URL: oidc.jwksUrl, GATEPOST_AUTH_AUDIENCE: audience } })
  const closed: string[] = []
  let rotated = 0
  /** How many rotations there had been when each user last logged in. */
  const loggedInAt = new Map<string, number>()
  const logIn = async (user: string): Promise<string> => {
    const { accessToken } = await oidc.logIn(user)
    loggedInAt.set(user, rotated)
    return accessToken
  }
  const open = (user: string): ReturnType<typeof createInbox> => {
    const inbox = createInbox({ gate: site.gate, token: async () => await logIn(user), onState: state => { if (state === 'closed') closed.push(user) } })
    t.teardown(async () => { await inbox.close() })
    return inbox
  }
  const users = [open('early')]
  await until('the first is live', () => users[0]!.state === 'live')
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

  for (const afterSeconds of rotations) {
    // Another fetch: of somebody whose key nobody knows.
    await request(site.gate, 'GET', '/gate/assign', { token: signAsymmetric({ sub: 'x', exp: nowSeconds() + 60 }, 'ES256', stranger, { kid: `stranger ${afterSeconds}` }) })
    await pause(afterSeconds * 1_000)
    oidc.rotate()
    rotated++
    const user = open(`after ${afterSeconds} s`)
    users.push(user)
    const begunMs = performance.now()
    await until('a fresh login is live', () => user.state === 'live' || closed.length > 0, 20_000)
    const tookMs = Math.ceil(performance.now() - begunMs)
    t.comment(`${afterSeconds} s after a fetch: live after ${tookMs} ms`)
    t.ok(tookMs < allowed(15_000), 'within seconds')
    t.same(closed, [])
  }
  await until('the sockets of all have tokens of the last key', () => loggedInAt.size === users.length && [...loggedInAt.values()].every(count => count === rotated), 30_000)
  await until('all are live', () => users.every(({ state }) => state === 'live'), 20_000)
  t.same(closed, [])
})
