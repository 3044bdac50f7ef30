/** A real nats-server: from PATH, or from `.servers/bin` where scripts/install-nats-server.sh puts it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { freePort } from './free-port.js'
import { noteServer } from './servers-seen.js'
import { until } from './until.js'

export interface NatsServer {
  readonly url: string
  readonly port: number
  /** Where other servers of a cluster connect to; set where `config` has a cluster. */
  readonly routeUrl: string | undefined
  readonly version: string
  /** Of the process that runs now. */
  readonly pid: number
  /** SIGTERM, waits for its end. */
  stop: () => Promise<void>
  /** SIGKILL, waits for its end. */
  kill: () => Promise<void>
  /** Starts it again on the same port. */
  restart: () => Promise<void>
  /** Another configuration, taken up while it runs. */
  reload: (config: string) => void
  /** SIGSTOP and SIGCONT: it hangs, its connections stay open. */
  pause: () => void
  resume: () => void
}

export const natsMissing = 'needs nats-server: run scripts/install-nats-server.sh'

const installed = fileURLToPath(new URL('../../.servers/bin/nats-server', import.meta.url))
const run = promisify(execFile)

/** The program and its version; undefined where there is none. */
export async function findNatsServer (): Promise<{ path: string, version: string } | undefined> {
  for (const path of ['nats-server', installed]) {
    try {
      const { stdout } = await run(path, ['--version'])
      return { path, version: /v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? stdout.trim() }
    } catch { /* not there: the next place */ }
  }
  return undefined
}

/** Ends with the test. `config`: lines of a configuration file. Rejects where there is no nats-server: ask `findNatsServer` first. */
export async function startNatsServer (t: Test, { config = '' }: { config?: string } = {}): Promise<NatsServer> {
  const program = await findNatsServer()
  if (program === undefined) throw new Error(natsMissing)
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-nats-'))
  const configFile = join(dir, 'nats.conf')
  await writeFile(configFile, config)
  const port = await freePort()
  let routeUrl: string | undefined
  let child: ChildProcess | undefined

  async function start (): Promise<void> {
    const running = spawn(program?.path ?? '', ['-a', '127.0.0.1', '-p', String(port), '-c', configFile, '--ports_file_dir', dir], { stdio: ['ignore', 'ignore', 'pipe'] })
    child = running
    let lines = ''
    running.stderr?.on('data', (chunk: Buffer) => { lines += chunk.toString() })
    await until('nats-server is ready', () => {
      if (running.exitCode !== null) throw new Error(`nats-server ended: ${lines}`)
      return lines.includes('Server is ready')
    })
    routeUrl ??= (await until('nats-server tells its ports', async () => await readPorts(dir))).cluster
  }

  async function end (signal: NodeJS.Signals): Promise<void> {
    const running = child
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.kill(signal)
    await exited
  }

  await start()
  t.teardown(async () => {
    await end('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  })
  noteServer({ name: 'nats-server', version: program.version, cannotShow: [] })
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    routeUrl,
    version: program.version,
    get pid () { return child?.pid ?? 0 },
    stop: async () => { await end('SIGTERM') },
    kill: async () => { await end('SIGKILL') },
    restart: async () => {
      await end('SIGTERM')
      await start()
    },
    reload: config => {
      writeFileSync(configFile, config)
      child?.kill('SIGHUP')
    },
    pause: () => { child?.kill('SIGSTOP') },
    resume: () => { child?.kill('SIGCONT') }
  }
}

async function readPorts (dir: string): Promise<{ cluster: string | undefined } | undefined> {
  const name = (await readdir(dir)).find(file => file.endsWith('.ports'))
  if (name === undefined) return undefined
  const text = await readFile(join(dir, name), 'utf8')
  // It may be there and not be written yet.
  return text === '' ? undefined : { cluster: (JSON.parse(text) as { cluster?: string[] }).cluster?.[0] }
}
