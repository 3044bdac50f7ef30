/** What `gatepost doctor` says of servers that answer, of one that has nothing, and of one that hangs. */
import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { MongoClient } from 'mongodb'
import { openMongodbStore } from '../../shared/store/mongodb-store.js'
import { collectionNames } from '../../shared/store/store.js'
import { runGatepost, tempDir } from '../helpers/deployment.js'
import { mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { silentLog } from '../helpers/mongodb-store.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'

const secret = 'a secret for tests, long enough for all'

async function doctor (t: Test, settings: Record<string, string>): Promise<{ code: unknown, out: string, ms: number }> {
  const begun = performance.now()
  const command = runGatepost(['doctor'], { cwd: await tempDir(t), settings: { GATEPOST_SECRET: secret, ...settings } })
  return { code: await command.exited, out: command.stdout(), ms: performance.now() - begun }
}
const lines = (out: string, check: string): string[] => out.split('\n').filter(line => line.slice(6).startsWith(check))

// Before the first test: a root that has run all its tests while this starts would end it.
const mongodb = await startMongodbServer(t)

t.test('doctor - a NATS that answers, one too small, one that hangs', { skip: await findNatsServer() === undefined && natsMissing }, async t => {
  const [nats, small, hung] = await Promise.all([startNatsServer(t), startNatsServer(t, { config: 'max_payload: 65536\nmax_pending: 65536' }), startNatsServer(t)])
  const fine = await doctor(t, { GATEPOST_NATS_URL: nats.url })
  t.equal(fine.code, 0)
  t.match(lines(fine.out, 'nats'), [new RegExp(`^ok +nats +reached, version ${nats.version}, round trip \\d+ ms$`), /^ok +nats payload +max_payload is 1048576 bytes$/])
  const tight = await doctor(t, { GATEPOST_NATS_URL: small.url })
  t.equal(tight.code, 1)
  t.match(lines(tight.out, 'nats payload'), [/^FAIL +nats payload +max_payload is 65536 bytes\. Set it to 1048576/])
  hung.pause()
  const none = await doctor(t, { GATEPOST_NATS_URL: hung.url })
  hung.resume()
  t.equal(none.code, 1)
  t.match(lines(none.out, 'nats'), [/^FAIL +nats +not reached: .*\. Check GATEPOST_NATS_URL/])
  t.ok(none.ms < 15_000, 'within seconds', { ms: none.ms })
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
  const server = createServer(socket => { socket.on('error', () => undefined) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { code, out, ms } = await doctor(t, { GATEPOST_MONGODB_URL: `mongodb://joe:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}/gatepost` })
  t.equal(code, 1)
  t.match(lines(out, 'mongodb'), [/^FAIL +mongodb +not reached: .*\. Check GATEPOST_MONGODB_URL/])
  t.notMatch(out, /hunter2/)
  t.ok(ms < 15_000, 'within seconds', { ms })
})

t.test('doctor - the keys of users\' tokens: fetched and counted, a discovery document is known', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const answers: Record<string, object> = { '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1' }, null] }, '/.well-known/openid-configuration': { issuer: 'https://id', jwks_uri: 'https://id/keys' } }
  const server = createHttpServer((request, response) => { const answer = answers[request.url ?? '']; response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer)) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const base = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const fine = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://joe:hunter2@${base}/keys` })
  t.equal(fine.code, 0)
  t.match(lines(fine.out, 'user tokens'), [new RegExp(`^ok +user tokens +1 usable keys at http://${base}/keys, 1 others passed over$`), /^warn +user tokens +.*GATEPOST_AUTH_AUDIENCE is not/])
  t.notMatch(fine.out, /hunter2/)
  const asked = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/keys`, GATEPOST_AUTH_AUDIENCE: 'app' })
  t.equal(lines(asked.out, 'user tokens').length, 1)
  const discovery = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/.well-known/openid-configuration` })
  t.equal(discovery.code, 1)
  t.match(lines(discovery.out, 'user tokens')[0], /^FAIL +user tokens +.*discovery document; its jwks_uri is https:\/\/id\/keys/)
  const missing = await doctor(t, { GATEPOST_AUTH_JWKS_URL: `http://${base}/none` })
  t.match(lines(missing.out, 'user tokens')[0], /^FAIL +user tokens +the keys at .*\/none: answered with status 404/)
})

t.test('doctor - a demo that is on', async t => {
  const { code, out } = await doctor(t, { GATEPOST_DEMO: 'true' })
  t.equal(code, 0)
  t.match(lines(out, 'demo'), [/^warn +demo /])
})
