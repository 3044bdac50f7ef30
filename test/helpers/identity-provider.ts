/** What every identity provider in front of a site must give, whichever it is. */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { createInbox } from '../../clients/index.js'
import type { Tokens } from './code-login.js'
import { startDeployment, tempDir, type Deployment } from './deployment.js'
import { settingsOf } from './guide-program.js'
import { assign, openSocket, request } from './raw-client.js'
import { runCommand } from './run-command.js'
import { claimsOf, nowSeconds, signAsymmetric } from './tokens.js'
import { allowed, until } from './until.js'

export interface IdentityProvider {
  readonly issuer: string
  readonly jwksUrl: string
  /** An authorization code login. */
  logIn: (user: string) => Promise<Tokens>
  /** Which groups a user is in from the next login on. */
  setGroups: (user: string, groups: readonly string[]) => Promise<void> | void
  /** Resolves when the provider has begun to sign with a new key, so many seconds after `before` was done. */
  rotateAfter: (seconds: number, before: () => Promise<void>) => Promise<void>
}

/** One that gives both tokens of a login the client's id as audience. */
export interface ProviderOfClients extends IdentityProvider {
  logIn: (user: string, client?: 'web' | 'other') => Promise<Tokens>
}

/** Of every provider. */
export const users = ['ann', 'bob', 'cid']

/** The moments of rotations: so many seconds after a fetch. */
export const rotations = (usual: string): number[] => (process.env['GATEPOST_TEST_ROTATIONS'] ?? usual).split(',').map(Number)

export const rotatesOnDemand = (rotate: () => Promise<void> | void): IdentityProvider['rotateAfter'] => async (seconds, before) => {
  await before()
  await pause(seconds * 1_000)
  await rotate()
}

export const userOf = (token: string): string => claimsOf(token)['sub'] as string

export async function assertRefused (t: Test, gate: string, token: string, claim: string): Promise<void> {
  const answer = await request(gate, 'GET', '/gate/assign', { token })
  t.match(answer, { status: 401, body: { code: 'GP_TOKEN_INVALID' } })
  t.match(answer.body.message, new RegExp(`^${claim}: `))
}

/** With GATEPOST_AUTH_GROUPS=replace. */
export async function assertGroupsFollow (t: Test, site: Deployment, provider: IdentityProvider): Promise<void> {
  for (const groups of [['berlin', 'staff'], ['berlin'], []]) {
    await provider.setGroups('bob', groups)
    const { accessToken } = await provider.logIn('bob')
    const device = await openSocket(t, await assign(site, userOf(accessToken), { token: accessToken }))
    device.close()
    t.same(Object.keys(device.ready.heads).filter(stream => stream.startsWith('g:')).sort(), groups.map(group => `g:${group}`), 'a group that is taken away there is gone with the next login')
  }
}

/** Users with open sockets, whose tokens end sooner than the test does, and one who logs in right after each rotation. */
export async function assertRotationsCloseNobody (t: Test, site: Deployment, provider: Pick<IdentityProvider, 'logIn' | 'rotateAfter'>, moments: readonly number[]): Promise<void> {
  const closed: string[] = []
  let rotated = 0
  /** How many rotations there had been when each inbox last got a token. */
  const loggedInAt: number[] = []
  const open = (): ReturnType<typeof createInbox> => {
    const index = loggedInAt.push(-1) - 1
    const user = users[index % users.length]!
    const token = async (): Promise<string> => {
      const { accessToken } = await provider.logIn(user)
      loggedInAt[index] = rotated
      return accessToken
    }
    const inbox = createInbox({ gate: site.gate, token, onState: state => { if (state === 'closed') closed.push(user) } })
    t.teardown(async () => { await inbox.close() })
    return inbox
  }
  const inboxes = [open()]
  await until('the first is live', () => inboxes[0]!.state === 'live')
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

  for (const seconds of moments) {
    await provider.rotateAfter(seconds, async () => {
      // Refused for good: the keys were fetched for it.
      const token = signAsymmetric({ sub: 'x', exp: nowSeconds() + 60 }, 'ES256', stranger, { kid: `stranger ${rotated}` })
      await until('a fetch', async () => (await request(site.gate, 'GET', '/gate/assign', { token })).status === 401)
    })
    rotated++
    const inbox = open()
    inboxes.push(inbox)
    const begunMs = performance.now()
    await until('a fresh login is live', () => inbox.state === 'live' || closed.length > 0)
    const tookMs = Math.ceil(performance.now() - begunMs)
    t.comment(`${seconds} s after a fetch: live after ${tookMs} ms`)
    t.ok(tookMs < allowed(15_000), 'within seconds')
    t.same(closed, [])
  }
  await until('all have tokens of the last key', () => loggedInAt.every(count => count === rotated), 60_000)
  await until('all are live', () => inboxes.every(({ state }) => state === 'live'))
  t.same(closed, [])
}

/** A site with the settings of a guide, in front of which the provider stands that the guide sets up. */
export async function assertGuideHolds (t: Test, guide: string, provider: ProviderOfClients, moments: readonly number[]): Promise<void> {
  const { GATEPOST_AUTH_AUDIENCE, GATEPOST_AUTH_GROUPS } = settingsOf(guide, 'sh settings')
  const settings = { GATEPOST_AUTH_JWKS_URL: provider.jwksUrl, GATEPOST_AUTH_ISSUER: provider.issuer, GATEPOST_AUTH_AUDIENCE, GATEPOST_AUTH_GROUPS }
  const site = await startDeployment(t, { nodes: 2, settings })

  await t.test('both tokens of a login are taken, those of another client are not', async t => {
    const { accessToken, idToken } = await provider.logIn('ann')
    for (const token of [accessToken, idToken]) t.match(await request(site.gate, 'GET', '/gate/assign', { token }), { status: 200, body: { user: userOf(accessToken) } })
    const other = await provider.logIn('ann', 'other')
    for (const token of [other.accessToken, other.idToken]) await assertRefused(t, site.gate, token, 'aud')
  })
  await t.test('doctor finds the keys', async t => {
    const { code, out } = await runCommand(['doctor'], { cwd: await tempDir(t), settings: { GATEPOST_SECRET: site.secret, GATEPOST_PORT: '0', ...settings } })
    t.equal(code, 0)
    t.match(out, new RegExp(`^ok +user tokens +\\d+ usable keys at ${provider.jwksUrl}$`, 'm'))
    t.notMatch(out, /^warn +user tokens/m)
  })
  await t.test('groups', async t => { await assertGroupsFollow(t, site, provider) })
  await t.test('rotations', async t => { await assertRotationsCloseNobody(t, site, provider, moments) })
}
