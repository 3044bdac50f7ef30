/** The programs of docs/guides in other languages, run as they stand there, where the language is installed. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startEmbedded, tempDir } from '../helpers/deployment.js'
import { assign, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)

/** Whether this command ends well. */
const works = async (...[program = '', ...args]: string[]): Promise<boolean> => await run(program, args).then(() => true, () => false)

/** The fenced block of a guide that is this file. */
function programOf (guide: string, file: string): string {
  const text = readFileSync(new URL(`../../docs/guides/${guide}`, import.meta.url), 'utf8')
  const code = new RegExp(`^\`\`\`\\w+ ${file}\\n([^]*?)^\`\`\`$`, 'm').exec(text)?.[1]
  if (code === undefined) throw new Error(`${guide} has no ${file}`)
  return code
}

interface Try { readonly atMs: number, readonly key: string | undefined }

/** Stands before Gate on a bad day: a key is answered 503, 429, and, once Gate has stored it, 504, before it gets Gate's answer. */
async function startBadDay (t: Test, gate: string): Promise<{ url: string, tries: Try[] }> {
  const tries: Try[] = []
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const key = incoming.headers['idempotency-key'] as string | undefined
    const body = await buffer(incoming)
    const nth = tries.push({ atMs: performance.now(), key }) && tries.filter(one => one.key === key).length
    const refuse = (status: number, code: string, headers = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ statusCode: status, code, error: 'x', message: 'x' }))
    }
    if (nth === 1) { refuse(503, 'GP_STORE_UNAVAILABLE', { 'retry-after': '1' }); return }
    if (nth === 2) { refuse(429, 'GP_RATE_LIMIT', { 'retry-after': '2' }); return }
    const passed = await fetch(`${gate}${incoming.url ?? ''}`, { method: 'POST', headers: Object.fromEntries(['authorization', 'content-type', 'idempotency-key'].map(name => [name, String(incoming.headers[name])])), body: new Uint8Array(body) })
    const text = await passed.text()
    if (nth === 3 && passed.status === 201) { refuse(504, 'GP_OUTCOME_UNKNOWN'); return }
    response.writeHead(passed.status, { 'content-type': 'application/json' }).end(text)
  }
  const server = createServer((incoming, response) => { void answer(incoming, response) })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tries }
}

const languages = [
  { name: 'Python', file: 'backend.py', command: ['python3', 'backend.py'], check: ['python3', '--version'] },
  { name: 'Go', file: 'backend.go', command: ['go', 'run', 'backend.go'], check: ['go', 'version'] },
  { name: 'Java', file: 'Backend.java', command: ['java', 'Backend.java'], check: ['javac', '--release', '17', '--version'] },
  { name: 'PHP', file: 'backend.php', command: ['php', 'backend.php'], check: ['php', '-r', 'exit(function_exists("curl_init") ? 0 : 1);'] }
] as const

t.test('guides - a backend sends once on a bad day, signs its users, reads refusals', { jobs: 4, buffered: true }, async t => {
  const site = await startEmbedded(t)
  await Promise.all(languages.map(async ({ name, file, command, check }) => {
    const isThere = await works(...check)
    await t.test(name, { skip: !isThere && `needs ${name}`, buffered: true }, async t => {
      const cwd = await tempDir(t)
      await writeFile(join(cwd, file), programOf('send-from-a-backend.md', file))
      const { url, tries } = await startBadDay(t, site.gate)
      const [program, ...args] = command
      const { stdout } = await run(program, args, { cwd, env: { ...process.env, GATE: url, PRODUCER_TOKEN: site.producerToken(name), SITE_SECRET: site.secret } })
      const { token = '', id } = /^token (?<token>\S+)\nsent (?<id>\S+) again\nrefused 400 GP_VALIDATION\n$/.exec(stdout)?.groups ?? {}
      t.ok(id, stdout)
      t.match(await request(site.gate, 'GET', '/gate/assign', { token }), { status: 200, body: { user: 'ann' } }, 'the token is taken')
      const shipped = tries.filter(({ key }) => key === 'order-1042-shipped').map(({ atMs }) => atMs)
      t.equal(shipped.length, 4, 'until it is told')
      t.ok(shipped[1]! - shipped[0]! >= 990 && shipped[2]! - shipped[1]! >= 1_990, `it waits as long as it is told: ${shipped.join(' ')}`)
      t.equal(tries.filter(({ key }) => key === 'order-1043-shipped').length, 3, 'what is refused is not sent again')
      const { messages } = (await (await assign(site, 'ann')).call('GET', '/messages?limit=200')).body as { messages: Array<{ id: string, from: { producer: string } }> }
      t.same(messages.filter(({ from }) => from.producer === name).map(message => message.id), [id], 'stored once')
    })
  }))
})

/** Where scripts/install-device-clients.sh puts it. */
const python = fileURLToPath(new URL('../../.servers/device-clients/python/bin/python', import.meta.url))

t.test('guides - a device in Python gets each message once: drained, killed, and after a restart', { skip: !existsSync(python) && 'needs python-socketio: run npm run test:full, or scripts/install-device-clients.sh' }, async t => {
  const site = await startEmbedded(t)
  const cwd = await tempDir(t)
  await writeFile(join(cwd, 'device.py'), programOf('receive-on-a-device.md', 'device.py'))
  let output = ''
  let device: ChildProcess | undefined
  const start = (token: string): ChildProcess => {
    const child = spawn(python, ['device.py'], { cwd, env: { ...process.env, GATE: site.gate, USER_TOKEN: token } })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
    return child
  }
  t.teardown(() => { device?.kill('SIGKILL') })
  const token = site.producerToken()
  const send = async (title: string): Promise<void> => { t.equal((await request(site.gate, 'POST', '/gate/messages', { token, body: { to: { user: 'ann' }, title } })).status, 201) }
  const got = (): string[] => [...output.matchAll(/^got (.*)$/gm)].map(([, title = '']) => title)
  const readies = (): string[] => [...output.matchAll(/^ready (.*)$/gm)].map(([, node = '']) => node)

  await send('before its first start')
  device = start(site.userToken('ann'))
  await until('it is ready', () => readies().length === 1)
  await send('1')
  await until('it has it', () => got().length === 1)

  const [node = ''] = readies()
  await request(site.gate, 'POST', `/gate/nodes/${node}/drain`, { token: site.adminToken() })
  await send('2')
  await until('it is on the other node', () => readies().length >= 2 && readies().at(-1) !== node)
  await send('3')
  await until('it has both', () => got().length === 3)

  device.kill('SIGKILL')
  await once(device, 'close')
  for (const title of ['4', '5', '6']) await send(title)
  device = start(site.userToken('ann'))
  await until('it has what it missed', () => got().length >= 6)
  await send('7')
  await until('and what comes', () => got().includes('7'))
  t.same(got(), ['1', '2', '3', '4', '5', '6', '7'])
  device.kill('SIGKILL')
  await once(device, 'close')

  device = start(site.userToken('ann', { exp: 1 }))
  const [code] = await once(device, 'close') as [number]
  t.equal(code, 1, 'a token that is at fault ends it')
  t.match(output, 'GP_TOKEN_EXPIRED')
})
