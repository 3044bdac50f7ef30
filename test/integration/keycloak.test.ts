/** Behind a real Keycloak: its ordinary tokens, a group that is taken away there, and rotations of its key. */
import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { audience, hasKeycloak, keycloakMissing, startKeycloak } from '../helpers/keycloak.js'
import { assertGroupsFollow, assertRefused, assertRotationsCloseNobody, rotations, userOf } from '../helpers/identity-provider.js'
import { request } from '../helpers/raw-client.js'

t.setTimeout(900_000)

t.test('keycloak - logins, a group taken away, rotations', { skip: !hasKeycloak && keycloakMissing }, async t => {
  const keycloak = await startKeycloak(t)
  const site = await startDeployment(t, {
    nodes: 2,
    settings: { GATEPOST_AUTH_JWKS_URL: keycloak.jwksUrl, GATEPOST_AUTH_ISSUER: keycloak.issuer, GATEPOST_AUTH_AUDIENCE: audience, GATEPOST_AUTH_GROUPS: 'replace' }
  })

  await t.test('an access token is taken, the ID token is for another application', async t => {
    const { accessToken, idToken } = await keycloak.logIn('ann')
    t.match(await request(site.gate, 'GET', '/gate/assign', { token: accessToken }), { status: 200, body: { user: userOf(accessToken) } })
    await assertRefused(t, site.gate, idToken, 'aud')
  })
  await t.test('groups', async t => { await assertGroupsFollow(t, site, keycloak) })
  await t.test('rotations', async t => { await assertRotationsCloseNobody(t, site, keycloak, rotations('1,4,8')) })
})
