/**
 * Behind a real OpenID provider: ordinary logins, and rotations of its key a moment after another fetch.
 * GATEPOST_TEST_ROTATIONS=11,12,13 takes other moments: so many seconds after.
 */
import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { startOidcSite } from '../helpers/oidc-site.js'
import { assertRefused, assertRotationsCloseNobody, rotations } from '../helpers/identity-provider.js'
import { request } from '../helpers/raw-client.js'

const audience = 'https://gatepost.example.com'
const moments = rotations('0,1,3,6,10')

t.test('oidc-provider - both tokens of a login, each by its audience', async t => {
  for (const alg of ['RS256', 'PS256', 'ES256']) {
    const oidc = await startOidcSite(t, { accessTokenTtlSeconds: 600, alg })
    const site = await startDeployment(t, { nodes: 1, settings: { GATEPOST_AUTH_JWKS_URL: oidc.jwksUrl, GATEPOST_AUTH_ISSUER: oidc.issuer, GATEPOST_AUTH_AUDIENCE: audience } })
    const { accessToken, idToken } = await oidc.logIn('ann')
    t.match(await request(site.gate, 'GET', '/gate/assign', { token: accessToken }), { status: 200, body: { user: 'ann' } }, alg)
    // Made for the client, not for Gatepost.
    await assertRefused(t, site.gate, idToken, 'aud')
    await site.stop()
  }
})

// A rotation takes the fetch before it, its moment, and a login of up to 15 s.
const timeoutMs = 90_000 + moments.reduce((sum, seconds) => sum + (seconds + 25) * 1_000, 0)
t.setTimeout(timeoutMs + 30_000)
t.test('oidc-provider - a rotation at any moment closes no client', { timeout: timeoutMs }, async t => {
  // Shorter than the test, so that open sockets need tokens of the new keys.
  const oidc = await startOidcSite(t, { accessTokenTtlSeconds: 15 })
  const site = await startDeployment(t, { nodes: 2, settings: { GATEPOST_AUTH_JWKS_URL: oidc.jwksUrl, GATEPOST_AUTH_AUDIENCE: audience } })
  await assertRotationsCloseNobody(t, site, oidc, moments)
})
