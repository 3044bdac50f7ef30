import { createHmac } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { runGatepost, tempDir, type Settings } from '../helpers/deployment.js'
import { assign, request } from '../helpers/raw-client.js'
import { claimsOf, nowSeconds, signHs256 } from '../helpers/tokens.js'
import { runCommand } from '../helpers/run-command.js'
import { allowed, until } from '../helpers/until.js'

const secret = 'a secret for tests, long enough for all'
/** These would go on where nothing is wrong. */
const services = new Set(['up', 'gate', 'node', 'bench'])

async function run (cwd: string, args: readonly string[], settings: Settings = {}): Promise<{ code: unknown, out: string, err: string, text: string }> {
  if (!services.has(args[0] ?? '') || args.includes('--help')) return await refused(cwd, args, settings)
  const command = runGatepost(args, { cwd, settings })
  const timer = setTimeout(() => { void command.end('SIGKILL') }, 300_000)
  const code = await command.exited
  clearTimeout(timer)
  return { code, out: command.stdout(), err: command.stderr(), text: command.stdout() + command.stderr() }
}

/** In this process, which a service that refuses its settings has not begun anything in. */
async function refused (cwd: string, args: readonly string[], settings: Settings = {}): Promise<{ code: unknown, out: string, err: string, text: string }> {
  const { code, out, err } = await runCommand(args, { cwd, settings })
  return { code, out, err, text: out + err }
}

/** A few processes side by side. */
async function atOnce<T> (items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  await Promise.all(Array.from({ length: 3 }, async () => { for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item) }))
}

const documented: Record<string, string[]> = {
  up: ['HOST', 'PORT', 'SECRET', 'DATA_DIR', 'DEMO', 'RETENTION', 'DRAIN', 'RATE_USER', 'RATE_PRODUCER', 'LOG_LEVEL', 'AUTH_SECRET', 'AUTH_PUBLIC_KEY', 'AUTH_JWKS_URL', 'NATS_URL', 'MONGODB_URL'],
  gate: ['HOST', 'PORT', 'SECRET', 'NATS_URL', 'NATS_CREDS', 'NATS_PREFIX', 'RATE_PRODUCER', 'LOG_LEVEL'],
  node: ['HOST', 'PORT', 'PUBLIC_URL', 'NODE_ID', 'NODE_WEIGHT', 'SECRET', 'NATS_URL', 'MONGODB_URL', 'RETENTION', 'DRAIN', 'RATE_USER', 'LOG_LEVEL'],
  token: ['SECRET'],
  bench: [],
  send: ['SECRET'],
  nodes: ['SECRET', 'HOST', 'PORT'],
  drain: ['SECRET'],
  user: ['SECRET'],
  tail: ['SECRET'],
  'admin-link': ['SECRET', 'DATA_DIR'],
  doctor: []
}

t.test('command line - help of everything, exit code 0', async t => {
  const dir = await tempDir(t)
  const all = await run(dir, ['--help'])
  t.equal(all.code, 0)
  const helps = new Map<string, string>()
  await atOnce(Object.entries(documented), async ([command, names]) => {
    t.match(all.text, new RegExp(`\\b${command}\\b`))
    const help = await run(dir, [command, '--help'])
    helps.set(command, help.text)
    t.equal(help.code, 0, `${command} --help`)
    for (const name of names) {
      t.match(help.text, `GATEPOST_${name}`, `${command} names GATEPOST_${name}`)
      t.match(help.text, `--${name.toLowerCase().replaceAll('_', '-')}`, `${command} names its flag`)
    }
  })
  t.match(helps.get('up'), '--nodes')
  for (const flag of ['--sub', '--scope', '--groups', '--ttl']) t.match(helps.get('token'), flag)
  t.match(helps.get('bench'), '--json')
  t.same(await readdir(dir), [], 'help makes nothing')
})

t.test('command line - unknown commands and flags end with exit code 2', async t => {
  const dir = await tempDir(t)
  await atOnce([['nonsense'], ['up', '--nonsense'], ['gate', '--nodes', '2'], ['token', '--user', 'ada'], ['up', 'extra'], ['doctor', '--nonsense'], ['bench', '--nonsense'], ['__proto__']], async args => {
    const { code, text } = await refused(dir, args, { GATEPOST_SECRET: secret })
    t.equal(code, 2, args.join(' '))
    t.match(text, (args[1]?.startsWith('--') === true ? args[1] : args.at(-1)) ?? '', 'and name it')
    t.notMatch(text, /\n\s+at /, 'no stack')
  })
  t.same(await readdir(dir), [])
})

t.test('settings - every fault is named at once, exit code 2', async t => {
  const dir = await tempDir(t)
  const { code, text } = await run(dir, ['up'], {
    GATEPOST_SECRET: 'too short',
    GATEPOST_PORT: 'eighty',
    GATEPOST_RETENTION: 'forever',
    GATEPOST_DRAIN: '-1',
    GATEPOST_LOG_LEVEL: 'loud',
    GATEPOST_RATE_USER: '1.5',
    GATEPOST_DEMO: 'perhaps',
    GATEPOST_NONSENSE: '1',
    GATEPOST_NATS_PREFIX: 'a b.*',
    GATEPOST_TEST_ANYTHING: 'is left alone'
  })
  t.equal(code, 2)
  const lines = text.split('\n')
  for (const [name, got] of [['PORT', 'eighty'], ['RETENTION', 'forever'], ['DRAIN', '-1'], ['LOG_LEVEL', 'loud'], ['RATE_USER', '1.5'], ['DEMO', 'perhaps'], ['NATS_PREFIX', 'a b.*']] as const) {
    const found = lines.filter(line => line.includes(`GATEPOST_${name}`))
    t.equal(found.length, 1, `one line for GATEPOST_${name}`)
    t.ok(found[0]?.includes(got), `says what it got: ${got}`)
  }
  t.equal(lines.filter(line => line.includes('GATEPOST_NONSENSE')).length, 1, 'an unknown one')
  t.equal(lines.filter(line => line.includes('GATEPOST_SECRET')).length, 1)
  t.notMatch(text, 'too short', 'a secret is never shown')
  t.notMatch(text, 'GATEPOST_TEST_ANYTHING')
  t.same(await readdir(dir), [], 'nothing was begun')
})

t.test('settings - more bad values', async t => {
  const dir = await tempDir(t)
  const needed = { GATEPOST_SECRET: secret, GATEPOST_NATS_URL: 'nats://127.0.0.1:1', GATEPOST_MONGODB_URL: 'mongodb://127.0.0.1:1' }
  const cases: Array<[string, Settings]> = [
    ['up', { GATEPOST_PORT: '65536', GATEPOST_RATE_PRODUCER: 'many', GATEPOST_RETENTION: '0', GATEPOST_AUTH_PUBLIC_KEY: 'no key', GATEPOST_NATS_URL: 'http://127.0.0.1:1', GATEPOST_MONGODB_URL: 'mysql://127.0.0.1/x' }],
    ['up', { GATEPOST_PORT: '-1', GATEPOST_AUTH_JWKS_URL: 'ftp://x/y', GATEPOST_DRAIN: 'x' }],
    ['up', { GATEPOST_PORT: '80.5', GATEPOST_AUTH_SECRET: 'short', GATEPOST_RATE_USER: '0x10' }],
    ['up', { GATEPOST_PORT: '' + 'x'.repeat(10_000), GATEPOST_RATE_USER: '-5' }],
    ['node', { GATEPOST_NODE_WEIGHT: '0', GATEPOST_PUBLIC_URL: 'nowhere', GATEPOST_NODE_ID: 'a\tb' }],
    ['node', { GATEPOST_NODE_WEIGHT: 'NaN', GATEPOST_PORT: '0x50' }]
  ]
  await atOnce(cases, async ([command, settings]) => {
    const { code, text } = await refused(dir, [command], { ...(command === 'node' ? needed : { GATEPOST_SECRET: secret }), ...settings })
    t.equal(code, 2)
    for (const name of Object.keys(settings)) t.equal(text.split('\n').filter(line => line.includes(name)).length, 1, `${name}=${settings[name]?.slice(0, 30)}`)
    t.ok(text.length < 5000, 'short, whatever it got')
  })
  const both = await refused(dir, ['up'], { GATEPOST_SECRET: secret, GATEPOST_AUTH_SECRET: secret, GATEPOST_AUTH_JWKS_URL: 'http://127.0.0.1:1/x' })
  t.equal(both.code, 2, 'one kind of key only')
  const flags = await refused(dir, ['up', '--port', 'abc', '--nodes', '0', '--drain=-1'], { GATEPOST_SECRET: secret })
  t.equal(flags.code, 2)
  for (const name of ['--port', '--nodes', '--drain']) t.match(flags.text, name.slice(2))
})

t.test('settings - what a Gate and a node cannot do without', async t => {
  const dir = await tempDir(t)
  const gate = await refused(dir, ['gate'])
  t.equal(gate.code, 2)
  for (const name of ['GATEPOST_SECRET', 'GATEPOST_NATS_URL']) t.match(gate.text, name)
  t.notMatch(gate.text, 'GATEPOST_MONGODB_URL', 'a Gate needs no store')
  const node = await refused(dir, ['node'])
  t.equal(node.code, 2)
  for (const name of ['GATEPOST_SECRET', 'GATEPOST_NATS_URL', 'GATEPOST_MONGODB_URL']) t.match(node.text, name)
})

t.test('token - prints one that GATEPOST_SECRET signs', async t => {
  const dir = await tempDir(t)
  const cases: Array<[string[], Record<string, unknown>, number]> = [
    [['--sub', 'ada'], { sub: 'ada' }, 3600],
    [['--sub', 'ada', '--groups', 'a,b', '--ttl', '90s'], { sub: 'ada', groups: ['a', 'b'] }, 90],
    [['--sub=shop', '--scope=producer', '--ttl=2d'], { sub: 'shop', scope: 'producer' }, 172_800],
    [['--sub', 'root 🦉', '--scope', 'admin'], { sub: 'root 🦉', scope: 'admin' }, 3600]
  ]
  await atOnce(cases, async ([args, claims, seconds]) => {
    const { code, out } = await run(dir, ['token', ...args], { GATEPOST_SECRET: secret })
    t.equal(code, 0)
    const token = out.trim()
    const [header, payload, signature] = token.split('.')
    t.equal(signature, createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'), 'signed with the secret')
    t.match(claimsOf(token), claims)
    t.ok(Math.abs(Number(claimsOf(token)['exp']) - nowSeconds() - seconds) <= 5, `lives ${seconds} s`)
  })
  await atOnce([[], ['--sub', ''], ['--sub', 'a\nb'], ['--sub', 'ada', '--scope', 'king'], ['--sub', 'ada', '--ttl', 'soon'], ['--sub', 'ada', '--ttl', '0'], ['--sub', 'ada', '--groups', 'a\tb'], ['--sub']], async args => {
    const { code, out } = await run(dir, ['token', ...args], { GATEPOST_SECRET: secret })
    t.equal(code, 2, JSON.stringify(args))
    t.notMatch(out, /\w+\.\w+\.\w+/)
  })
  t.equal((await run(dir, ['token', '--sub', 'ada'])).code, 2, 'without a secret')
})

t.test('up - serves at a free port, keeps its secret, locks its folder, ends with exit code 0', async t => {
  const dir = await tempDir(t)
  const first = runGatepost(['up', '--port', '0'], { cwd: dir })
  t.teardown(async () => { if (first.isAlive()) await first.end('SIGKILL') })
  const url = await first.ready
  t.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d+$/)
  t.equal(first.stdout().split('\n').filter(line => line.includes('"event":"ready"')).length, 1, 'one ready line')
  for (const line of first.stdout().split('\n').filter(line => line.startsWith('{'))) JSON.parse(line)
  t.match(first.stdout() + first.stderr(), `${url}/gate/admin`, 'says where the admin page is')
  const login = await request(url, 'POST', '/gate/login', { body: { user: 'ada' } })
  t.equal(login.status, 200, 'the demo login is on where no secret is set')
  const session = await assign({ gate: url, userToken: () => '' }, 'ada', { token: login.body.token })
  await session.send({ to: { user: 'ada' }, title: 'kept' })
  t.ok((await readdir(dir)).includes('data'), 'the store is under ./data')

  const second = await run(dir, ['up', '--port', '0'])
  t.equal(second.code, 2, 'a second process on the folder ends with exit code 2')
  t.match(second.text, /data/)
  t.ok(first.isAlive())

  const files = await readdir(join(dir, 'data'), { recursive: true })
  for (const file of files) {
    const path = join(dir, 'data', file)
    if (!(await stat(path)).isFile() || (await stat(path)).size > 1000) continue
    const text = (await readFile(path, 'utf8')).trim()
    if (/^[\w+/=-]{32,}$/.test(text)) t.equal((await stat(path)).mode & 0o077, 0, `${file} is nobody else's to read`)
  }

  const admin = await run(dir, ['token', '--sub', 'me', '--scope', 'admin'])
  t.equal(admin.code, 0, 'token finds the secret that up has made')
  t.equal((await request(url, 'GET', '/gate/nodes', { token: admin.out.trim() })).status, 200)

  t.equal(await first.end('SIGTERM'), 0)
  const again = runGatepost(['up', '--port', '0', '--nodes', '1'], { cwd: dir })
  t.teardown(async () => { if (again.isAlive()) await again.end('SIGKILL') })
  const back = await assign({ gate: await again.ready, userToken: () => '' }, 'ada', { token: login.body.token })
  t.same((await back.list()).map(message => message.title), ['kept'], 'the token of the first run is good, the message is there')
  t.equal(await again.end('SIGINT'), 0)
})

t.test('up - a folder left by a process that was killed is taken over', async t => {
  const dir = await tempDir(t)
  const first = runGatepost(['up', '--port', '0', '--nodes', '1'], { cwd: dir })
  await first.ready
  await first.end('SIGKILL')
  const second = runGatepost(['up', '--port', '0', '--nodes', '1'], { cwd: dir })
  t.teardown(async () => { if (second.isAlive()) await second.end('SIGKILL') })
  t.match(await second.ready, /^http/)
})

t.test('up - a second signal ends it at once', async t => {
  const dir = await tempDir(t)
  const command = runGatepost(['up', '--port', '0', '--nodes', '1'], { cwd: dir, settings: { GATEPOST_SECRET: secret, GATEPOST_DRAIN: '20' } })
  const url = await command.ready
  const session = await assign({ gate: url, userToken: user => signHs256({ sub: user, exp: nowSeconds() + 60 }, secret) }, 'ada')
  const { openSocket } = await import('../helpers/raw-client.js')
  await openSocket(t, session)
  const begun = performance.now()
  process.kill(command.pid, 'SIGTERM')
  await new Promise(resolve => setTimeout(resolve, 500))
  if (command.isAlive()) process.kill(command.pid, 'SIGTERM')
  await command.exited
  t.ok(performance.now() - begun < allowed(5_000))
})

t.test('up - a port that is taken', async t => {
  const dir = await tempDir(t)
  const server = createServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  const port = String((server.address() as { port: number }).port)
  const { code, text } = await run(dir, ['up', '--port', port], { GATEPOST_SECRET: secret })
  t.ok(typeof code === 'number' && code > 0, 'does not start', { code })
  t.match(text, port, 'says which')
  t.notMatch(text, /\n\s+at /, 'no stack')
})

t.test('settings - .env in the working directory, the environment before it, a flag before both', async t => {
  const dir = await tempDir(t)
  await writeFile(join(dir, '.env'), `GATEPOST_SECRET="${secret}"\nGATEPOST_PORT=1\nGATEPOST_DATA_DIR=./from-env # where it lies\nGATEPOST_LOG_LEVEL=warn\n`)
  const command = runGatepost(['up', '--port=0', '--nodes=1'], { cwd: dir, settings: { GATEPOST_PORT: '2', GATEPOST_LOG_LEVEL: 'info' } })
  t.teardown(async () => { if (command.isAlive()) await command.end('SIGKILL') })
  const url = await command.ready
  t.ok((await readdir(dir)).includes('from-env'))
  t.equal((await request(url, 'GET', '/gate/nodes', { token: signHs256({ sub: 'me', scope: 'admin', exp: nowSeconds() + 60 }, secret) })).status, 200)
  t.equal((await request(url, 'POST', '/gate/login', { body: { user: 'ada' } })).status, 404, 'no demo where a secret is set')
  t.equal(await command.end(), 0)
})

t.test('up - SIGUSR1 opens no debugger', async t => {
  const dir = await tempDir(t)
  const running = runGatepost(['up', '--port', '0', '--nodes', '1'], { cwd: dir })
  t.teardown(async () => { await running.end('SIGKILL') })
  await running.ready
  process.kill(running.pid, 'SIGUSR1')
  await until('it says so', () => running.stdout().includes('"signal":"SIGUSR1"'))
  t.notMatch(running.stderr(), /Debugger listening/)
  t.ok(running.isAlive())
})
