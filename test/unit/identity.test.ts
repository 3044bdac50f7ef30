import { constants, createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto'
import t from 'tap'
import { bearerToken, type Scope } from '../../shared/contract/claims.js'
import { createExpiringCache } from '../../shared/platform/identity/expiring-cache.js'
import { signTicket, signToken, ticketTtlMs } from '../../shared/platform/identity/sign.js'
import { createTicketVerifier } from '../../shared/platform/identity/ticket.js'
import { createTokenVerifier, type Identity } from '../../shared/platform/identity/verify.js'
import { noRules } from '../../shared/platform/settings/settings.js'

const secret = 'a secret of at least 32 bytes, for tests'
const siteSecret = 'another secret of at least 32 bytes, of the site'
const startMs = Date.UTC(2030, 0, 1)

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hs256 = (payload: unknown, key: string | Buffer = secret, header: object = { alg: 'HS256', typ: 'JWT' }): string => {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}
const asymmetric = (alg: string, key: KeyObject, payload: unknown, header: object = {}): string => {
  const input = `${encode({ alg, ...header })}.${encode(payload)}`
  const padding = alg.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}
  return `${input}.${signBytes(alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...padding }).toString('base64url')}`
}
const seconds = (ms: number): number => ms / 1000

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

type Auth = Parameters<typeof createTokenVerifier>[0]['auth']
function verifierAt (auth: Auth = { kind: 'secret', secret }, acceptSecrets: readonly string[] = []): { verify: (token: string) => Identity, ask: (token: string) => Promise<Identity>, clock: { ms: number } } {
  const clock = { ms: startMs }
  const { verify } = createTokenVerifier({ secret, acceptSecrets, auth, now: () => clock.ms })
  return { verify: token => verify(token) as Identity, ask: async token => await verify(token), clock }
}
const valid = { sub: 'ann', exp: seconds(startMs) + 3600 }
const invalid = { code: 'GP_TOKEN_INVALID' }

t.test('tokens - what signToken signs, a verifier reads', async t => {
  const { verify } = verifierAt()
  const token = signToken({ secret, sub: 'änn 😀', scopes: ['user', 'admin'], groups: ['a', 'b'], ttlMs: 60_000, now: () => startMs + 250 })
  const identity = verify(token)
  t.same({ ...identity, scopes: [...identity.scopes] }, { sub: 'änn 😀', scopes: ['user', 'admin'], groups: ['a', 'b'], issuedAt: startMs, aheadMs: 0, expiresAt: startMs + 61_000 })
})

t.test('tokens - scope: user by default, words apart by spaces, unknown ones passed over', async t => {
  const { verify } = verifierAt()
  const scopesOf = (scope: unknown): Scope[] => [...verify(hs256({ ...valid, scope })).scopes]
  t.same([...verify(hs256(valid)).scopes], ['user'])
  t.same(scopesOf('admin producer'), ['producer', 'admin'])
  t.same(scopesOf('openid user'), ['user'])
  for (const scope of ['openid profile email', '', null, [], ['openid']]) t.same(scopesOf(scope), ['user'], JSON.stringify(scope))
  t.same(scopesOf(['admin', 'openid']), ['admin'])
  t.throws(() => scopesOf(5), invalid)
  t.throws(() => scopesOf({ admin: true }), invalid)
})

t.test('tokens - claims that are not what they should be', async t => {
  const { verify } = verifierAt()
  const refused: Array<[string, Record<string, unknown>]> = [
    ['no sub', { sub: undefined }], ['empty sub', { sub: '' }], ['number', { sub: 5 }], ['control character', { sub: 'a\tb' }],
    ['too long', { sub: 'a'.repeat(256) }], ['lone surrogate', { sub: '\ud800' }],
    ['no exp', { exp: undefined }], ['exp text', { exp: '9999999999' }], ['exp null', { exp: null }], ['exp beyond all dates', { exp: 1e300 }], ['exp in ms', { exp: startMs + 3_600_000 }],
    ['iat text', { iat: 'x' }], ['iat ahead', { iat: seconds(startMs) + 61 }], ['nbf ahead', { nbf: seconds(startMs) + 61 }]
  ]
  for (const [what, claims] of refused) t.throws(() => verify(hs256({ ...valid, ...claims })), invalid, what)
  for (const payload of [5, null, [], 'text', '{']) t.throws(() => verify(hs256(payload)), invalid, `payload ${JSON.stringify(payload)}`)
  t.doesNotThrow(() => verify(hs256({ ...valid, iat: seconds(startMs) + 59, nbf: seconds(startMs) + 59 })))
  t.equal(verify(hs256({ ...valid, sub: '😀'.repeat(255) })).sub.length, 510)
  t.same(verify(hs256({ ...valid, groups: ['a', 'a', 'b'] })).groups, ['a', 'b'])
})

t.test('tokens - exp: required, and what is cached is not served after it', async t => {
  const { verify, clock } = verifierAt()
  for (const scope of ['user', 'producer', 'admin', 'producer user']) t.throws(() => verify(hs256({ sub: 'shop', scope })), invalid, scope)
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

const pairs = {
  rsa: { pair: generateKeyPairSync('rsa', { modulusLength: 2048 }), algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] },
  p256: { pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }), algorithms: ['ES256'] },
  p384: { pair: generateKeyPairSync('ec', { namedCurve: 'P-384' }), algorithms: ['ES384'] },
  p521: { pair: generateKeyPairSync('ec', { namedCurve: 'P-521' }), algorithms: ['ES512'] },
  ed25519: { pair: generateKeyPairSync('ed25519'), algorithms: ['EdDSA', 'Ed25519'] }
}

t.test('tokens - each kind of public key, and its algorithms alone', async t => {
  for (const [what, { pair, algorithms }] of Object.entries(pairs)) {
    const { ask, clock } = verifierAt({ kind: 'public-key', publicKey: pem(pair.publicKey) })
    for (const alg of algorithms) {
      const token = asymmetric(alg, pair.privateKey, valid)
      t.equal((await ask(token)).sub, 'ann', alg)
      await t.rejects(ask(`${token.slice(0, -8)}AAAAAAAA`), invalid, `${alg}: another signature`)
    }
    // The public key is known to all: as an HMAC secret it must not count, in whatever form.
    for (const key of [pem(pair.publicKey), pem(pair.publicKey).trim(), pair.publicKey.export({ type: 'spki', format: 'der' })]) {
      await t.rejects(ask(hs256(valid, key)), invalid, `${what}: the public key as a secret`)
    }
    for (const alg of ['none', 'None', '', 'HS512', 5, undefined]) await t.rejects(ask(`${encode({ alg })}.${encode(valid)}.AAAA`), invalid, `${what}: alg ${alg}`)
    for (const { pair: other, algorithms: others } of Object.values(pairs)) {
      if (other !== pair) await t.rejects(ask(asymmetric(others[0]!, other.privateKey, valid)), { ...invalid, message: `alg: got "${others[0]}"; takes ${algorithms.join(', ')} (GATEPOST_AUTH_PUBLIC_KEY)` })
    }
    clock.ms += 3_600_000
    await t.rejects(ask(asymmetric(algorithms[0]!, pair.privateKey, valid)), { code: 'GP_TOKEN_EXPIRED' })
  }
  const p224 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  t.throws(() => verifierAt({ kind: 'public-key', publicKey: pem(p224.publicKey) }), /GATEPOST_AUTH_PUBLIC_KEY/)
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

t.test('tokens - a provider\'s algorithm where no key of its is set: the text names the settings', async t => {
  const token = asymmetric('RS256', pairs.rsa.pair.privateKey, valid)
  for (const auth of [{ kind: 'secret', secret } as const, { kind: 'secret', secret: 'of the site, 32 bytes at the least' } as const]) {
    t.throws(() => verifierAt(auth).verify(token), { ...invalid, message: 'alg: got "RS256"; takes HS256 where neither GATEPOST_AUTH_JWKS_URL nor GATEPOST_AUTH_PUBLIC_KEY is set' })
  }
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
  t.throws(() => createTokenVerifier({ secret: '', auth: { kind: 'secret', secret: '' } }), /empty/)
})

t.test('tokens - each key gives its own scopes only', async t => {
  const sites: Array<[string, Auth, (payload: object) => string]> = [
    ['HS256', { kind: 'secret', secret: siteSecret }, payload => hs256(payload, siteSecret)],
    ['RS256', { kind: 'public-key', publicKey: pem(rsa.publicKey) }, payload => asymmetric('RS256', rsa.privateKey, payload)]
  ]
  for (const [what, auth, signAsSite] of sites) {
    const { ask } = verifierAt(auth)
    for (const scope of [undefined, null, '', [], 'user admin producer', 'admin', 'openid profile email admin', ['openid', 'producer'], 5, { a: 1 }]) {
      t.same([...(await ask(signAsSite({ ...valid, scope }))).scopes], ['user'], `${what}: the site makes users, whatever its scope says: ${JSON.stringify(scope)}`)
    }
    t.same([...(await ask(hs256({ ...valid, scope: 'producer admin' }))).scopes], ['producer', 'admin'], what)
    t.same([...(await ask(hs256({ ...valid, scope: 'user admin' }))).scopes], ['admin'], `${what}: the secret makes no users`)
    await t.rejects(ask(hs256(valid)), invalid, `${what}: nor only a user`)
  }
})

t.test('tokens - what the site asks for: audience, issuer, typ, of users only', async t => {
  const rules = { audiences: ['app', 'app2'], issuers: ['https://id.example/', 'https://id2.example'], types: ['jwt', 'at+jwt'], groupsClaim: 'groups', groups: 'add' } as const
  const good = { ...valid, aud: 'app', iss: 'https://id.example/' }
  for (const [sign, auth] of [
    [(payload: object, header?: object) => hs256(payload, secret, { alg: 'HS256', ...header }), { kind: 'secret', secret, rules }],
    [(payload: object, header?: object) => asymmetric('ES256', ec.privateKey, payload, header), { kind: 'public-key', publicKey: pem(ec.publicKey), rules }]
  ] as Array<[(payload: object, header?: object) => string, Auth]>) {
    const { ask } = verifierAt(auth)
    for (const claims of [{}, { aud: ['x', 'app2'] }, { iss: 'https://id2.example' }]) t.equal((await ask(sign({ ...good, ...claims }))).sub, 'ann', JSON.stringify(claims))
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/AT+JWT']) t.equal((await ask(sign(good, { typ }))).sub, 'ann', typ)
    for (const [claim, values] of Object.entries({ aud: [undefined, 'other', ['other'], [], null, 'app ', 5], iss: [undefined, 'https://id.example', 'https://id.example//', 'HTTPS://id.example/', ['https://id.example/'], null] })) {
      for (const value of values) await t.rejects(ask(sign({ ...good, [claim]: value })), { ...invalid, message: new RegExp(`^${claim}: got .*\\(${claim === 'aud' ? 'GATEPOST_AUTH_AUDIENCE' : 'GATEPOST_AUTH_ISSUER'}\\)$`) }, `${claim} ${JSON.stringify(value)}`)
    }
    for (const typ of ['logout+jwt', 'password-reset+jwt', '', null, 5, ['JWT']]) await t.rejects(ask(sign(good, { typ })), { ...invalid, message: /^typ: got .*\(GATEPOST_AUTH_TYP\)$/ }, `typ ${typ}`)
  }
  const { verify } = verifierAt({ kind: 'secret', secret, rules })
  for (const aud of [undefined, 'gatepost-service', 'app', ['x', 'gatepost-service']]) t.ok(verify(hs256({ ...valid, scope: 'producer', aud }, secret, { alg: 'HS256', typ: 'x' })).scopes.has('producer'), `a producer for ${aud}`)
  t.throws(() => verify(hs256({ ...valid, scope: 'admin', aud: 'other' })), invalid, 'an admin of another application')
  const token = signToken({ secret, sub: 'ann', scopes: ['user', 'admin'], groups: [], ttlMs: 60_000, rules, now: () => startMs })
  t.same([...verify(token).scopes], ['user', 'admin'], 'what signToken signs carries what is asked for')
})

t.test('tokens - the longest life that the site allows, of users only', async t => {
  const rules = { ...noRules, maxLifeMs: 3_600_000 }
  const iat = startMs / 1000 - 60
  for (const [sign, auth] of [
    [(payload: object) => hs256(payload), { kind: 'secret', secret, rules }],
    [(payload: object) => asymmetric('ES256', ec.privateKey, payload), { kind: 'public-key', publicKey: pem(ec.publicKey), rules }]
  ] as Array<[(payload: object) => string, Auth]>) {
    const { ask } = verifierAt(auth)
    t.equal((await ask(sign({ ...valid, iat, exp: iat + 3_600 }))).sub, 'ann')
    await t.rejects(ask(sign({ ...valid, iat, exp: iat + 3_601 })), { ...invalid, message: /^exp: got "3601 s after iat"; takes at most 3600 s after it \(GATEPOST_AUTH_MAX_LIFE\)/ })
    await t.rejects(ask(sign({ ...valid, iat: undefined, exp: iat + 3_600 })), { ...invalid, message: /^iat: got nothing.*GATEPOST_AUTH_MAX_LIFE/ })
  }
  const { ask } = verifierAt({ kind: 'secret', secret, rules })
  for (const scope of ['producer', 'admin']) t.ok((await ask(hs256({ ...valid, iat, exp: iat + 365 * 86_400, scope }))).scopes.has(scope as Scope))
  t.equal((await verifierAt().ask(hs256({ ...valid, iat, exp: iat + 365 * 86_400 }))).sub, 'ann', 'none by default')
  const own = signToken({ secret, sub: 'ann', scopes: ['user'], groups: [], ttlMs: rules.maxLifeMs, rules, now: () => startMs + 123 })
  t.equal((await ask(own)).sub, 'ann', 'one that signToken signs for as long, in the middle of a second')
})

t.test('tokens - further secrets verify, never sign', async t => {
  const next = 'the secret that comes next, 32 bytes or more'
  const { verify } = verifierAt({ kind: 'secret', secret }, [next])
  for (const key of [secret, next]) for (const scope of ['user', 'producer', 'admin']) t.ok(verify(hs256({ ...valid, scope }, key)).scopes.has(scope as Scope), scope)
  t.throws(() => verify(hs256(valid, siteSecret)), invalid)
  const besideKey = verifierAt({ kind: 'public-key', publicKey: pem(ec.publicKey) }, [next])
  t.ok(besideKey.verify(hs256({ ...valid, scope: 'admin' }, next)).scopes.has('admin'))
  t.throws(() => besideKey.verify(hs256(valid, next)), invalid, 'no users where the site has a key of its own')
  const named = verifierAt({ kind: 'secret', secret: next }, [next])
  t.ok(named.verify(hs256(valid, next)).scopes.has('user'), "one that is the site's own, too")
  t.throws(() => named.verify(hs256(valid, secret)), invalid)
  const ticketBy = (key: string): string => signTicket({ secret: key, user: 'ann', node: 'n', groups: [], userTokenExpiresAt: startMs + 60_000, now: () => startMs }).ticket
  const { verify: verifyTicket } = createTicketVerifier({ secret, acceptSecrets: [next], nodeId: 'n', now: () => startMs })
  for (const key of [secret, next]) t.equal(verifyTicket(ticketBy(key)).user, 'ann')
  t.throws(() => verifyTicket(ticketBy(siteSecret)), invalid)
})

t.test('tokens - groups: what is no list of names is passed over, with one line in the log for each form', async t => {
  const lines: object[] = []
  const log = { warn: (line: object) => { lines.push(line) }, info: () => {} } as never
  const { verify } = createTokenVerifier({ secret, auth: { kind: 'secret', secret }, now: () => startMs, log })
  const groupsOf = (groups: unknown): unknown => (verify(hs256({ ...valid, iss: 'https://id', groups })) as Identity).groups
  t.same(groupsOf('sales'), ['sales'], "Keycloak's mapper of one attribute")
  for (const none of [null, undefined]) t.equal(groupsOf(none), undefined)
  t.equal(lines.length, 0)
  for (let i = 0; i < 3; i++) {
    t.same(groupsOf(['a', '', 'b', 'a', 5, 'x'.repeat(129), { a: 1 }]), ['a', 'b'])
    for (const value of [{ a: 1 }, 5, true]) t.equal(groupsOf(value), undefined)
    t.equal((groupsOf(Array.from({ length: 1_001 }, (_, i) => `g${i}`)) as string[]).length, 1_000)
  }
  t.equal(lines.length, 5, 'once for each form')
  t.match(lines[0], { event: 'groups-passed-over', claim: 'groups', issuer: 'https://id' })

  const rules = { audiences: [], issuers: [], types: [], groups: 'replace' as const, groupsClaim: 'https://site.example/teams' }
  const replacing = createTokenVerifier({ secret, auth: { kind: 'secret', secret, rules }, now: () => startMs })
  const teamsOf = (claims: object): unknown => (replacing.verify(hs256({ ...valid, groups: ['roles'], ...claims })) as Identity).groups
  t.same(teamsOf({ 'https://site.example/teams': ['t'] }), ['t'], 'another claim')
  for (const claims of [{}, { 'https://site.example/teams': null }]) t.same(teamsOf(claims), [], 'none is the whole truth')
  t.equal(teamsOf({ 'https://site.example/teams': { a: 1 } }), undefined, 'what cannot be read is not')
  t.equal(teamsOf({ _claim_names: { 'https://site.example/teams': 'src1' } }), undefined, 'nor what lies elsewhere')
  const without = createTokenVerifier({ secret, auth: { kind: 'secret', secret, rules: { ...rules, groupsClaim: undefined } }, now: () => startMs })
  t.equal((without.verify(hs256({ ...valid, groups: ['a'] })) as Identity).groups, undefined)
  t.throws(() => verify(hs256({ ...valid, scope: 'none', sub: undefined })), invalid)
})

t.test('tokens - wrong UTF-8 is refused: two names must not become one', async t => {
  const { verify } = verifierAt()
  const bytes = (name: Buffer): string => {
    const payload = Buffer.concat([Buffer.from('{"exp":' + String(valid.exp) + ',"sub":"a'), name, Buffer.from('"}')])
    const input = `${encode({ alg: 'HS256' })}.${payload.toString('base64url')}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  t.equal(verify(bytes(Buffer.from('é'))).sub, 'aé')
  for (const wrong of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) t.throws(() => verify(bytes(Buffer.from(wrong))), invalid, String(wrong))
})

t.test('tokens - a clock that is ahead shows in a token that comes too early, and is remembered', async t => {
  const { verify, clock } = verifierAt()
  const issued = (ms: number): string => hs256({ ...valid, iat: seconds(ms) })
  t.equal(verify(issued(startMs)).aheadMs, 0)
  t.equal(verify(issued(startMs + 1_000)).aheadMs, 0, 'rounded up')
  t.equal(verify(issued(startMs + 30_000)).aheadMs, 60_000)
  clock.ms += 40_000
  t.equal(verify(issued(startMs + 30_000)).aheadMs, 60_000)
  t.match(createTicketVerifier({ secret, nodeId: 'n', now: () => startMs }).verify(signTicket({ secret, user: 'ann', node: 'n', groups: ['a'], userTokenExpiresAt: startMs + 60_000, userTokenIssuedAt: startMs + 30_000, userTokenAheadMs: 60_000, now: () => startMs }).ticket), { userTokenIssuedAt: startMs + 30_000, userTokenAheadMs: 60_000 })
})

t.test('tickets - for one user on one node, for 15 minutes', async t => {
  const now = (): number => startMs
  const clock = { ms: startMs }
  const { ticket, expiresAt } = signTicket({ secret, user: 'ann', node: 'n 1', groups: ['a'], userTokenExpiresAt: startMs + 3_600_000, userTokenIssuedAt: startMs - 5_250, now })
  t.equal(expiresAt, startMs + ticketTtlMs)
  const { verify } = createTicketVerifier({ secret, nodeId: 'n 1', now: () => clock.ms })
  const read = verify(ticket)
  t.same(read, { user: 'ann', node: 'n 1', groups: ['a'], expiresAt, issuedAt: startMs, userTokenExpiresAt: startMs + 3_600_000, userTokenIssuedAt: startMs - 5_250, userTokenAheadMs: 0 })
  t.equal(verify(ticket), read, 'the second time from the cache')
  t.throws(() => createTicketVerifier({ secret, nodeId: 'n 2', now }).verify(ticket), { code: 'GP_TICKET_WRONG_NODE' })
  t.throws(() => createTicketVerifier({ secret: siteSecret, nodeId: 'n 1', now }).verify(ticket), invalid)
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
  const { verify: verifyTicket } = createTicketVerifier({ secret, nodeId: 'n', now: () => startMs })
  t.throws(() => verifyTicket(hs256(valid)), invalid)
  t.throws(() => verifyTicket(hs256({ ...valid, node: 'n', iat: seconds(startMs), tokenExp: valid.exp })), invalid)
  t.throws(() => verifyTicket(hs256({ ...valid, node: 'n', aud: 'gatepost-ticket' })), invalid, 'a ticket without the rest')
  t.throws(() => verifyTicket('x'), invalid)
})

t.test('tickets - the largest token that passes makes a ticket that passes', async t => {
  const groups = Array.from({ length: 370 }, (_, i) => `group number ${i} ${'x'.repeat(12)}`)
  const token = signToken({ secret, sub: 'ann', scopes: ['user'], groups, ttlMs: 60_000, now: () => startMs })
  t.ok(token.length > 15_000)
  t.equal(verifierAt().verify(token).groups?.length, 370)
  const { ticket } = signTicket({ secret, user: 'ann', node: 'n'.repeat(128), groups, userTokenExpiresAt: startMs + 60_000, now: () => startMs })
  t.equal(createTicketVerifier({ secret, nodeId: 'n'.repeat(128), now: () => startMs }).verify(ticket).groups?.length, 370)
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
