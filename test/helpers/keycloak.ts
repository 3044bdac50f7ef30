/** A real Keycloak: from `.servers/keycloak`, where scripts/install-keycloak.sh puts it. */
import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { logInByCode, redirectUri } from './code-login.js'
import { tempDir } from './deployment.js'
import { startProvider } from './provider-process.js'
import { noteServer } from './servers-seen.js'
import { until } from './until.js'
import { freePort } from './free-port.js'
import { rotatesOnDemand, users, type IdentityProvider } from './identity-provider.js'

const installed = fileURLToPath(new URL('../../.servers/keycloak', import.meta.url))
export const keycloakMissing = 'needs Keycloak: run npm run test:full, or scripts/install-keycloak.sh'
export const hasKeycloak = existsSync(join(installed, 'bin/kc.sh'))

export const audience = 'gatepost'
const password = 'a password for the tests'

/** With a realm `site`, a client `web` whose access tokens are for `audience`, live 20 s and name the user's groups. */
export async function startKeycloak (t: Test): Promise<IdentityProvider> {
  // It writes into its own folder.
  const folder = join(await tempDir(t), 'keycloak')
  await cp(installed, folder, { recursive: true })
  const port = await freePort()
  const keycloak = startProvider(t, 'Keycloak', join(folder, 'bin/kc.sh'), ['start-dev', '--db=dev-mem', '--http-host=127.0.0.1', `--http-port=${port}`], {
    env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: 'root', KC_BOOTSTRAP_ADMIN_PASSWORD: password, JAVA_OPTS_APPEND: '-Xmx512m -XX:TieredStopAtLevel=1' }
  })
  const base = `http://127.0.0.1:${port}`
  await until('Keycloak serves', async () => {
    keycloak.requireAlive()
    return (await fetch(`${base}/realms/master`).catch(() => undefined))?.ok === true
    // Half a minute, and five on a machine that has much else to do.
  }, 420_000, 500)
  noteServer({ name: 'Keycloak', version: '26', cannotShow: [] })

  const admin = createAdmin(base)
  await admin('POST', '', { realm: 'site', enabled: true, accessTokenLifespan: 20 })
  const mapper = (name: string, protocolMapper: string, config: Record<string, string>): object => ({ name, protocol: 'openid-connect', protocolMapper, config: { 'access.token.claim': 'true', ...config } })
  await admin('POST', '/site/clients', {
    clientId: 'web', publicClient: true, redirectUris: [redirectUri],
    protocolMappers: [
      mapper('audience', 'oidc-audience-mapper', { 'included.custom.audience': audience }),
      mapper('groups', 'oidc-group-membership-mapper', { 'claim.name': 'groups', 'full.path': 'false' })
    ]
  })
  for (const username of users) {
    await admin('POST', '/site/users', { username, enabled: true, email: `${username}@example.com`, firstName: username, lastName: username, emailVerified: true, credentials: [{ type: 'password', value: password, temporary: false }] })
  }
  const idOf = async (path: string): Promise<string> => (await admin('GET', path) as Array<{ id: string }>)[0]?.id ?? ''
  const issuer = `${base}/realms/site`
  let priority = 200
  return {
    issuer,
    jwksUrl: `${issuer}/protocol/openid-connect/certs`,
    logIn: async username => await logInByCode({ authorizeUrl: `${issuer}/protocol/openid-connect/auth`, tokenUrl: `${issuer}/protocol/openid-connect/token`, clientId: 'web', scope: 'openid profile email' }, { username, password }),
    rotateAfter: rotatesOnDemand(async () => {
      const parentId = (await admin('GET', '/site') as { id: string }).id
      priority++
      await admin('POST', '/site/components', { name: `rsa ${priority}`, providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', parentId, config: { priority: [`${priority}`], enabled: ['true'], active: ['true'], algorithm: ['RS256'] } })
    }),
    setGroups: async (user, groups) => {
      const userId = await idOf(`/site/users?exact=true&username=${user}`)
      for (const { id } of await admin('GET', `/site/users/${userId}/groups`) as Array<{ id: string }>) await admin('DELETE', `/site/users/${userId}/groups/${id}`)
      for (const name of groups) {
        if (await idOf(`/site/groups?exact=true&search=${name}`) === '') await admin('POST', '/site/groups', { name })
        await admin('PUT', `/site/users/${userId}/groups/${await idOf(`/site/groups?exact=true&search=${name}`)}`)
      }
    }
  }
}

/** Keycloak's admin API, `path` below `/admin/realms`. */
function createAdmin (base: string): (method: string, path: string, body?: object) => Promise<unknown> {
  return async (method, path, body) => {
    const form = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'root', password })
    const { access_token: token } = await (await fetch(`${base}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form })).json() as { access_token: string }
    const response = await fetch(`${base}/admin/realms${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...body !== undefined && { body: JSON.stringify(body) } })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
