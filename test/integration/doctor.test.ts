/** What `gatepost doctor` says of servers that answer, of one that has nothing, and of one that hangs. */
import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { MongoClient } from 'mongodb'
import { openMongodbStore } from '../../shared/store/mongodb-store.js'
import { collectionNames } from '../../shared/store/store.js'
import { runGatepost, tempDir } from '../helpers/deployment.js'
import { mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { silentLog } from '../helpers/mongodb-store.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { runCommand } from '../helpers/run-command.js'
import { allowed } from '../helpers/until.js'

const secret = 'a secret for tests, long enough for all'

async function doctor (t: Test, settings: Record<string, string>, cwd?: string): Promise<{ code: unknown, out: string, ms: number }> {
  const begun = performance.now()
  const { code, out } = await runCommand(['doctor'], { cwd: cwd ?? await tempDir(t), settings: { GATEPOST_SECRET: secret, GATEPOST_PORT: '0', ...settings } })
  return { code, out, ms: performance.now() - begun }
}
const lines = (out: string, check: string): string[] => out.split('\n').filter(line => line.slice(6).startsWith(check))

// Before the first test: a root that has run all its tests while this starts would end it.
const mongodb = await startMongodbServer(t)

t.test('doctor - a NATS that answers, one too small, one that hangs', { skip: await findNatsServer() === undefined && natsMissing }, async t => {
  const [nats, small, hung] = await Promise.all([startNatsServer(t), startNatsServer(t, { config: 'max_payload: 65536\nmax_pending: 65536' }), startNatsServer(t)])
  const fine = await doctor(t, { GATEPOST_NATS_URL: nats.url })
  t.equal(fine.code, 0)
  t.match(lines(fine.out, 'nats'), [new RegExp(`^ok +nats +reached, version ${nats.version}, round trip \\d+ ms$`), /^ok +nats payload +max_payload is 1048576 bytes$/, /^warn +nats rights +a Gate .* needs less than this login may: .*subscribe gatepost\.push\.\*\.\*/, /^warn +nats trust +GATEPOST_BUS_UNSIGNED is accept/])
  const tight = await doctor(t, { GATEPOST_NATS_URL: small.url })
  t.equal(tight.code, 1)
  t.match(lines(tight.out, 'nats payload'), [/^FAIL +nats payload +max_payload is 65536 bytes\. Set it to 1048576/])
  hung.pause()
  const none = await doctor(t, { GATEPOST_NATS_URL: hung.url })
  hung.resume()
  t.equal(none.code, 1)
  t.match(lines(none.out, 'nats'), [/^FAIL +nats +not reached: .*\. Check GATEPOST_NATS_URL/])
  t.ok(none.ms < allowed(15_000), 'within seconds', { ms: none.ms })
})

t.test('doctor - a MongoDB before the first start and after it', { skip: mongodb === undefined && mongodbMissing }, async t => {
  const url = mongodb?.url ?? ''
  const before = await doctor(t, { GATEPOST_MONGODB_URL: url })
  t.equal(before.code, 0)
  t.match(lines(before.out, 'mongodb')[0], new RegExp(`^ok +mongodb +reached, (?:one server|replica set|mongos), version ${mongodb?.version}, database gatepost_test_`))
  t.match(lines(before.out, 'indexes'), collectionNames.map(name => new RegExp(`^ok +indexes +${name}: not there yet`)))
  t.match(lines(before.out, 'clock'), [/^ok +clock +the server's is \d+ ms (?:behind|ahead of) this machine's$/])
  const client = new MongoClient(url)
  t.teardown(async () => { await client.close() })
  t.same((await client.db().listCollections().toArray()).map(({ name }) => name), [], 'the doctor has made nothing')

  const store = await openMongodbStore({ url, log: silentLog })
  const hasTtl = !store.status().notes.some(note => note.startsWith('no TTL index'))
  await store.close()
  const after = await doctor(t, { GATEPOST_MONGODB_URL: url })
  t.equal(after.code, 0)
  t.match(lines(after.out, 'indexes'), collectionNames.map(name => hasTtl ? new RegExp(`^ok +indexes +${name}: TTL index on purgeAt$`) : new RegExp(`^warn +indexes +${name}: no TTL index`)))
  if (lines(after.out, 'mongodb')[0]?.includes('one server') === true) t.match(lines(after.out, 'majority'), [/^warn +majority +one server/])
  t.match(after.out, /\n\d+ ok, \d+ to look at, 0 failed\n$/)
})

t.test('doctor - a MongoDB that takes connections and says nothing', async t => {
  const port = await listen(t, createServer(socket => { socket.on('error', () => undefined) }))
  const { code, out, ms } = await doctor(t, { GATEPOST_MONGODB_URL: `mongodb://joe:hunter2@127.0.0.1:${port}/gatepost` })
  t.equal(code, 1)
  t.match(lines(out, 'mongodb'), [/^FAIL +mongodb +not reached: .*\. Check GATEPOST_MONGODB_URL/])
  t.notMatch(out, /hunter2/)
  t.ok(ms < allowed(15_000), 'within seconds', { ms })
})

t.test('doctor - the keys of users\' tokens: fetched and counted, a discovery document is known', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const answers: Record<string, object> = { '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1' }, null] }, '/.well-known/openid-configuration': { issuer: 'https://id', jwks_uri: 'https://id/keys' } }
  const server = createHttpServer((request, response) => { const answer = answers[request.url ?? '']; response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer)) })
  const base = `127.0.0.1:${await listen(t, server)}`
  const fine = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://joe:hunter2@${base}/keys` })
  t.equal(fine.code, 0)
  t.match(lines(fine.out, 'user tokens'), [new RegExp(`^ok +user tokens +1 usable keys at http://${base}/keys, 1 others passed over$`), /^ok +user tokens +they live as long as they say/, /^warn +user tokens +.*GATEPOST_AUTH_AUDIENCE is not/])
  t.notMatch(fine.out, /hunter2/)
  const asked = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/keys`, GATEPOST_AUTH_AUDIENCE: 'app', GATEPOST_AUTH_MAX_LIFE: '12h' })
  t.match(lines(asked.out, 'user tokens')[1], /^ok +user tokens +they live 12h at most$/)
  t.equal(lines(asked.out, 'user tokens').length, 2)
  const discovery = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/.well-known/openid-configuration` })
  t.equal(discovery.code, 1)
  t.match(lines(discovery.out, 'user tokens')[0], /^FAIL +user tokens +.*discovery document; its jwks_uri is https:\/\/id\/keys/)
  const missing = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/none` })
  t.match(lines(missing.out, 'user tokens')[0], /^FAIL +user tokens +the keys at .*\/none: answered with status 404/)
})

t.test('doctor - an issuer as its discovery document says it, one that differs, one that has none', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let issuer = ''
  const server = createHttpServer((request, response) => {
    const answer = { '/keys': { keys: [publicKey.export({ format: 'jwk' })] }, '/realm/.well-known/openid-configuration': { issuer } }[request.url ?? '']
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer))
  })
  const base = `http://127.0.0.1:${await listen(t, server)}`
  const issuersAt = async (named: string): Promise<{ code: unknown, issuers: string[] }> => {
    const { code, out } = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `${base}/keys`, GATEPOST_AUTH_AUDIENCE: 'app', GATEPOST_AUTH_ISSUER: named })
    return { code, issuers: lines(out, 'issuer  ') }
  }
  issuer = `${base}/realm`
  t.match(await issuersAt(issuer), { code: 0, issuers: [new RegExp(`^ok +issuer +${issuer}, as its discovery document says$`)] })
  t.match(await issuersAt(`${issuer}/`), { code: 1, issuers: [new RegExp(`^FAIL +issuer +the provider at ${issuer}/ writes "${issuer}" into its tokens.*Set GATEPOST_AUTH_ISSUER to ${issuer}$`)] })
  t.match(await issuersAt(`${issuer}/,${issuer}`), { code: 0, issuers: [/^ok /, /^ok /] }, 'either is taken')
  t.match(await issuersAt(`${base}/other`), { code: 0, issuers: [/^ok +issuer .*not compared.*status 404/] })
  t.same((await issuersAt('our backend')).issuers, [], 'no address')
  issuer = ''
  t.match(await issuersAt(`${base}/realm`), { code: 0, issuers: [/^ok +issuer .*not compared.*no issuer/] })
})

t.test('doctor - the clock of the server of the keys', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let aheadMs = 0
  const server = createHttpServer((_request, response) => {
    response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString())
    response.end(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }))
  })
  const port = await listen(t, server)
  const lineAt = async (ms: number): Promise<string | undefined> => {
    aheadMs = ms
    return lines((await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://127.0.0.1:${port}/keys`, GATEPOST_AUTH_AUDIENCE: 'app' })).out, 'issuer clock')[0]
  }
  t.match(await lineAt(0), /^ok +issuer clock /)
  t.match(await lineAt(30_000), /^warn +issuer clock +the server of the keys is (?:2\d|30) s ahead/)
  t.match(await lineAt(-600_000), /^warn +issuer clock .*60\d s behind/)
  t.match(await lineAt(90_000), /^FAIL +issuer clock +.* ahead of this machine: new tokens are refused/)
})

t.test('doctor - keys by http from another machine', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const port = await listen(t, createHttpServer((_request, response) => { response.end(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })) }))
  const { out } = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://0.0.0.0:${port}/keys`, GATEPOST_AUTH_AUDIENCE: 'app' })
  t.match(lines(out, 'user tokens'), [/^ok /, /^ok /, /^warn +user tokens +GATEPOST_AUTH_JWKS_URL begins with http/])
})

t.test('doctor - a demo that is on, for this machine and for others', async t => {
  const { code, out } = await doctor(t, { GATEPOST_DEMO: 'true' })
  t.equal(code, 0)
  t.match(lines(out, 'demo'), [/^warn +demo +on: whoever reaches this machine/])
  t.match(lines((await doctor(t, { GATEPOST_DEMO: 'true', GATEPOST_HOST: '0.0.0.0' })).out, 'demo'), [/^warn +demo +on, and 0\.0\.0\.0 is not for this machine alone/])
})

t.test('doctor - the address that clients get, and the pages that may call', async t => {
  const linesFor = async (settings: Record<string, string>): Promise<string[]> => {
    const { out } = await doctor(t, settings)
    return [...lines(out, 'address'), ...lines(out, 'origins')]
  }
  t.match(await linesFor({}), [/^ok +address +.*on this machine/, /^ok +origins +\*$/])
  for (const host of ['0.0.0.0', '::']) t.match(await linesFor({ GATEPOST_HOST: host }), [/^ok +address +clients are given the address that they ask Gate by$/, /^warn +origins +GATEPOST_ORIGINS is \*/])
  t.match(await linesFor({ GATEPOST_HOST: '0.0.0.0', GATEPOST_PUBLIC_URL: 'https://mail.example.com', GATEPOST_ORIGINS: 'https://example.com' }), [/^ok +address +clients are given https:\/\/mail\.example\.com$/, /^ok +origins +https:\/\/example\.com$/])
  t.match(await linesFor({ GATEPOST_PUBLIC_URL: 'http://[::]:9101', GATEPOST_ORIGINS: 'https://example.com' }), [/^warn +address +GATEPOST_PUBLIC_URL is http:\/\/\[::\]:9101/, /^ok +origins/])
})

t.test('doctor - ports that are free, taken by others, and Gatepost\'s own', async t => {
  const dir = await tempDir(t)
  const up = runGatepost(['up', '--port', '0'], { cwd: dir, settings: { GATEPOST_SECRET: secret, GATEPOST_METRICS_PORT: '0', GATEPOST_DRAIN: '0' } })
  t.teardown(async () => { if (up.isAlive()) await up.end('SIGKILL') })
  const gatePort = new URL(await up.ready).port
  const metricsPort = new URL((JSON.parse(up.stdout().split('\n').find(line => line.includes('operations-listen') && line.includes('"part":"gate"')) ?? '') as { url: string }).url).port
  const taken = String(await listen(t, createServer(socket => { socket.on('error', () => undefined) })))

  const own = await doctor(t, { GATEPOST_PORT: gatePort, GATEPOST_METRICS_PORT: metricsPort, GATEPOST_NATS_URL: 'nats://127.0.0.1:1' }, dir)
  t.match(lines(own.out, 'port'), [new RegExp(`^ok +port +${gatePort} \\(GATEPOST_PORT\\): Gatepost is running there, a Gate, its probes on another port$`), new RegExp(`^ok +port +${metricsPort} \\(GATEPOST_METRICS_PORT\\): Gatepost is running there, the port of its probes, ready$`)])
  const others = await doctor(t, { GATEPOST_PORT: taken })
  t.equal(others.code, 1)
  t.match(lines(others.out, 'port'), [new RegExp(`^FAIL +port +${taken} is taken by another program \\(GATEPOST_PORT\\)\\. End it, or set GATEPOST_PORT`)])
  t.match(lines((await doctor(t, { GATEPOST_METRICS_PORT: taken, GATEPOST_NATS_URL: 'nats://127.0.0.1:1' })).out, 'port'), [new RegExp(`^FAIL +port +${taken} is taken by another program \\(GATEPOST_METRICS_PORT\\)\\. End it, or set GATEPOST_METRICS_PORT`)])
  t.match(lines((await doctor(t, { GATEPOST_METRICS_PORT: String(Number(taken) - 1) })).out, 'port').find(line => line.includes(taken)), /^FAIL .*GATEPOST_METRICS_PORT \+ 1, of node 1 of `gatepost up`/)
  t.match(lines((await doctor(t, { GATEPOST_PROCESSES: '4', GATEPOST_METRICS_PORT: String(Number(taken) - 4) })).out, 'port').find(line => line.includes(taken)), /^FAIL .*GATEPOST_METRICS_PORT \+ 4, of node 4 of `gatepost up`/)
  t.match(lines((await doctor(t, { GATEPOST_PORT: '8099', GATEPOST_METRICS_PORT: '8099' })).out, 'port'), [/^FAIL +port +GATEPOST_PORT and GATEPOST_METRICS_PORT are both 8099/])
  t.match(lines((await doctor(t, { GATEPOST_HOST: '192.0.2.1', GATEPOST_PORT: '8099', GATEPOST_METRICS_PORT: '8098' })).out, 'port'), [/^FAIL +port +nothing can listen on 192\.0\.2\.1: .*Set GATEPOST_HOST/])

  const started = runGatepost(['up', '--port', '0'], { cwd: await tempDir(t), settings: { GATEPOST_SECRET: secret, GATEPOST_METRICS_PORT: taken } })
  t.equal(await started.exited, 2)
  t.match(started.stderr(), new RegExp(`GATEPOST_METRICS_PORT: got ${taken}, which is in use; takes a free port`), 'the start names it too')
})

t.test('doctor - a data folder that cannot be made', async t => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'file'), '')
  await symlink(join(dir, 'nowhere'), join(dir, 'link'))
  const foldersOf = async (path: string): Promise<{ code: unknown, found: string[] }> => {
    const { code, out } = await doctor(t, { GATEPOST_DATA_DIR: path })
    return { code, found: lines(out, 'data folder') }
  }
  t.match(await foldersOf('/proc/nope/deeper'), { code: 1, found: [/^FAIL +data folder +\/proc\/nope\/deeper cannot be made: \/proc keeps no files\. Choose another GATEPOST_DATA_DIR$/] })
  t.match(await foldersOf(join(dir, 'file', 'data')), { code: 1, found: [/^FAIL +data folder .* cannot be made: .*file is no folder\./] })
  t.match(await foldersOf(join(dir, 'file')), { code: 1, found: [/^FAIL +data folder .*file is no folder/] })
  t.match(await foldersOf(join(dir, 'link')), { code: 1, found: [/^FAIL +data folder .*link is no folder that this user may write to \(ENOENT\)/] })
  t.match(await foldersOf(join(dir, 'a', 'b')), { code: 0, found: [/^ok +data folder .* is made at the first start$/] })
  t.notOk(existsSync(join(dir, 'a')), 'nothing was made')
})

t.test('doctor - an embedded store that was written in a time to come', async t => {
  const dir = await tempDir(t)
  await mkdir(join(dir, 'store'))
  const file = join(dir, 'store', 'data.mdb')
  await writeFile(file, '')
  const later = new Date(Date.now() + 3_600_000)
  await utimes(file, later, later)
  t.match(lines((await doctor(t, { GATEPOST_DATA_DIR: dir })).out, 'clock'), [/^warn +clock .*was last written 3[56]\d\d s from now/])
})

t.test('doctor - a login that NATS refuses, rights that are missing, rights that are needless', { skip: await findNatsServer() === undefined && natsMissing }, async t => {
  const logins = readFileSync(fileURLToPath(new URL('../../deploy/kubernetes/nats/logins.conf', import.meta.url)), 'utf8').replace('$NATS_GATE_PASSWORD', '"gate-password"').replace('$NATS_NODE_PASSWORD', '"node-password"')
  const server = await startNatsServer(t, { config: logins })
  const urlOf = (login: string, host = '127.0.0.1'): string => `nats://${login}@${host}:${server.port}`
  const asGate = { GATEPOST_BUS_UNSIGNED: 'refuse' }
  // Nothing answers there: it says that the settings are a node's.
  const asNode = { ...asGate, GATEPOST_MONGODB_URL: 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100' }

  const refused = await doctor(t, { ...asGate, GATEPOST_NATS_URL: urlOf('gate:wrong-password') })
  t.equal(refused.code, 1)
  t.match(lines(refused.out, 'nats'), [/^FAIL +nats +reached, and it refuses the login: .*Authorization Violation.*Check the user and the password in GATEPOST_NATS_URL/])
  t.notMatch(refused.out, /wrong-password/)

  const fine = await doctor(t, { ...asGate, GATEPOST_NATS_URL: urlOf('gate:gate-password') })
  t.equal(fine.code, 0)
  t.match(lines(fine.out, 'nats'), [/^ok +nats +reached/, /^ok +nats payload/, /^ok +nats rights +what a Gate .* needs, and no more$/], 'a Gate with its own login')
  t.match(lines((await doctor(t, { ...asNode, GATEPOST_NATS_URL: urlOf('node:node-password') })).out, 'nats rights'), [/^ok +nats rights +what a node needs, and no more$/])

  const lacking = await doctor(t, { ...asNode, GATEPOST_NATS_URL: urlOf('gate:gate-password') })
  t.match(lines(lacking.out, 'nats rights'), [/^FAIL +nats rights +a node may not .*publish gatepost\.push\.\*\.\*.*subscribe gatepost\.volatile\.\*\.\*.*Give this login the permissions/])
  t.notMatch(lines(lacking.out, 'nats rights')[0], /gatepost\.hello/, 'what it has is not named')
  const exceeding = await doctor(t, { ...asGate, GATEPOST_NATS_URL: urlOf('node:node-password') })
  t.match(lines(exceeding.out, 'nats rights'), [/^FAIL +nats rights +a Gate .* may not subscribe _INBOX\.gate\.\*/], "a node's login gets no replies to a Gate's requests")
  t.match(lines((await doctor(t, { ...asGate, GATEPOST_NATS_PREFIX: 'other', GATEPOST_NATS_URL: urlOf('gate:gate-password') })).out, 'nats rights'), [/^FAIL .*publish other\.hello/])

  const open = await doctor(t, { ...asGate, GATEPOST_NATS_URL: urlOf('gate:gate-password', '0.0.0.0') })
  t.match(lines(open.out, 'nats link'), [/^warn +nats link +it is not encrypted/], 'another host than this one')
})

t.test('doctor - a MongoDB of another machine, by a link that is not encrypted', { skip: mongodb === undefined && mongodbMissing }, async t => {
  const { out } = await doctor(t, { GATEPOST_MONGODB_URL: (mongodb?.url ?? '').replace('127.0.0.1', '0.0.0.0') })
  t.match([...lines(out, 'mongodb link'), ...lines(out, 'mongodb login')], [/^warn +mongodb link +it is not encrypted/, /^warn +mongodb login +GATEPOST_MONGODB_URL has none/])
})

async function listen (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}
