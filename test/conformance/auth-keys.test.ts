import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startDeployment, type Deployment, type Settings } from '../helpers/deployment.js'
import { refused, request } from '../helpers/raw-client.js'
import { nowSeconds, signAsymmetric, signHs256, unsigned } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

// The tests wait more than they work: for ends, for another look at the keys.
t.jobs = 3

const claims = { sub: 'ada', exp: nowSeconds() + 600 }
const assignWith = async (site: Deployment, token: string) => await request(site.gate, 'GET', '/gate/assign', { token })
const start = async (t: Parameters<typeof startDeployment>[0], settings: Settings): Promise<Deployment> => await startDeployment(t, { settings, nodes: 1 })

t.test('keys - a secret of the site signs users, the own secret producers and admins', { buffered: true }, async t => {
  const siteSecret = 'the site has its own secret, of 40 bytes.'
  const site = await start(t, { GATEPOST_AUTH_SECRET: siteSecret })
  t.equal((await assignWith(site, signHs256(claims, siteSecret))).status, 200)
  refused(t, await assignWith(site, signHs256(claims, site.secret)), 401, 'GP_TOKEN_INVALID', 'a user signed with GATEPOST_SECRET')
  t.equal((await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })).status, 200, 'an admin of the own secret')
  for (const scope of ['admin', 'producer admin', 'user admin']) {
    const answer = await request(site.gate, 'GET', '/gate/nodes', { token: signHs256({ ...claims, scope }, siteSecret) })
    t.ok(answer.status === 401 || answer.status === 403, `the site's key does not make an admin (${scope})`, { answer: answer.text })
  }
  const sent = await request(site.gate, 'POST', '/gate/messages', { token: signHs256({ ...claims, scope: 'producer' }, siteSecret), body: { to: { user: 'ada' }, title: 'x' } })
  t.ok(sent.status === 401 || sent.status === 403, "the site's key does not make a producer")
})

t.test('keys - public keys: RS256, ES256, EdDSA, and nothing that pretends', { buffered: true }, async t => {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519')
  }
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    await t.test(alg, async t => {
      const pem = pairs[alg].publicKey.export({ type: 'spki', format: 'pem' }).toString()
      const site = await start(t, { GATEPOST_AUTH_PUBLIC_KEY: pem })
      t.equal((await assignWith(site, signAsymmetric(claims, alg, pairs[alg].privateKey))).status, 200, 'its own key')
      const another = alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
        : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : generateKeyPairSync('ed25519').privateKey
      refused(t, await assignWith(site, signAsymmetric(claims, alg, another)), 401, 'GP_TOKEN_INVALID', 'another key')
      refused(t, await assignWith(site, signHs256(claims, pem)), 401, 'GP_TOKEN_INVALID', 'HS256 with the public key as secret')
      refused(t, await assignWith(site, signHs256(claims, pem.trim())), 401, 'GP_TOKEN_INVALID', 'the same without the last line end')
      refused(t, await assignWith(site, unsigned(claims)), 401, 'GP_TOKEN_INVALID', 'no signature')
      refused(t, await assignWith(site, signHs256(claims, site.secret)), 401, 'GP_TOKEN_INVALID', 'GATEPOST_SECRET')
      refused(t, await assignWith(site, signAsymmetric({ ...claims, exp: nowSeconds() - 5 }, alg, pairs[alg].privateKey)), 401, 'GP_TOKEN_EXPIRED', 'expired')
      t.equal((await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })).status, 200, 'admins stay with GATEPOST_SECRET')
      await site.stop()
    })
  }
})

t.test('keys - a JWKS address: keys by kid, a new key is found, an outage makes no token invalid', { buffered: true }, async t => {
  const first = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const second = generateKeyPairSync('ed25519')
  const jwk = (pair: typeof first, kid: string, alg: string): object => ({ ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' })
  let keys = [jwk(first, 'one', 'ES256')]
  let isDown = false
  const server = createServer((_req, res) => {
    if (isDown) { res.statusCode = 503; res.end('down'); return }
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ keys }))
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const site = await start(t, { GATEPOST_AUTH_JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json` })
  const byFirst = (sub: string): string => signAsymmetric({ ...claims, sub }, 'ES256', first.privateKey, { kid: 'one' })
  const bySecond = (sub: string): string => signAsymmetric({ ...claims, sub }, 'EdDSA', second.privateKey, { kid: 'two' })
  t.equal((await assignWith(site, byFirst('ada'))).status, 200)
  const unknown = await assignWith(site, signAsymmetric(claims, 'ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, { kid: 'one' }))
  refused(t, unknown, 401, 'GP_TOKEN_INVALID', 'a forged token under a known kid')
  isDown = true
  t.equal((await assignWith(site, byFirst('grace'))).status, 200, 'a known key serves while the address is down')
  isDown = false
  keys = [...keys, jwk(second, 'two', 'EdDSA')]
  await until('the new key is found', async () => (await assignWith(site, bySecond('ada'))).status === 200, 40_000, 500)
})
