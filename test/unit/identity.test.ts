import { createHmac, createSign, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto'
import t from 'tap'
import { bearerToken, type Scope } from '../../shared/identity/claims.js'
import { createExpiringCache } from '../../shared/identity/expiring-cache.js'
import { signTicket, signToken, ticketTtlMs } from '../../shared/identity/sign.js'
import { createTicketVerifier, createTokenVerifier, type Identity } from '../../shared/identity/verify.js'

const secret = 'a secret of at least 32 bytes, for tests'
const siteSecret = 'another secret of at least 32 bytes, of the site'
const startMs = Date.UTC(2030, 0, 1)

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hs256 = (payload: unknown, key: string | Buffer = secret, header: object = { alg: 'HS256', typ: 'JWT' }): string => {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}
const asymmetric = (alg: string, key: KeyObject, payload: unknown): string => {
  const input = `${encode({ alg })}.${encode(payload)}`
  const signature = alg === 'EdDSA'
    ? signBytes(null, Buffer.from(input), key)
    : createSign('sha256').update(input).sign({ key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
const seconds = (ms: number): number => ms / 1000

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

type Auth = Parameters<typeof createTokenVerifier>[0]['auth']
function verifierAt (auth: Auth = { kind: 'secret', secret }): { verify: (token: string) => Identity, clock: { ms: number } } {
  const clock = { ms: startMs }
  const { verify } = createTokenVerifier({ secret, auth, now: () => clock.ms })
  return { verify: token => verify(token) as Identity, clock }
}
const valid = { sub: 'ann', exp: seconds(startMs) + 3600 }
const invalid = { code: 'GP_TOKEN_INVALID' }

t.test('tokens - what signToken signs, a verifier reads', async t => {
  const { verify } = verifierAt()
  const token = signToken({ secret, sub: 'änn 😀', scopes: ['user', 'admin'], groups: ['a', 'b'], ttlMs: 60_000, now: () => startMs + 250 })
  const identity = verify(token)
  t.same({ ...identity, scopes: [...identity.scopes] }, { sub: 'änn 😀', scopes: ['user', 'admin'], groups: ['a', 'b'], issuedAt: startMs, expiresAt: startMs + 61_000 })
})

t.test('tokens - scope: user by default, words apart by spaces, unknown ones passed over', async t => {
  const { verify } = verifierAt()
  const scopesOf = (scope: unknown): Scope[] => [...verify(hs256({ ...valid, scope })).scopes]
  t.same([...verify(hs256(valid)).scopes], ['user'])
  t.same(scopesOf('admin producer'), ['producer', 'admin'])
  t.same(scopesOf('openid user'), ['user'])
  t.same(scopesOf('openid'), [])
  t.throws(() => scopesOf(5), invalid)
  t.throws(() => scopesOf(['admin']), invalid)
})

t.test('tokens - claims that are not what they should be', async t => {
  const { verify } = verifierAt()
  const refused: Array<[string, Record<string, unknown>]> = [
    ['no sub', { sub: undefined }], ['empty sub', { sub: '' }], ['number', { sub: 5 }], ['control character', { sub: 'a\tb' }],
    ['too long', { sub: 'a'.repeat(129) }], ['lone surrogate', { sub: '\ud800' }],
    ['groups no array', { groups: 'a' }], ['group no name', { groups: ['a', ''] }], ['too many groups', { groups: Array.from({ length: 1001 }, (_, i) => `g${i}`) }],
    ['no exp', { exp: undefined }], ['exp text', { exp: '9999999999' }], ['exp null', { exp: null }], ['exp beyond all dates', { exp: 1e300 }],
    ['iat text', { iat: 'x' }], ['iat ahead', { iat: seconds(startMs) + 61 }], ['nbf ahead', { nbf: seconds(startMs) + 30 }]
  ]
  for (const [what, claims] of refused) t.throws(() => verify(hs256({ ...valid, ...claims })), invalid, what)
  for (const payload of [5, null, [], 'text', '{']) t.throws(() => verify(hs256(payload)), invalid, `payload ${JSON.stringify(payload)}`)
  t.doesNotThrow(() => verify(hs256({ ...valid, iat: seconds(startMs) + 59, nbf: seconds(startMs) })))
  t.same(verify(hs256({ ...valid, groups: ['a', 'a', 'b'] })).groups, ['a', 'b'])
})

t.test('tokens - exp: required for users only, and what is cached is not given after it', async t => {
  const { verify, clock } = verifierAt()
  t.equal(verify(hs256({ sub: 'shop', scope: 'producer' })).expiresAt, undefined)
  t.throws(() => verify(hs256({ sub: 'shop', scope: 'producer user' })), invalid)
  for (const token of [hs256({ ...valid, scope: 'producer' }), hs256(valid)]) {
    clock.ms = startMs
    const first = verify(token)
    if (first.scopes.has('producer')) t.equal(verify(token), first, 'the second time from the cache')
    clock.ms = startMs + 3_600_000 - 1
    t.same(verify(token), first)
    clock.ms = startMs + 3_600_000
    t.throws(() => verify(token), { code: 'GP_TOKEN_EXPIRED' })
  }
})

t.test('tokens - tampering and other keys', async t => {
  const { verify } = verifierAt()
  const token = hs256(valid)
  const [header = '', payload = '', signature = ''] = token.split('.')
  verify(token)
  const other = encode({ ...valid, sub: 'bob' })
  for (const forged of [
    `${header}.${other}.${signature}`, `${header}.${payload}.`, `${header}.${payload}`, `${header}.${payload}.${signature}x`,
    `${header}.${payload}.${signature}.`, hs256(valid, siteSecret), 'x', '', '..', `${token}\n`
  ]) t.throws(() => verify(forged), invalid, JSON.stringify(forged.slice(-20)))
  t.throws(() => verify(hs256({ ...valid, pad: 'x'.repeat(17_000) })), invalid, 'longer than 16 KiB')
})

t.test('tokens - each kind of public key, and its algorithm alone', async t => {
  const keys = [['RS256', rsa], ['ES256', ec], ['EdDSA', ed]] as const
  for (const [alg, pair] of keys) {
    const { verify, clock } = verifierAt({ kind: 'public-key', publicKey: pem(pair.publicKey) })
    const token = asymmetric(alg, pair.privateKey, valid)
    t.equal(verify(token).sub, 'ann', alg)
    t.throws(() => verify(`${token.slice(0, -8)}AAAAAAAA`), invalid, `${alg}: another signature`)
    // The public key is known to all: as an HMAC secret it must not count, in whatever form.
    for (const key of [pem(pair.publicKey), pem(pair.publicKey).trim(), pair.publicKey.export({ type: 'spki', format: 'der' })]) {
      t.throws(() => verify(hs256(valid, key)), invalid, `${alg}: the public key as a secret`)
    }
    for (const none of ['none', 'None', '']) t.throws(() => verify(`${encode({ alg: none })}.${encode(valid)}.`), invalid, `${alg}: alg ${none}`)
    for (const [otherAlg, other] of keys) {
      if (otherAlg !== alg) t.throws(() => verify(asymmetric(otherAlg, other.privateKey, valid)), invalid, `${alg}: not ${otherAlg}`)
    }
    clock.ms += 3_600_000
    t.throws(() => verify(token), { code: 'GP_TOKEN_EXPIRED' })
  }
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  t.throws(() => verifierAt({ kind: 'public-key', publicKey: pem(p384.publicKey) }), /GATEPOST_AUTH_PUBLIC_KEY/)
})

t.test('tokens - algorithms beside the one of the key', async t => {
  const { verify } = verifierAt()
  const input = `${encode({ alg: 'HS512' })}.${encode(valid)}`
  t.throws(() => verify(`${input}.${createHmac('sha512', secret).update(input).digest('base64url')}`), invalid)
  t.throws(() => verify(`${encode({ alg: 'none' })}.${encode(valid)}.`), invalid)
  for (const header of [{ alg: 'HS256', crit: ['exp'], exp: 1 }, { alg: 'HS256', crit: [] }, { alg: 'HS256', crit: null }, { alg: 'RS256' }, { alg: 'hs256' }, { alg: ['HS256'] }, {}, [], ['HS256']]) {
    t.throws(() => verify(hs256(valid, secret, header)), invalid, JSON.stringify(header))
  }
  t.throws(() => verify(hs256(valid, secret, null as unknown as object)), invalid, 'no header')
})

t.test('tokens - headers of several signers, in any order, and none of them opens the way for another', async t => {
  const { verify } = verifierAt()
  const good = [{ alg: 'HS256', typ: 'JWT' }, { alg: 'HS256' }, { typ: 'at+jwt', kid: '1', alg: 'HS256' }]
  for (const header of [...good, ...good]) {
    t.equal(verify(hs256(valid, secret, header)).sub, 'ann', JSON.stringify(header))
    t.throws(() => verify(hs256(valid, siteSecret, header)), invalid, 'the same header, another key')
    t.throws(() => verify(hs256(valid, secret, { ...header, alg: 'HS384' })), invalid)
    t.throws(() => verify(hs256(valid, secret, { ...header, alg: 'HS384' })), invalid, 'the second time, too')
  }
})

t.test('tokens - base64url in its one form', async t => {
  const { verify } = verifierAt()
  const token = hs256(valid)
  const last = token.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const sameBytes = alphabet[alphabet.indexOf(last) ^ 1] ?? ''
  for (const other of [token.slice(0, -1) + sameBytes, `${token}=`, token.replace('.', '=.'), ` ${token}`, token.replace('.', '..'), token.split('.').slice(0, 2).join('.')]) {
    t.throws(() => verify(other), invalid, JSON.stringify(other.slice(-12)))
  }
  for (const payload of ['', 'null', '[]', '"x"', '5', '{']) t.throws(() => verify(hs256(payload)), invalid, `payload ${payload}`)
  t.throws(() => createTokenVerifier({ secret: '', auth: { kind: 'secret', secret: '' } }), /empty secret/)
})

t.test('tokens - each key gives its own scopes only', async t => {
  const sites: Array<[string, Auth, (payload: object) => string]> = [
    ['HS256', { kind: 'secret', secret: siteSecret }, payload => hs256(payload, siteSecret)],
    ['RS256', { kind: 'public-key', publicKey: pem(rsa.publicKey) }, payload => asymmetric('RS256', rsa.privateKey, payload)]
  ]
  for (const [what, auth, signAsSite] of sites) {
    const { verify } = verifierAt(auth)
    t.same([...verify(signAsSite(valid)).scopes], ['user'], what)
    t.same([...verify(hs256({ ...valid, scope: 'producer admin' })).scopes], ['producer', 'admin'], what)
    t.same([...verify(signAsSite({ ...valid, scope: 'user admin producer' })).scopes], ['user'], `${what}: the site makes no admins`)
    t.throws(() => verify(signAsSite({ ...valid, scope: 'admin' })), invalid, `${what}: nor only an admin`)
    t.same([...verify(hs256({ ...valid, scope: 'user admin' })).scopes], ['admin'], `${what}: the secret makes no users`)
    t.throws(() => verify(hs256(valid)), invalid, `${what}: nor only a user`)
  }
})

t.test('tickets - for one user on one node, for 15 minutes', async t => {
  const now = (): number => startMs
  const clock = { ms: startMs }
  const { ticket, expiresAt } = signTicket({ secret, user: 'ann', node: 'n 1', groups: ['a'], userTokenExpiresAt: startMs + 3_600_000, userTokenIssuedAt: startMs - 5_250, now })
  t.equal(expiresAt, startMs + ticketTtlMs)
  const verify = createTicketVerifier({ secret, nodeId: 'n 1', now: () => clock.ms })
  const read = verify(ticket)
  t.same(read, { user: 'ann', node: 'n 1', groups: ['a'], expiresAt, issuedAt: startMs, userTokenExpiresAt: startMs + 3_600_000, userTokenIssuedAt: startMs - 5_250 })
  t.equal(verify(ticket), read, 'the second time from the cache')
  t.throws(() => createTicketVerifier({ secret, nodeId: 'n 2', now })(ticket), { code: 'GP_TICKET_WRONG_NODE' })
  t.throws(() => createTicketVerifier({ secret: siteSecret, nodeId: 'n 1', now })(ticket), invalid)
  clock.ms = expiresAt
  t.throws(() => verify(ticket), { code: 'GP_TICKET_EXPIRED' })
})

t.test('tickets - none outlives the user token', async t => {
  const { expiresAt } = signTicket({ secret, user: 'ann', node: 'n', groups: [], userTokenExpiresAt: startMs + 60_000, now: () => startMs })
  t.equal(expiresAt, startMs + 60_000)
})

t.test('tickets - no user token is one, nor the reverse, though one key signs both', async t => {
  const { ticket } = signTicket({ secret, user: 'ann', node: 'n', groups: [], userTokenExpiresAt: startMs + 60_000, now: () => startMs })
  const { verify } = verifierAt()
  t.throws(() => verify(ticket), invalid)
  const verifyTicket = createTicketVerifier({ secret, nodeId: 'n', now: () => startMs })
  t.throws(() => verifyTicket(hs256(valid)), invalid)
  t.throws(() => verifyTicket(hs256({ ...valid, node: 'n', iat: seconds(startMs), tokenExp: valid.exp })), invalid)
  t.throws(() => verifyTicket(hs256({ ...valid, node: 'n', aud: 'gatepost-ticket' })), invalid, 'a ticket without the rest')
  t.throws(() => verifyTicket('x'), invalid)
})

t.test('tickets - the largest token that passes makes a ticket that passes', async t => {
  const groups = Array.from({ length: 370 }, (_, i) => `group number ${i} ${'x'.repeat(12)}`)
  const token = signToken({ secret, sub: 'ann', scopes: ['user'], groups, ttlMs: 60_000, now: () => startMs })
  t.ok(token.length > 15_000)
  t.equal(verifierAt().verify(token).groups.length, 370)
  const { ticket } = signTicket({ secret, user: 'ann', node: 'n'.repeat(128), groups, userTokenExpiresAt: startMs + 60_000, now: () => startMs })
  t.equal(createTicketVerifier({ secret, nodeId: 'n'.repeat(128), now: () => startMs })(ticket).groups.length, 370)
})

t.test('bearer - missing, malformed, right', async t => {
  t.equal(bearerToken('Bearer a.b.c'), 'a.b.c')
  t.equal(bearerToken('bearer  a.b.c '), 'a.b.c')
  t.throws(() => bearerToken(undefined), { code: 'GP_TOKEN_MISSING' })
  t.throws(() => bearerToken(''), { code: 'GP_TOKEN_MISSING' })
  for (const header of ['Bearer', 'Basic YTpi', 'a.b.c', 'Bearer a b', 'Bearer "x"']) t.throws(() => bearerToken(header), invalid, header)
  try { bearerToken('secret-token') } catch (error) { t.notMatch((error as Error).message, /secret-token/) }
})

t.test('cache - bounded, and what is asked for stays', async t => {
  const cache = createExpiringCache<number>({ maxCharacters: 100_000 })
  cache.set('kept', 1, 10)
  for (let i = 0; i < 10_000; i++) {
    cache.set(`key ${i}`, i, 10)
    if (cache.get('kept', 0) !== 1) t.fail(`dropped at ${i}`)
  }
  t.equal(cache.get('key 1', 0), undefined)
  t.equal(cache.get('key 9999', 0), 9999)
  t.equal(cache.get('key 9999', 10), undefined, 'not at its end')
})
