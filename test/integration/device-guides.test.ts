/** The programs of docs/guides for devices in other languages, run as they stand there, where scripts/install-device-clients.sh has put what they need. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { startEmbedded, tempDir } from '../helpers/deployment.js'
import { programOf } from '../helpers/guide-program.js'
import { request, type Answer } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)
t.setTimeout(240_000)

const clients = fileURLToPath(new URL('../../.servers/device-clients/', import.meta.url))

/** `prepare` is run once in the folder of the program, `command` for each start. */
const devices = [
  { name: 'Python', folder: 'python', file: 'device.py', prepare: undefined, command: [join(clients, 'python/bin/python'), 'device.py'] },
  { name: 'Java', folder: 'java', file: 'Device.java', prepare: ['javac', '-cp', join(clients, 'java/lib/*'), 'Device.java'], command: ['java', '-cp', `${join(clients, 'java/lib/*')}:.`, 'Device'] },
  { name: 'Go', folder: 'go', file: 'device.go', prepare: ['go', 'build', '-o', 'device', 'device.go'], command: ['./device'] }
] as const

for (const { name, folder, file, prepare, command } of devices) {
  const skip = !existsSync(join(clients, folder)) && `needs the Socket.IO client for ${name}: run npm run test:full, or scripts/install-device-clients.sh`
  t.test(`guides - a device in ${name} gets each message once: drained, killed, and after a restart`, { skip }, async t => {
    const site = await startEmbedded(t)
    const cwd = await tempDir(t)
    await writeFile(join(cwd, file), programOf('receive-on-a-device.md', file))
    if (folder === 'go') for (const module of ['go.mod', 'go.sum']) await copyFile(join(clients, folder, module), join(cwd, module))
    if (prepare !== undefined) await run(prepare[0], prepare.slice(1), { cwd, env: { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off' } })
    let output = ''
    let device: ChildProcess | undefined
    const start = (token: string): ChildProcess => {
      const child = spawn(command[0], command.slice(1), { cwd, env: { ...process.env, GATE: site.gate, USER_TOKEN: token } })
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
      return child
    }
    t.teardown(() => { device?.kill('SIGKILL') })
    const token = site.producerToken()
    // Gate may be busy beside a compiler: 503 is asked again, as a caller must.
    const post = async (body: unknown, headers = {}): Promise<Answer> => await until('it is taken', async () => {
      const answer = await request(site.gate, 'POST', '/gate/messages', { token, body, headers })
      return answer.status < 500 ? answer : undefined
    })
    const send = async (title: string): Promise<void> => { t.match((await post({ to: { user: 'ann' }, title }, { 'idempotency-key': title })).status, /^20[01]$/) }
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
    const missed = Array.from({ length: 450 }, (_, at) => `${at + 4}`)
    const batch = missed.map(title => ({ to: { user: 'ann' }, title, idempotencyKey: title }))
    await until('all of them are taken', async () => ((await post(batch)).body as { results: Array<{ status: number }> }).results.every(({ status }) => status < 300))
    device = start(site.userToken('ann'))
    await until('it has what it missed', () => got().length >= 453)
    await send('last')
    await until('and what comes', () => got().includes('last'))
    t.same(got(), ['1', '2', '3', ...missed, 'last'], output.replace(/^got .*\n/gm, ''))
    device.kill('SIGKILL')
    await once(device, 'close')

    device = start(site.userToken('ann', { exp: 1 }))
    const [code] = await once(device, 'close') as [number]
    t.equal(code, 1, 'a token that is at fault ends it')
    t.match(output, 'GP_TOKEN_EXPIRED')
  })
}
