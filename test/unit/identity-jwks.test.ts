import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { createTokenVerifier, type Identity, type TokenVerifier } from '../../shared/platform/identity/verify.js'

const secret = 'a secret of at least 32 bytes, for tests'
const startMs = Date.UTC(2030, 0, 1)

interface Pair { alg: string, kid: string | undefined, publicKey: KeyObject, privateKey: KeyObject }
const pairOf = (alg: string, kid?: string): Pair => ({
  alg,
  kid,
  ...alg.startsWith('Ed')
    ? generateKeyPairSync('ed25519')
    : alg.startsWith('ES') ? generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] ?? '' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
})
const jwkOf = async ({ publicKey, kid, alg }: Pair): Promise<object> => ({ ...await exportJWK(publicKey), ...kid !== undefined && { kid }, alg, use: 'sig' })
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
      body = JSON.stringify({ keys: await Promise.all(pairs.map(jwkOf)) })
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

interface Line { level: string, event: string, url: string, err?: Error }

function verifierOf (t: Test, url: string): TokenVerifier & { clock: { ms: number }, lines: Line[] } {
  const clock = { ms: startMs }
  const lines: Line[] = []
  const logAs = (level: string) => (line: Omit<Line, 'level'>) => { lines.push({ level, ...line }) }
  const verifier = createTokenVerifier({ secret, auth: { kind: 'jwks', url }, now: () => clock.ms, log: { warn: logAs('warn'), info: logAs('info') } })
  t.teardown(() => { verifier.close() })
  return { ...verifier, clock, lines }
}
const unavailable: RequestListener = (_request, response) => { response.writeHead(500).end() }
/** `verify` throws at once or rejects: either way a rejection here. */
const check = async ({ verify }: TokenVerifier, token: string): Promise<Identity> => await verify(token)

t.test('jwks - every algorithm, fetched once, then at once from the cache', async t => {
  const site = await siteOf(t)
  const pairs = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'].map(alg => pairOf(alg, alg))
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

t.test('jwks - one Ed25519 key has two names, in the set and in tokens', async t => {
  const site = await siteOf(t)
  for (const published of ['EdDSA', 'Ed25519']) {
    const pair = pairOf(published, '1')
    await site.publish(pair)
    for (const alg of ['EdDSA', 'Ed25519']) t.equal((await check(verifierOf(t, site.url), await tokenOf({ ...pair, alg }))).sub, 'ann', `${published} signs ${alg}`)
  }
})

t.test('jwks - an algorithm that is not taken is named', async t => {
  const site = await siteOf(t)
  await site.publish(pairOf('RS256', '1'))
  const token = `${Buffer.from('{"alg":"ES256K","kid":"1"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}.AAAA`
  await t.rejects(check(verifierOf(t, site.url), token), { code: 'GP_TOKEN_INVALID', message: 'alg: got "ES256K"; takes RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519 (GATEPOST_AUTH_JWKS_URL)' })
})

t.test('jwks - a rotation: the unknown key makes a fetch, within 5 s of the last one nobody can tell', async t => {
  const site = await siteOf(t)
  const [before, after, third, stranger] = [pairOf('RS256', '1'), pairOf('RS256', '2'), pairOf('RS256', '3'), pairOf('RS256', 's')] as const
  await site.publish(before)
  const verifier = verifierOf(t, site.url)
  await check(verifier, await tokenOf(before))
  await site.publish(before, after)
  verifier.clock.ms += 1_000
  await t.rejects(check(verifier, await tokenOf(after)), { code: 'GP_OVERLOADED', retryAfterSeconds: 4 }, 'fetched a moment ago')
  t.equal(site.fetches, 1)
  verifier.clock.ms += 4_000
  t.equal((await check(verifier, await tokenOf(after))).sub, 'ann')
  t.equal(site.fetches, 2)

  // A stranger's key: no more fetches than that, and nobody is kept out by them.
  for (let i = 0; i < 5; i++) await t.rejects(check(verifier, await tokenOf({ ...stranger, kid: `s${i}` }, { i })), { code: 'GP_OVERLOADED' })
  t.equal(site.fetches, 2)
  verifier.clock.ms += 5_000
  const strangers = await Promise.all(Array.from({ length: 10 }, async (_, i) => await tokenOf({ ...stranger, kid: `t${i}` })))
  for (const outcome of await Promise.allSettled(strangers.map(async token => await check(verifier, token)))) t.match(outcome, { reason: { code: 'GP_TOKEN_INVALID' } }, 'told after a fetch')
  t.equal(site.fetches, 3)
  await site.publish(before, after, third)
  verifier.clock.ms += 5_000
  t.equal((await check(verifier, await tokenOf(third))).sub, 'ann')
})

t.test('jwks - a new key under an old name is found, a forged token is refused in the end', async t => {
  const site = await siteOf(t)
  const [before, after, forger] = [pairOf('ES256', '1'), pairOf('ES256', '1'), pairOf('ES256', '1')] as const
  await site.publish(before)
  const verifier = verifierOf(t, site.url)
  await check(verifier, await tokenOf(before))
  await site.publish(after)
  const [rotated, forged] = await Promise.allSettled([check(verifier, await tokenOf(after)), check(verifier, await tokenOf(forger))])
  t.match(rotated, { value: { sub: 'ann' } })
  t.match(forged, { reason: { code: 'GP_TOKEN_INVALID' } })
  t.equal(site.fetches, 2)
})

t.test('jwks - what cannot be used in a set spoils nothing', async t => {
  const site = await siteOf(t)
  const [good, other] = [pairOf('RS256'), pairOf('ES256', 'e')] as const
  const weak = { ...await exportJWK(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), use: 'sig' }
  const goodJwk = await jwkOf(good)
  const odd = [null, 5, [], {}, weak, { kty: 'oct', k: 'c2VjcmV0' }, { kty: 'RSA', n: 'AQAB' }, { ...goodJwk, use: 'enc' }, { ...goodJwk, key_ops: ['encrypt'] }, { ...goodJwk, alg: 'ES256' }, await exportJWK(other.privateKey), { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' }]
  site.answer = (_request, response) => { response.end(`\uFEFF${JSON.stringify({ keys: [...odd, goodJwk, { ...odd[9] as object, kid: 'x' }, ...odd] })}`) }
  t.equal((await check(verifierOf(t, site.url), await tokenOf(good))).sub, 'ann')

  site.answer = undefined
  await site.publish(good)
  const verifier = verifierOf(t, site.url)
  await check(verifier, await tokenOf(good))
  for (const keys of [[], odd]) {
    site.answer = (_request, response) => { response.end(JSON.stringify({ keys })) }
    verifier.clock.ms += 11 * 60_000
    await t.rejects(check(verifier, await tokenOf(other)), { code: 'GP_OVERLOADED' }, 'a failed fetch tells nothing')
    t.equal((await check(verifier, await tokenOf(good, { n: keys.length, exp: startMs / 1000 + 36_000 }))).sub, 'ann', 'and takes no key away')
  }
})

t.test('jwks - keys older than 15 minutes are fetched before they are used, on a quiet process too', async t => {
  const site = await siteOf(t)
  const [before, after] = [pairOf('ES256', '1'), pairOf('ES256', '2')] as const
  const exp = startMs / 1000 + 86_400
  await site.publish(before)
  const verifier = verifierOf(t, site.url)
  const seen = await tokenOf(before, { exp })
  await check(verifier, seen)
  await site.publish(after)
  verifier.clock.ms += 3 * 3_600_000
  await t.rejects(check(verifier, await tokenOf(before, { exp, n: 1 })), { code: 'GP_TOKEN_INVALID' })
  verifier.clock.ms += 5_000
  await t.rejects(check(verifier, seen), { code: 'GP_TOKEN_INVALID' })
  t.equal((await check(verifier, await tokenOf(after, { exp }))).sub, 'ann')

  // Where the server is away the old ones go on, however old.
  site.answer = unavailable
  verifier.clock.ms += 3 * 3_600_000
  t.equal((await check(verifier, await tokenOf(after, { exp, n: 2 }))).sub, 'ann')
  const { fetches } = site
  for (let i = 0; i < 5; i++) t.equal((await check(verifier, await tokenOf(after, { exp, n: 3 + i }))).sub, 'ann')
  t.equal(site.fetches, fetches, 'nor does everybody wait for a try')
  site.answer = undefined
  await site.publish(before)
  verifier.clock.ms += 60_000
  await t.rejects(check(verifier, await tokenOf(after, { exp, n: 9 })), { code: 'GP_TOKEN_INVALID' }, 'back, and the key is gone')
})

t.test('jwks - a failure is logged once, with the path and without credentials, and its end', async t => {
  const site = await siteOf(t)
  site.answer = unavailable
  const pair = pairOf('ES256', '1')
  await site.publish(pair)
  const verifier = verifierOf(t, site.url.replace('//', '//me:pass@') + '?key=hidden')
  for (let i = 0; i < 3; i++) {
    await t.rejects(check(verifier, await tokenOf(pair)), { code: 'GP_OVERLOADED', message: /GATEPOST_AUTH_JWKS_URL/ })
    verifier.clock.ms += 2_000
  }
  site.answer = undefined
  await check(verifier, await tokenOf(pair))
  t.same(verifier.lines.map(({ level, event, url }) => ({ level, event, url })), [
    { level: 'warn', event: 'jwks-unreachable', url: site.url },
    { level: 'info', event: 'jwks-reachable', url: site.url }
  ])
  t.match(verifier.lines[0]!.err?.message, 'answered with status 500')
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
  await t.rejects(check(verifier, await tokenOf(known)), { code: 'GP_OVERLOADED', retryAfterSeconds: 2 }, 'no keys yet')
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
    ['an empty set', (_request, response) => response.end('{"keys":[]}')],
    ['a discovery document', (_request, response) => response.end('{"issuer":"https://id","jwks_uri":"https://id/keys"}')],
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
  for (const scope of ['admin', 'openid profile email producer', ['admin'], null]) t.same([...(await check(verifier, await tokenOf(pair, { scope }))).scopes], ['user'])
  const admin = await new SignJWT({ sub: 'root', scope: 'admin', exp: startMs / 1000 + 60 }).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(Buffer.from(secret)))
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
