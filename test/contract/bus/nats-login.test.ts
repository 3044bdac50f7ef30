/** How the NATS bus logs in and encrypts, against a real server. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nkeys } from 'nats'
import t from 'tap'
import { createLog, createSilentLog } from '../../../shared/platform/log.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { inspectNats } from '../../../services/dispatch/buses/nats-inspect.js'
import { findNatsServer, natsMissing, startNatsServer } from '../../helpers/nats-server.js'
import { typescriptArgs } from '../../helpers/typescript-process.js'
import { until } from '../../helpers/until.js'

const run = promisify(execFile)
const asNode = { prefix: 'gatepost', role: 'node' } as const
const natsSkip = await findNatsServer() === undefined ? { skip: natsMissing } : {}
const hasOpenssl = await run('openssl', ['version']).then(() => true, () => false)

const credentials = (seed: string): string => `-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`

void t.test('nats login - a credentials file proves who one is, and is read again when it has been renewed', natsSkip, async t => {
  const [known, unknown] = [nkeys.createUser(), nkeys.createUser()]
  const server = await startNatsServer(t, { config: `authorization { users: [ { nkey: ${known.getPublicKey()} } ] }` })
  const creds = join(t.testdir(), 'gatepost.creds')
  await writeFile(creds, credentials(Buffer.from(unknown.getSeed()).toString()))
  const lines: string[] = []
  const bus = createNatsBus({ url: server.url, creds, name: 'a', role: 'node', log: createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
  t.teardown(async () => { await bus.close() })
  await until('it is refused', () => lines.some(line => /authorization violation/i.test(line)))
  t.equal(bus.isConnected, false)
  await writeFile(creds, credentials(Buffer.from(known.getSeed()).toString()))
  await until('it is let in', () => bus.isConnected)
  await bus.roundTrip()
  t.match(await inspectNats({ ...asNode, url: server.url, creds }), { version: server.version })
})

void t.test('nats login - a credentials file that is not there is tried again, and named', natsSkip, async t => {
  const user = nkeys.createUser()
  const server = await startNatsServer(t, { config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }` })
  const creds = join(t.testdir(), 'later.creds')
  const lines: string[] = []
  const bus = createNatsBus({ url: server.url, creds, name: 'a', role: 'node', log: createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
  t.teardown(async () => { await bus.close() })
  await until('it says what is missing', () => lines.some(line => line.includes('later.creds')))
  await writeFile(creds, credentials(Buffer.from(user.getSeed()).toString()))
  await until('it is let in', () => bus.isConnected)
})

void t.test('nats login - a credentials file that is away when the link is made again costs the link only until it is back', natsSkip, async t => {
  const user = nkeys.createUser()
  const server = await startNatsServer(t, { config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }` })
  const creds = join(t.testdir(), 'renewed.creds')
  await writeFile(creds, credentials(Buffer.from(user.getSeed()).toString()))
  const lines: string[] = []
  const bus = createNatsBus({ url: server.url, creds, name: 'a', role: 'node', log: createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
  t.teardown(async () => { await bus.close() })
  await until('it is let in', () => bus.isConnected)
  await server.stop()
  await rm(creds)
  await server.restart()
  await until('it says what is missing', () => lines.some(line => line.includes('renewed.creds')))
  t.equal(bus.isConnected, false)
  await writeFile(creds, credentials(Buffer.from(user.getSeed()).toString()))
  await until('it is let in again', () => bus.isConnected)
  await bus.roundTrip()
})

void t.test('nats login - a token in the address', natsSkip, async t => {
  const server = await startNatsServer(t, { config: 'authorization { token: "s3cret/token" }' })
  const bus = createNatsBus({ url: `nats://${encodeURIComponent('s3cret/token')}@127.0.0.1:${server.port}`, role: 'node', name: 'a', log: createSilentLog() })
  t.teardown(async () => { await bus.close() })
  await until('it is let in', () => bus.isConnected)
})

void t.test('nats login - tls:// encrypts, and a certificate that is not trusted is refused', hasOpenssl ? natsSkip : { skip: 'needs openssl' }, async t => {
  const dir = t.testdir()
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
  const server = await startNatsServer(t, { config: `tls { cert_file: "${cert}", key_file: "${key}" }` })
  const url = `tls://localhost:${server.port}`
  t.match(await inspectNats({ ...asNode, url }), { reachable: false, isLoginRefused: false }, 'nobody vouches for it')

  // Whom to trust is read when a process starts.
  const child = spawn(process.execPath, [...typescriptArgs(new URL('./nats-over-tls.ts', import.meta.url)), url], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_EXTRA_CA_CERTS: cert } })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.match(output, /connected/)
})
