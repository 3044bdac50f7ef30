/** Behind a real Keycloak: its ordinary tokens, a group that is taken away there, and rotations of its key. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createInbox } from '../../clients/index.js'
import { startDeployment } from '../helpers/deployment.js'
import { audience, hasKeycloak, keycloakMissing, startKeycloak } from '../helpers/keycloak.js'
import { assign, openSocket, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)

t.test('keycloak - logins, a group taken away, rotations', { skip: !hasKeycloak && keycloakMissing }, async t => {
  const keycloak = await startKeycloak(t, ['ann', 'bob', 'cid'])
  const site = await startDeployment(t, {
    nodes: 2,
    settings: { GATEPOST_AUTH_JWKS_URL: keycloak.jwksUrl, GATEPOST_AUTH_ISSUER: keycloak.issuer, GATEPOST_AUTH_AUDIENCE: audience, GATEPOST_AUTH_GROUPS: 'replace' }
  })
  const userOf = (token: string): unknown => (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: unknown }).sub

  await t.test('an access token is taken, the ID token is for another application', async t => {
    const { accessToken, idToken } = await keycloak.logIn('ann')
    t.match(await request(site.gate, 'GET', '/gate/assign', { token: accessToken }), { status: 200, body: { user: userOf(accessToken) } })
    t.match(await request(site.gate, 'GET', '/gate/assign', { token: idToken }), { status: 401, body: { code: 'GP_TOKEN_INVALID' } })
  })

  await t.test('a group that is taken away there is gone with the next login', async t => {
    const groupsOf = async (): Promise<string[]> => {
      const token = (await keycloak.logIn('bob')).accessToken
      const device = await openSocket(t, await assign(site, userOf(token) as string, { token }))
      device.close()
      return Object.keys(device.ready.heads).filter(stream => stream.startsWith('g:')).sort()
    }
    await keycloak.setGroups('bob', ['staff', 'berlin'])
    t.same(await groupsOf(), ['g:berlin', 'g:staff'])
    await keycloak.setGroups('bob', ['berlin'])
    t.same(await groupsOf(), ['g:berlin'])
    await keycloak.setGroups('bob', [])
    t.same(await groupsOf(), [])
  })

  await t.test('a rotation a moment after another fetch closes no client', async t => {
    const closed: string[] = []
    const open = (user: string): ReturnType<typeof createInbox> => {
      const inbox = createInbox({ gate: site.gate, token: async () => (await keycloak.logIn(user)).accessToken, onState: state => { if (state === 'closed') closed.push(user) } })
      t.teardown(async () => { await inbox.close() })
      return inbox
    }
    const users = [open('cid')]
    await until('the first is live', () => users[0]!.state === 'live', 30_000)
    for (const afterSeconds of [1, 4, 8]) {
      await keycloak.rotate()
      // Which is the fetch after which the next rotation comes.
      users.push(open('ann'))
      await until('a fresh login is live', () => users.at(-1)!.state === 'live' || closed.length > 0, 30_000)
      await pause(afterSeconds * 1_000)
    }
    await until('all are live', () => users.every(({ state }) => state === 'live'), 30_000)
    t.same(closed, [])
  })
})
