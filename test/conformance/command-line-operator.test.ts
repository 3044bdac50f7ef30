/** The commands that ask a running Gate, and what a terminal shows. */
import { spawn } from 'node:child_process'
import t from 'tap'
import { findProgram } from '../helpers/compose-file.js'
import { bin, runGatepost, startDeployment, tempDir, type GatepostProcess, type Settings } from '../helpers/deployment.js'
import { assign, openSocket, producerOf, refusedSocket, request, type Answer } from '../helpers/raw-client.js'
import { runCommand, type CommandResult } from '../helpers/run-command.js'
import { claimsOf } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t, { settings: { GATEPOST_DRAIN: '1' } })
const elsewhere = await tempDir(t)

function begin (args: readonly string[], settings: Settings = {}): GatepostProcess {
  const command = runGatepost(args, { cwd: elsewhere, settings: { GATEPOST_SECRET: site.secret, ...settings } })
  command.ready.catch(() => {})
  return command
}
const run = async (args: readonly string[], settings?: Settings): Promise<CommandResult> =>
  await runCommand(args, { cwd: elsewhere, settings: { GATEPOST_SECRET: site.secret, ...settings } })
const at = ['--gate', site.gate]

t.test('send - to a user, to all, volatile, and not twice under one key', async t => {
  const ann = await assign(site, 'ann')
  const device = await openSocket(t, ann)
  const sent = await run(['send', ...at, '--to', 'user:ann', '--title', 'hello', '--body', 'two\nlines', '--data', '{"a":[1]}', '--category', 'orders', '--url', '/orders/1', '--ttl', '1d', '--key', 'k1'])
  t.match(sent, { code: 0, out: /^[0-9a-z]{28,}\n$/, err: '' })
  const entry = await device.message('hello')
  t.match(entry, { id: sent.out.trim(), from: { producer: 'operator' }, body: 'two\nlines', data: { a: [1] }, category: 'orders', url: '/orders/1' })
  t.equal(Date.parse(entry['expiresAt'] as string) - Date.parse(entry['createdAt'] as string), 86_400_000)
  t.match(await run(['send', ...at, '--to', 'user:ann', '--title', 'hello', '--body', 'two\nlines', '--data', '{"a":[1]}', '--category', 'orders', '--url', '/orders/1', '--ttl', '1d', '--key', 'k1']), { code: 0, out: `${sent.out.trim()} (stored before)\n` })
  t.match(await run(['send', ...at, '--to', 'user:ann', '--title', 'other', '--key', 'k1']), { code: 1, out: '', err: /^send: 409 GP_IDEMPOTENCY_CONFLICT: / })
  const all = await run(['send', ...at, '--to', 'all', '--title', 'everybody', '--from', 'press', '--json'])
  t.match(JSON.parse(all.out), { id: String, createdAt: String, duplicate: false })
  t.match(await device.message('everybody'), { from: { producer: 'press' } })
  t.equal((await run(['send', ...at, '--to', 'user:ann', '--title', 'gone', '--volatile'])).code, 0)
  await device.message('gone')
})

t.test('nodes - a table, or a line of JSON each', async t => {
  const { code, out } = await run(['nodes', ...at])
  t.equal(code, 0)
  const lines = out.trim().split('\n')
  t.equal(lines.length, site.nodeCount + 1)
  t.match(lines[0], /^node +state +share/)
  t.match(lines[1], /up +\d+\.\d %/)
  const json = (await run(['nodes', ...at, '--json'])).out.trim().split('\n').map(line => JSON.parse(line) as { state: string })
  t.equal(json.filter(({ state }) => state === 'up').length, site.nodeCount)
})

t.test('drain - waits until the sockets are gone, and undo puts the node back', async t => {
  const session = await assign(site, 'drained')
  const device = await openSocket(t, session)
  t.match(await run(['drain', ...at, '--node', session.node.id, '--wait']), { code: 0, out: `${session.node.id} is drained: draining, 0 sockets\n` })
  await until('closed', () => device.closed())
  t.match(await run(['drain', ...at, '--node', session.node.id, '--undo', '--wait', '--json']), { code: 0, out: /"state":"up"/ })
  t.match(await run(['drain', ...at, '--node', 'nobody']), { code: 1, out: '', err: /^drain: 404 GP_NOT_FOUND: node: got "nobody"/ })
})

t.test('user - where somebody is; disconnected, revoked', async t => {
  t.match(await run(['user', ...at, '--sub', 'bob/x']), { code: 0, out: 'bob/x is offline\n' })
  const session = await assign(site, 'bob/x')
  const device = await openSocket(t, session)
  t.match(await run(['user', ...at, '--sub', 'bob/x']), { code: 0, out: `bob/x is online: 1 sockets on ${session.node.id}\n` })
  t.match(await run(['user', ...at, '--sub', 'bob/x', '--disconnect']), { code: 0, out: /^disconnected: 1 sockets\n/ })
  await until('closed', () => device.closed())
  const revoked = await run(['user', ...at, '--sub', 'bob/x', '--revoke', '--json'])
  t.match(JSON.parse(revoked.out), { user: 'bob/x', revokedBefore: String })
  await until('its ticket opens nothing', async () => await refusedSocket(t, session, {}) === 'GP_TOKEN_REVOKED')
})

t.test('tail - shows what comes, over a drain too, each once', async t => {
  const tail = begin(['tail', ...at, '--sub', 'cleo', '--topics', 'ehr:api', '--json'])
  await until('it is connected', () => tail.stderr().includes('tail: cleo at '))
  const producer = producerOf(site)
  await producer.send({ to: { user: 'cleo' }, title: 'one' })
  await producer.send({ to: { topic: 'ehr:api' }, title: 'by topic', volatile: true })
  const titles = (): unknown[] => tail.stdout().trim().split('\n').filter(line => line !== '').map(line => (JSON.parse(line) as { title: unknown }).title)
  await until('both', () => titles().length === 2)
  const { node } = await assign(site, 'cleo')
  t.equal((await run(['drain', ...at, '--node', node.id])).code, 0)
  await until('it is elsewhere', () => tail.stderr().split('tail: cleo at ').length === 3, 20_000)
  await producer.send({ to: { user: 'cleo' }, title: 'two' })
  await until('the next', () => titles().length === 3)
  t.same(titles().filter(title => title !== 'by topic'), ['one', 'two'])
  t.equal((await run(['drain', ...at, '--node', node.id, '--undo'])).code, 0)
  t.equal(await tail.end('SIGINT'), 0)

  const text = begin(['tail', ...at, '--sub', 'dora'])
  await until('it is connected', () => text.stderr().includes('tail: dora at '))
  await producer.send({ to: { user: 'dora' }, title: 'steers \u001b[2J a terminal', body: 'never' })
  const line = await until('a line', () => text.stdout().endsWith('\n') ? text.stdout() : undefined)
  t.match(line, /message {2}u:dora {2}\d+ {2}\S+ {2}shop {2}steers {2}\[2J a terminal: never\n$/)
  t.equal(await text.end(), 0)
})

t.test('admin-link - signs in once, with what is behind the #', async t => {
  const { code, out } = await run(['admin-link', ...at, '--sub', 'ops'])
  t.equal(code, 0)
  const url = new URL(out.trim())
  t.equal(`${url.origin}${url.pathname}${url.search}`, `${site.gate}/gate/admin`)
  const signIn = async (): Promise<Answer> => await request(site.gate, 'POST', '/gate/admin/sign-in', { body: { link: url.hash.replace(/^#link=/, '') } })
  const { token } = (await signIn()).body as { token: string }
  t.match(claimsOf(token), { sub: 'ops', scope: 'admin' })
  t.equal((await request(site.gate, 'GET', '/gate/nodes', { token })).status, 200)
  t.match(await signIn(), { status: 401, body: { code: 'GP_TOKEN_EXPIRED' } })
  const json = JSON.parse((await run(['admin-link', '--json', '--ttl', '1h'], { GATEPOST_HOST: '0.0.0.0', GATEPOST_PORT: '9000' })).out) as { url: string, expiresAt: string }
  t.match(json.url, /^http:\/\/127\.0\.0\.1:9000\/gate\/admin#link=/)
  t.ok(Math.abs(Date.parse(json.expiresAt) - Date.now() - 900_000) < 60_000, 'until then it is to be opened')
})

t.test('operator commands - what is wrong is said in the house\'s way', async t => {
  t.match(await run(['nodes', '--gate', 'http://127.0.0.1:9']), { code: 2, out: '', err: /^--gate: got http:\/\/127\.0\.0\.1:9, where nothing answers .*; takes the address of a running Gate\n$/ })
  t.match(await run(['nodes', ...at], { GATEPOST_SECRET: 'another secret for tests, 0123456789' }), { code: 1, err: /^nodes: 401 GP_TOKEN_INVALID: / })
  t.match(await run(['nodes', ...at], { GATEPOST_SECRET: undefined }), { code: 2, err: /^GATEPOST_SECRET: got nothing, and `gatepost up` has kept none in / })
  t.match(await run(['send', ...at, '--to', 'ann', '--title', 'x']), { code: 2, err: /^--to: got "ann"; takes user:NAME, group:NAME, topic:NAME or all\n$/ })
  t.match(await run(['send', ...at, '--to', 'user:ann']), { code: 2, err: /^--title: got nothing, and neither --body nor --data; takes one of the three at least\n$/ })
  t.match(await run(['send', ...at, '--to', 'user:ann', '--data', '{']), { code: 2, err: /^--data: got "\{"; takes JSON\n$/ })
  t.match(await run(['tail', ...at]), { code: 2, err: /^--sub: got nothing; takes / })
})

const script = await findProgram('script', '--version')
t.test('up - on a terminal one page, with a link that signs in', { skip: script === undefined && 'needs script of util-linux' }, async t => {
  const cwd = await tempDir(t)
  const { PATH, HOME } = process.env
  const terminal = spawn(script!, ['-qefc', `exec ${process.execPath} ${bin} up --port 0`, '/dev/null'], { cwd, env: { PATH, HOME }, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise(resolve => terminal.once('close', resolve))
  t.teardown(() => { terminal.kill('SIGKILL') })
  let shown = ''
  terminal.stdout.on('data', (chunk: Buffer) => { shown += chunk.toString() })
  const link = await until('the page', () => /admin page {3}(http:\S+)[^]*Ctrl\+C/.exec(shown)?.[1], 60_000)
  t.match(shown, /runs at http:\/\/127\.0\.0\.1:\d+\r?\n/)
  t.match(shown, `data         ${cwd}/data`)
  t.ok(shown.split('\n').length < 25, 'one page', { shown })
  t.notMatch(shown, /INFO/)
  const { origin, hash } = new URL(link)
  t.match(await request(origin, 'POST', '/gate/admin/sign-in', { body: { link: hash.replace('#link=', '') } }), { status: 200, body: { user: 'operator' } })
  terminal.kill('SIGTERM')
  await ended
})
