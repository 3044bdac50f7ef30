/** The guides of docs/guides, followed as they stand there: their settings, their commands, their configuration. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { io } from 'socket.io-client'
import t from 'tap'
import { findProgram } from '../helpers/compose-file.js'
import { runGatepost, startCluster, tempDir, tokensOf } from '../helpers/deployment.js'
import { blockOf, settingsOf } from '../helpers/guide-program.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { request, socketAddress, type GivenNode } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const run = promisify(execFile)

/** What a command line of a guide hands to gatepost. */
function argumentsOf (line: string): string[] {
  const [npx, gatepost, ...rest] = line.split(' ')
  if (npx !== 'npx' || gatepost !== 'gatepost') throw new Error(`no command of gatepost: ${line}`)
  return rest
}

const openssl = await findProgram('openssl', 'version')
const nginx = await findProgram('nginx', '-v')

t.test("guides - nginx: the guide's configuration carries a mail and a WebSocket by HTTPS", { skip: openssl === undefined ? 'needs openssl' : nginx === undefined && 'needs nginx' }, async t => {
  const dir = await tempDir(t)
  const [gatePort, publicPort] = await Promise.all([freePort(), freePort()])
  const crt = join(dir, 'tls.crt')
  await run(openssl!, ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(dir, 'tls.key'), '-out', crt])
  const gateUrl = `https://localhost:${publicPort}`

  const secret = randomBytes(24).toString('hex')
  const up = runGatepost(argumentsOf(blockOf('nginx.md', 'sh gatepost').replace('https://mail.example.com', gateUrl)), { cwd: dir, settings: { GATEPOST_SECRET: secret, GATEPOST_PORT: String(gatePort) } })
  t.teardown(async () => { await up.end('SIGKILL') })
  await up.ready

  const servers = blockOf('nginx.md', 'nginx')
    .replaceAll('/etc/nginx/tls', dir)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${publicPort} ssl;`)
    .replace(/server_name .*;/, 'server_name localhost;')
    .replaceAll('http://127.0.0.1:8080', `http://127.0.0.1:${gatePort}`)
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${dir}/${name};`).join('\n')
  // Its workers write what they buffer into this folder.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(join(dir, 'nginx.conf'), `${user} pid ${dir}/nginx.pid; error_log ${dir}/error.log; events {}\nhttp { access_log off; ${temp}\n${servers}\n}\n`)
  await run(nginx!, ['-t', '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')])
  const proxy = spawn(nginx!, ['-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log'), '-g', 'daemon off;'], { stdio: 'ignore' })
  t.teardown(async () => {
    proxy.kill()
    if (proxy.exitCode === null) await once(proxy, 'close')
  })

  const ca = await readFile(crt)
  const ask = async (method: string, url: string, token?: string, body?: unknown): Promise<{ status: number, text: string }> => await new Promise((resolve, reject) => {
    const headers = { ...token !== undefined && { authorization: `Bearer ${token}` }, ...body !== undefined && { 'content-type': 'application/json' } }
    const outgoing = httpsRequest(url, { method, ca, headers }, incoming => {
      let text = ''
      incoming.on('data', (chunk: Buffer) => { text += chunk.toString() }).on('end', () => { resolve({ status: incoming.statusCode ?? 0, text }) })
    })
    outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
  })
  const { userToken, producerToken, adminToken } = tokensOf(secret)
  await until('nginx listens', async () => await ask('GET', `${gateUrl}/gate/assign`).then(() => true, () => false))

  // As "How you see that it worked" says.
  const refused = await ask('GET', `${gateUrl}/gate/assign`)
  t.equal(refused.status, 401)
  t.match(refused.text, 'GP_TOKEN_MISSING')
  t.match((await ask('GET', `${gateUrl}/nodes/none/messages`)).text, 'GP_NOT_FOUND')
  for (const path of ['/gate/nodes', '/gate/admin', '/gate/revocations', '/metrics', '/readyz']) t.match((await ask('GET', gateUrl + path, adminToken())).text, 'nginx', `${path} is not passed on`)

  const { node, ticket } = JSON.parse((await ask('GET', `${gateUrl}/gate/assign`, userToken('ann'))).text) as { node: GivenNode, ticket: string }
  t.equal(node.url, `${gateUrl}/nodes/${node.id}`)
  t.match((await ask('GET', `${node.url}/metrics`)).text, 'nginx')
  const [origin, path] = socketAddress(node)
  const socket = io(origin, { ...path, auth: { ticket }, transports: ['websocket'], ca: ca.toString(), reconnection: false, forceNew: true })
  t.teardown(() => { socket.close() })
  const entries: Array<{ body?: string }> = []
  socket.on('entries', (some: Array<{ body?: string }>) => { entries.push(...some) })
  let isReady = false
  socket.once('ready', () => { isReady = true })
  await until('the WebSocket is open', () => isReady)
  t.equal((await ask('POST', `${gateUrl}/gate/messages`, producerToken(), { to: { user: 'ann' }, body: 'by https' })).status, 201)
  await until('the message comes', () => entries.some(({ body }) => body === 'by https'))
  const batch = Array.from({ length: 40 }, () => ({ to: { user: 'ann' }, body: 'x'.repeat(50_000) }))
  t.equal((await ask('POST', `${gateUrl}/gate/messages`, producerToken(), batch)).status, 207, 'a batch of 2 MB passes')
  t.equal((await ask('GET', `${node.url}/messages?limit=1`, ticket)).status, 200)
})

const clusterMissing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false

t.test("guides - add a node: with the guide's settings it joins and takes users", { skip: clusterMissing }, async t => {
  const cluster = await startCluster(t, { nodes: 1 })
  const settings = settingsOf('add-a-node.md', 'sh settings')
  const port = await freePort()
  const secretFile = join(cluster.dir, 'secret')
  await writeFile(secretFile, cluster.secret)
  const here: Record<string, string> = {
    ...settings,
    GATEPOST_SECRET_FILE: secretFile,
    GATEPOST_NATS_URL: cluster.settings['GATEPOST_NATS_URL'] ?? '',
    GATEPOST_NATS_PREFIX: cluster.settings['GATEPOST_NATS_PREFIX'] ?? '',
    GATEPOST_MONGODB_URL: cluster.mongodbUrl,
    GATEPOST_HOST: '127.0.0.1',
    GATEPOST_PORT: String(port)
  }
  t.strictSame(Object.keys(here).filter(name => name !== 'GATEPOST_NATS_PREFIX').sort(), Object.keys(settings).sort(), 'the guide names what a node needs')
  const [doctor = '', node = '', ...more] = blockOf('add-a-node.md', 'sh commands').split('\n').map(argumentsOf)
  t.strictSame(more, [])

  const checked = runGatepost([...doctor], { cwd: cluster.dir, settings: here })
  t.equal(await checked.exited, 0, checked.stdout())
  const started = runGatepost([...node], { cwd: cluster.dir, settings: here })
  t.teardown(async () => { await started.end('SIGKILL') })
  await started.ready
  await until('it is ready', async () => (await request(`http://127.0.0.1:${port}`, 'GET', '/readyz')).status === 200)
  const list = async (): Promise<Array<{ id: string, url: string, state: string }>> => ((await request(cluster.gate, 'GET', '/gate/nodes', { token: cluster.adminToken() })).body as { nodes: Array<{ id: string, url: string, state: string }> }).nodes
  await until('it is up', async () => (await list()).some(({ id, state }) => id === settings['GATEPOST_NODE_ID'] && state === 'up'))
  await until('it takes users', async () => {
    const assigned = await Promise.all(Array.from({ length: 40 }, async (_, i) => (await request(cluster.gate, 'GET', '/gate/assign', { token: cluster.userToken(`user ${i}`) })).body as { node: { id: string, url: string } }))
    return assigned.some(({ node }) => node.id === settings['GATEPOST_NODE_ID'] && node.url === settings['GATEPOST_PUBLIC_URL']) && assigned.some(({ node }) => node.id !== settings['GATEPOST_NODE_ID'])
  })
  t.equal(await started.end('SIGTERM'), 0, 'and it leaves in good order')
})

t.test('guides - restore: the data folder comes back as it was', async t => {
  const cwd = await tempDir(t)
  const secret = randomBytes(24).toString('hex')
  const { producerToken, userToken } = tokensOf(secret)
  const bodies = async (gate: string): Promise<string[]> => {
    const { node, ticket } = (await request(gate, 'GET', '/gate/assign', { token: userToken('ann') })).body as { node: { url: string }, ticket: string }
    const { messages } = (await request(node.url, 'GET', '/messages', { token: ticket })).body as { messages: Array<{ body: string }> }
    return messages.map(({ body }) => body)
  }
  const withGatepost = async (args: string[], use: (gate: string) => Promise<void>): Promise<string> => {
    const up = runGatepost(args, { cwd, settings: { GATEPOST_SECRET: secret, GATEPOST_PORT: '0' } })
    t.teardown(async () => { if (up.isAlive()) await up.end('SIGKILL') })
    await use(await up.ready)
    t.equal(await up.end('SIGTERM'), 0)
    return up.stdout()
  }
  const post = async (gate: string, body: string): Promise<void> => {
    t.equal((await request(gate, 'POST', '/gate/messages', { token: producerToken(), body: { to: { user: 'ann' }, body } })).status, 201)
  }
  const shell = async (commands: readonly string[]): Promise<void> => { for (const command of commands) await run('sh', ['-c', command], { cwd }) }

  await withGatepost(['up'], async gate => { await post(gate, 'before') })
  await shell(blockOf('restore-a-backup.md', 'sh backup').split('\n'))
  await withGatepost(['up'], async gate => {
    await post(gate, 'after')
    t.strictSame(await bodies(gate), ['after', 'before'])
  })
  const commands = blockOf('restore-a-backup.md', 'sh restore').split('\n')
  await shell(commands.slice(0, -1))
  const log = await withGatepost(argumentsOf(commands.at(-1) ?? ''), async gate => { t.strictSame(await bodies(gate), ['before']) })
  t.notMatch(log, 'store-new')

  // The way back.
  await shell(['rm -r data', 'mv data.broken data'])
  await withGatepost(['up'], async gate => { t.strictSame(await bodies(gate), ['after', 'before']) })
})
