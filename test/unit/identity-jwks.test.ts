import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { createTokenVerifier, type Identity, type TokenVerifier } from '../../shared/identity/verify.js'

const secret = 'a secret of at least 32 bytes, for tests'
const startMs = Date.UTC(2030, 0, 1)

interface Pair { alg: string, kid: string | undefined, publicKey: KeyObject, privateKey: KeyObject }
const pairOf = (alg: string, kid?: string): Pair => ({
  alg,
  kid,
  ...alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
})
const tokenOf = async ({ alg, kid, privateKey }: Pair, claims: Record<string, unknown> = {}): Promise<string> =>
  await new SignJWT({ sub: 'ann', exp: startMs / 1000 + 3600, ...claims }).setProtectedHeader({ alg, ...kid !== undefined && { kid } }).sign(privateKey)

interface Site { publish: (...pairs: Pair[]) => Promise<void>, answer: RequestListener | undefined, fetches: number, url: string, authorization: string | undefined }

/** A real server of a site's keys. */
async function siteOf (t: Test): Promise<Site> {
  let body = '{"keys":[]}'
  const site: Site = {
    fetches: 0,
    url: '',
    authorization: undefined,
    answer: undefined,
    publish: async (...pairs) => {
      body = JSON.stringify({ keys: await Promise.all(pairs.map(async ({ publicKey, kid, alg }) => ({ ...await exportJWK(publicKey), ...kid !== undefined && { kid }, alg, use: 'sig' }))) })
    }
  }
  const server = createServer((request, response) => {
    site.fetches++
    site.authorization = request.headers.authorization
    if (site.answer !== undefined) { site.answer(request, response); return }
    response.setHeader('content-type', 'application/json').end(body)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  return site
}

function verifierOf (t: Test, url: string): TokenVerifier & { clock: { ms: number } } {
  const clock = { ms: startMs }
  const verifier = createTokenVerifier({ secret, auth: { kind: 'jwks', url }, now: () => clock.ms })
  t.teardown(() => { verifier.close() })
  return { ...verifier, clock }
}
const unavailable: RequestListener = (_request, response) => { response.writeHead(500).end() }
/** `verify` throws at once or rejects: either way a rejection here. */
const check = async ({ verify }: TokenVerifier, token: string): Promise<Identity> => await verify(token)

t.test('jwks - RS256, ES256 and EdDSA, fetched once, then at once from the cache', async t => {
  const site = await siteOf(t)
  const pairs = [pairOf('RS256', 'r'), pairOf('ES256', 'e'), pairOf('EdDSA', 'd')]
  await site.publish(...pairs)
  const verifier = verifierOf(t, site.url)
  for (const pair of pairs) {
    const token = await tokenOf(pair, { groups: ['g'] })
    const identity = await check(verifier, token)
    t.match(identity, { sub: 'ann', groups: ['g'], expiresAt: startMs + 3_600_000 }, pair.alg)
    t.equal(verifier.verify(token), identity, 'no promise the second time')
  }
  t.equal(site.fetches, 1)
  verifier.clock.ms += 3_600_000
  await t.rejects(check(verifier, await tokenOf(pairs[0]!)), { code: 'GP_TOKEN_EXPIRED' })
})

t.test('jwks - many tokens at once make one fetch', async t => {
  const site = await siteOf(t)
  const pair = pairOf('ES256', 'e')
  await site.publish(pair)
  const verifier = verifierOf(t, site.url)
  const tokens = await Promise.all(Array.from({ length: 20 }, async (_, i) => await tokenOf(pair, { sub: `user ${i}` })))
  const found = await Promise.all(tokens.map(async token => await check(verifier, token)))
  t.same(found.map(({ sub }) => sub), tokens.map((_, i) => `user ${i}`))
  t.equal(site.fetches, 1)
})

t.test('jwks - a rotation: the unknown key makes one fetch, and no other for 30 s', async t => {
  const site = await siteOf(t)
  const [before, after, stranger] = [pairOf('RS256', '1'), pairOf('RS256', '2'), pairOf('RS256', '3')] as const
  await site.publish(before)
  const verifier = verifierOf(t, site.url)
  await check(verifier, await tokenOf(before))
  await site.publish(before, after)
  await t.rejects(check(verifier, await tokenOf(after)), { code: 'GP_TOKEN_INVALID' }, 'fetched a moment ago')
  t.equal(site.fetches, 1)
  verifier.clock.ms += 30_000
  t.equal((await check(verifier, await tokenOf(after))).sub, 'ann')
  t.equal(site.fetches, 2)
  for (let i = 0; i < 5; i++) await t.rejects(check(verifier, await tokenOf(stranger, { i })), { code: 'GP_TOKEN_INVALID' })
  t.equal(site.fetches, 2)
})

t.test('jwks - keys without kid are tried one after the other', async t => {
  const site = await siteOf(t)
  const pairs = [pairOf('RS256'), pairOf('RS256')] as const
  await site.publish(...pairs)
  const verifier = verifierOf(t, site.url)
  for (const pair of pairs) t.equal((await check(verifier, await tokenOf(pair))).sub, 'ann')
  await t.rejects(check(verifier, await tokenOf(pairOf('RS256'))), { code: 'GP_TOKEN_INVALID' })
})

t.test('jwks - out of reach: known keys serve on, and nothing is called invalid', async t => {
  const site = await siteOf(t)
  const [known, unknown] = [pairOf('ES256', '1'), pairOf('ES256', '2')] as const
  await site.publish(known)
  site.answer = unavailable
  const verifier = verifierOf(t, site.url)
  await t.rejects(check(verifier, await tokenOf(known)), { code: 'GP_OVERLOADED', retryAfterSeconds: 5 }, 'no keys yet')
  await t.rejects(check(verifier, await tokenOf(known)), { code: 'GP_OVERLOADED' })
  t.equal(site.fetches, 1, 'not asked again at once')
  site.answer = undefined
  verifier.clock.ms += 2_000
  t.equal((await check(verifier, await tokenOf(known))).sub, 'ann')

  site.answer = unavailable
  verifier.clock.ms += 11 * 60_000
  t.equal((await check(verifier, await tokenOf(known, { n: 1 }))).sub, 'ann', 'old keys serve while they are fetched again')
  await t.rejects(check(verifier, await tokenOf(unknown)), { code: 'GP_OVERLOADED' })
  t.equal((await check(verifier, await tokenOf(known, { n: 2 }))).sub, 'ann')
})

t.test('jwks - what a server may send instead of keys', async t => {
  const site = await siteOf(t)
  const pair = pairOf('ES256', '1')
  await site.publish(pair)
  const token = await tokenOf(pair)
  const answers: Array<[string, RequestListener]> = [
    ['no JSON', (_request, response) => response.end('<html>')],
    ['no keys', (_request, response) => response.end('{}')],
    ['a redirect', (_request, response) => response.writeHead(302, { location: site.url }).end()],
    ['endless', (_request, response) => {
      const more = (): void => { while (!response.destroyed && response.write('x'.repeat(65_536))); }
      response.on('drain', more)
      more()
    }]
  ]
  for (const [what, answer] of answers) {
    site.answer = answer
    await t.rejects(check(verifierOf(t, site.url), token), { code: 'GP_OVERLOADED' }, what)
  }
})

t.test('jwks - no key of the set is a secret, and the set makes no admins', async t => {
  const site = await siteOf(t)
  const pair = pairOf('RS256', '1')
  await site.publish(pair)
  const verifier = verifierOf(t, site.url)
  const asSecret = createSecretKey(Buffer.from(pair.publicKey.export({ type: 'spki', format: 'pem' }) as string))
  const confused = await new SignJWT({ sub: 'ann', exp: startMs / 1000 + 60 }).setProtectedHeader({ alg: 'HS256', kid: '1' }).sign(asSecret)
  await t.rejects(check(verifier, confused), { code: 'GP_TOKEN_INVALID' })
  await t.rejects(check(verifier, `${Buffer.from('{"alg":"none","kid":"1"}').toString('base64url')}.${Buffer.from('{"sub":"ann","exp":9e9}').toString('base64url')}.`), { code: 'GP_TOKEN_INVALID' })
  await t.rejects(check(verifier, await tokenOf(pair, { scope: 'admin' })), { code: 'GP_TOKEN_INVALID' })
  const admin = await new SignJWT({ sub: 'root', scope: 'admin' }).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(Buffer.from(secret)))
  const { fetches } = site
  t.same([...(verifier.verify(admin) as Identity).scopes], ['admin'], 'the secret does, at once')
  t.equal(site.fetches, fetches)
})

t.test('jwks - a withdrawn key ends within minutes, also for tokens seen before', async t => {
  const site = await siteOf(t)
  const [before, after] = [pairOf('ES256', '1'), pairOf('ES256', '2')] as const
  await site.publish(before)
  const verifier = verifierOf(t, site.url)
  const token = await tokenOf(before)
  await check(verifier, token)
  await site.publish(after)
  verifier.clock.ms += 60_000
  await check(verifier, await tokenOf(after))
  verifier.clock.ms += 5 * 60_000
  await t.rejects(check(verifier, token), { code: 'GP_TOKEN_INVALID' })
})

t.test('jwks - addresses', async t => {
  const site = await siteOf(t)
  const pair = pairOf('ES256', '1')
  await site.publish(pair)
  const verifier = verifierOf(t, site.url.replace('//', '//me:p%40ss@'))
  t.equal((await check(verifier, await tokenOf(pair))).sub, 'ann')
  t.equal(site.authorization, `Basic ${Buffer.from('me:p@ss').toString('base64')}`)
  t.throws(() => createTokenVerifier({ secret, auth: { kind: 'jwks', url: 'data:application/json,{"keys":[]}' } }), /GATEPOST_AUTH_JWKS_URL/)
})
