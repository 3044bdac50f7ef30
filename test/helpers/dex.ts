/** A real Dex: from `.servers/bin`, where scripts/install-dex.sh puts it. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { logInByCode, redirectUri } from './code-login.js'
import { tempDir } from './deployment.js'
import { freePort } from './free-port.js'
import { blockOf } from './guide-program.js'
import type { ProviderOfClients } from './identity-provider.js'
import { startProvider } from './provider-process.js'
import { noteServer } from './servers-seen.js'
import { until } from './until.js'

const installed = fileURLToPath(new URL('../../.servers/bin/dex', import.meta.url))
export const dexMissing = 'needs Dex: run npm run test:full, or scripts/install-dex.sh'
export const hasDex = existsSync(installed)

/** So often Dex looks whether its key is old enough to be replaced (its source: server/rotation.go). */
const rotationCheckMs = 30_000

/** The configuration of docs/guides/dex.md, with tokens that live 20 s, a new key every 30 s, and logins by the headers of a proxy. */
export async function startDex (t: Test): Promise<ProviderOfClients> {
  const address = `127.0.0.1:${await freePort()}`
  const issuer = `http://${address}/dex`
  const file = join(await tempDir(t), 'dex.yaml')
  const guide = blockOf('dex.md', 'yaml dex.yaml')
    .replace('https://id.example.com/dex', issuer)
    .replace('127.0.0.1:5556', address)
    .replace('idTokens: 1h', 'idTokens: 20s')
    .replace('signingKeys: 6h', 'signingKeys: 10s')
    .replace('staticClients:', `staticClients:\n  - { id: other, name: other, public: true, redirectURIs: [${redirectUri}] }`)
  await writeFile(file, `${guide}\nstorage: { type: memory }\nconnectors: [{ type: authproxy, id: proxy, name: proxy }]\n`)
  const dex = startProvider(t, 'Dex', installed, ['serve', file])

  const jwksUrl = `${issuer}/keys`
  /** Dex puts the key that signs first. */
  const keyId = async (): Promise<string | undefined> => {
    const answer = await fetch(jwksUrl).catch(() => undefined)
    return answer?.ok === true ? (await answer.json() as { keys: Array<{ kid: string }> }).keys[0]?.kid : undefined
  }
  await until('Dex serves', async () => {
    dex.requireAlive()
    return await keyId()
  })
  let rotatedAtMs = performance.now()
  noteServer({ name: 'Dex', version: '2.41', cannotShow: [] })

  const groupsOf = new Map<string, readonly string[]>()
  return {
    issuer,
    jwksUrl,
    logIn: async (user, clientId = 'web') => {
      const groups = groupsOf.get(user)?.join(',')
      return await logInByCode({ authorizeUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token`, clientId, scope: 'openid profile groups', headers: { 'x-remote-user': user, ...groups !== undefined && { 'x-remote-group': groups } } })
    },
    setGroups: (user, groups) => { groupsOf.set(user, groups) },
    rotateAfter: async (seconds, before) => {
      while (rotatedAtMs + rotationCheckMs - performance.now() < seconds * 1_000) rotatedAtMs += rotationCheckMs
      await pause(rotatedAtMs + rotationCheckMs - seconds * 1_000 - performance.now())
      await before()
      const signing = await keyId()
      await until('Dex has a new key', async () => await keyId() !== signing, 2 * rotationCheckMs)
      rotatedAtMs = performance.now()
    }
  }
}
