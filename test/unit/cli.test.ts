import { createServer } from 'node:net'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommandLine } from '../../services/cli/command-line.js'
import { commands } from '../../services/cli/commands.js'
import { findingLine, isAtLeast, reasonOf, warn } from '../../services/cli/doctor/finding.js'
import { startOnFreePort } from '../../services/cli/free-port.js'
import { faultOfStart } from '../../services/cli/start-faults.js'
import { createTokenVerifier } from '../../shared/platform/identity/verify.js'
import { keepSecret } from '../../shared/platform/settings/secret-file.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { freePort } from '../helpers/free-port.js'

async function run (argv: string[], { env = {}, cwd = '/nonexistent' }: { env?: Record<string, string>, cwd?: string } = {}) {
  let out = ''
  let err = ''
  const code = await runCommandLine(commands, argv, { surroundings: { env, cwd }, stdout: text => { out += text }, stderr: text => { err += text } })
  return { code, out, err }
}

t.test('command line - help and version go to stdout, exit code 0', async t => {
  t.match(await run(['--help']), { code: 0, out: /Usage: gatepost COMMAND[^]*GATEPOST_LOG_LEVEL/, err: '' })
  for (const words of [[], ['help']]) t.match(await run(words), { code: 0, out: /^gatepost: [^]*Usage: gatepost COMMAND/, err: '' })
  for (const word of ['--version', '-v', 'version']) t.match(await run([word]), { code: 0, out: /^\d+\.\d+\.\d+\n$/, err: '' })
  t.match(await run(['help', 'token']), { code: 0, out: /^gatepost token: /, err: '' })
  t.match(await run(['help', 'tokn']), { code: 2, out: '', err: /^command: got "tokn"; takes .* \(token\?\)/ })
  for (const { name } of commands) t.match(await run([name, '--port', 'abc', '--help']), { code: 0, out: new RegExp(`^gatepost ${name}: `), err: '' })
})

t.test('command line - what is no command is refused by name, exit code 2', async t => {
  t.match(await run(['gaet']), { code: 2, out: '', err: /^command: got "gaet"; takes .* \(gate\?\)/ })
  t.match(await run(['__proto__']), { code: 2, err: /__proto__/ })
  t.match(await run(['node']), { code: 2, out: '', err: /^GATEPOST_SECRET: got nothing[^\n]*\nGATEPOST_NATS_URL: [^\n]*\nGATEPOST_MONGODB_URL: [^\n]*\n$/ })
})

t.test('token - signs with the secret that up has kept', async t => {
  const cwd = t.testdir()
  t.match(await run(['token', '--sub', 'me'], { cwd }), { code: 2, out: '', err: /^GATEPOST_SECRET: got nothing, and/ })
  const secret = keepSecret(join(cwd, 'data'))
  const { code, out } = await run(['token', '--sub', 'me', '--scope', 'admin', '--ttl', '1h'], { cwd })
  t.equal(code, 0)
  const verifier = createTokenVerifier({ secret, auth: { kind: 'secret', secret } })
  t.teardown(() => { verifier.close() })
  t.match(await verifier.verify(out.trim()), { sub: 'me', scopes: new Set(['admin']) })
})

t.test('doctor - says what it finds, line by line', async t => {
  const cwd = t.testdir()
  const fresh = await run(['doctor'], { cwd, env: { GATEPOST_PORT: '0' } })
  t.equal(fresh.code, 0)
  t.match(fresh.out, /^ok +settings .*\nwarn +secret +none is set.*`gatepost up` makes one[^]*ok +data folder .*made at the first start[^]*\d+ ok, 2 to look at, 0 failed\n$/)

  keepSecret(join(cwd, 'data'))
  t.match((await run(['doctor'], { cwd })).out, /ok +secret +kept by `gatepost up`[^]*ok +data folder +.* is free/)

  const store = await openLmdbStore({ dir: join(cwd, 'data') })
  t.teardown(async () => { await store.close() })
  t.match((await run(['doctor'], { cwd })).out, new RegExp(`ok +data folder +.* is in use by process ${process.pid}`))
})

t.test('doctor - faults and what cannot be reached fail, exit code 1', async t => {
  const closed = await freePort()
  const { code, out } = await run(['doctor'], { env: { GATEPOST_PORT: 'x', GATEPOST_NATS_URL: `nats://joe:hunter2@127.0.0.1:${closed}`, GATEPOST_MONGODB_URL: `mongodb://joe:hunter2@127.0.0.1:${closed}/?serverSelectionTimeoutMS=200` } })
  t.equal(code, 1)
  t.match(out, /FAIL +settings +GATEPOST_PORT: got "x"/)
  t.match(out, /FAIL +nats +not reached: .*Check GATEPOST_NATS_URL/)
  t.match(out, /FAIL +mongodb +not reached: .*Check GATEPOST_MONGODB_URL/)
  t.notMatch(out, /hunter2/)
  t.match(await run(['doctor', '--nothing']), { code: 2, out: '' })
})

t.test('doctor - a data folder that cannot be used fails', { skip: process.getuid?.() === 0 && 'needs a user other than root: root may write anywhere' }, async t => {
  const cwd = t.testdir()
  mkdirSync(join(cwd, 'data'))
  chmodSync(join(cwd, 'data'), 0o500)
  t.match(await run(['doctor'], { cwd }), { code: 1, out: /FAIL +data folder/ })
})

t.test('doctor - a file in the place of the data folder fails', async t => {
  const cwd = t.testdir()
  writeFileSync(join(cwd, 'data'), '')
  t.match(await run(['doctor'], { cwd }), { code: 1, out: /FAIL +data folder +.*is no folder/ })
})

t.test('doctor - its words', async t => {
  t.equal(findingLine(warn('clock', 'late', 'Set it')), 'warn  clock         late. Set it')
  t.strictSame(['2.9.0', '2.10.1', '2.8.9', '3.0', 'v2.9', 'unknown'].map(version => isAtLeast(version, [2, 9])), [true, true, false, true, true, undefined])
  t.equal(reasonOf(Object.assign(new Error('a\nb', { cause: new Error('c') }), { code: 'E' })), 'E: a b (c)')
})

t.test('ports - the first free one is taken, past those in use and those lost at the last moment', async t => {
  const first = createServer()
  await new Promise<void>(resolve => first.listen(0, '127.0.0.1', resolve))
  t.teardown(() => first.close())
  const { port } = first.address() as { port: number }
  const tried: number[] = []
  const got = await startOnFreePort('127.0.0.1', port, async candidate => {
    tried.push(candidate)
    if (tried.length === 1) throw Object.assign(new Error('taken'), { code: 'EADDRINUSE', syscall: 'listen' })
    return candidate
  })
  t.ok(!tried.includes(port) && tried.length === 2 && got > (tried[0] ?? 0))
  await t.rejects(startOnFreePort('127.0.0.1', port, async () => { throw new Error('other') }), { message: 'other' })
})

t.test('start - what a setting is to blame for is reported as its fault', async t => {
  const inUse = createServer()
  await new Promise<void>(resolve => inUse.listen(0, '127.0.0.1', resolve))
  t.teardown(() => inUse.close())
  const { port } = inUse.address() as { port: number }
  t.match(faultOfStart(await listenError(port, '127.0.0.1')), { setting: 'GATEPOST_PORT', got: new RegExp(`^${port}, which is in use`) })
  t.match(faultOfStart(await listenError(0, '203.0.113.1')), { setting: 'GATEPOST_HOST', got: /203\.0\.113\.1/ })
  const cwd = t.testdir()
  const store = await openLmdbStore({ dir: cwd })
  t.teardown(async () => { await store.close() })
  t.match(faultOfStart(await openLmdbStore({ dir: cwd }).catch((error: unknown) => error)), { setting: 'GATEPOST_DATA_DIR', got: new RegExp(`process ${process.pid}`) })
  const parse = Object.assign(new Error('Invalid connection string "mongodb://joe:pw@h/?x"'), { name: 'MongoParseError' })
  t.notMatch(faultOfStart(parse)?.got, /joe|pw@/)
  t.equal(faultOfStart(new Error('other')), undefined)
})

async function listenError (port: number, host: string): Promise<unknown> {
  return await new Promise(resolve => createServer().once('error', resolve).listen(port, host))
}
