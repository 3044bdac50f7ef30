/** The programs of docs/guides for backends in other languages, run as they stand there, where the language is installed. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startEmbedded, tempDir } from '../helpers/deployment.js'
import { programOf } from '../helpers/guide-program.js'
import { assign, request } from '../helpers/raw-client.js'

const run = promisify(execFile)

/** Whether this command ends well. */
const works = async (...[program = '', ...args]: string[]): Promise<boolean> => await run(program, args).then(() => true, () => false)

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
