/** A real Spring Authorization Server: from `.servers`, where scripts/install-spring-authorization-server.sh puts it. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { logInByCode, redirectUri } from './code-login.js'
import { tempDir } from './deployment.js'
import { freePort } from './free-port.js'
import { blockOf } from './guide-program.js'
import { rotatesOnDemand, users, type ProviderOfClients } from './identity-provider.js'
import { startProvider } from './provider-process.js'
import { noteServer } from './servers-seen.js'
import { until } from './until.js'

const libraries = fileURLToPath(new URL('../../.servers/spring-authorization-server/lib', import.meta.url))
const program = fileURLToPath(new URL('../../scripts/spring-authorization-server/Server.java', import.meta.url))
export const springMissing = 'needs Spring Authorization Server: run npm run test:full, or scripts/install-spring-authorization-server.sh'
export const hasSpring = existsSync(libraries)

const guide = 'spring-authorization-server.md'
const run = promisify(execFile)

/** The application of docs/guides/spring-authorization-server.md, with tokens that live 20 s, and a client `other`. */
export async function startSpring (t: Test): Promise<ProviderOfClients> {
  const dir = await tempDir(t)
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const keyFile = join(dir, 'keys.json')
  const keys: object[] = []
  /** The first one signs. */
  const addKey = async (): Promise<void> => {
    keys.unshift({ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: randomBytes(6).toString('hex'), alg: 'RS256', use: 'sig' })
    await writeFile(`${keyFile}.new`, JSON.stringify({ keys }))
    await rename(`${keyFile}.new`, keyFile)
  }
  await addKey()
  const configuration = blockOf(guide, 'yaml application.yaml')
    .replace('https://id.example.com', issuer)
    .replace('access-token-time-to-live: 10m', 'access-token-time-to-live: 20s')
    .replace('/etc/id/keys.json', keyFile)
  const other = `spring.security.oauth2.authorizationserver.client.other.registration: { client-id: other, client-authentication-methods: none, authorization-grant-types: authorization_code, redirect-uris: "${redirectUri}", scopes: openid }`
  await writeFile(join(dir, 'application.yaml'), `${configuration}\n${other}\n`)
  const source = join(dir, 'TokenConfiguration.java')
  await writeFile(source, blockOf(guide, 'java TokenConfiguration.java'))
  await run('javac', ['-parameters', '-cp', join(libraries, '*'), '-d', dir, source, program])

  const spring = startProvider(t, 'Spring', 'java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', [dir, join(libraries, '*')].join(delimiter), 'site.Server', '--server.address=127.0.0.1', `--server.port=${port}`], { cwd: dir })
  let asked = 0
  const setGroups = async (user: string, groups: readonly string[]): Promise<void> => {
    const number = ++asked
    spring.stdin.write(`${number} ${user} ${groups.join(',')}\n`)
    await until('Spring has the user', () => {
      spring.requireAlive()
      return new RegExp(`^done ${number}$`, 'm').test(spring.said())
    }, 120_000)
  }
  for (const user of users) await setGroups(user, [])
  noteServer({ name: 'Spring Authorization Server', version: '7.0', cannotShow: [] })

  return {
    issuer,
    jwksUrl: `${issuer}/oauth2/jwks`,
    logIn: async (username, clientId = 'web') => await logInByCode({ authorizeUrl: `${issuer}/oauth2/authorize`, tokenUrl: `${issuer}/oauth2/token`, clientId, scope: 'openid' }, { username, password: 'password' }),
    setGroups,
    rotateAfter: rotatesOnDemand(addKey)
  }
}
