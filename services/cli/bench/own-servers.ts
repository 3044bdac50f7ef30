/** A `gatepost up` of the load generator's own, in a folder that goes with it. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Surroundings } from '../../../shared/platform/settings/sources.js'

export interface OwnServers {
  readonly gate: string
  readonly secret: string
  readonly pids: readonly number[]
  close: () => Promise<void>
}

const killAfterMs = 20_000

export async function startOwnServers ({ nodes, secret = randomBytes(24).toString('hex'), env }: { nodes: number, secret?: string | undefined, env: Surroundings['env'] }): Promise<OwnServers> {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-bench-'))
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GATEPOST_') && name !== 'NODE_OPTIONS'))
  // In an environment variable: a command line can be read by everybody.
  const settings = { GATEPOST_SECRET: secret, GATEPOST_PORT: '0', GATEPOST_DATA_DIR: dir, GATEPOST_DRAIN: '0', GATEPOST_PROCESSES: '1', GATEPOST_RATE_USER: '0' }
  const child = spawn(process.execPath, ['--max-semi-space-size=64', '--initial-heap-size=256', '--heap-growing-percent=50', commandFile(), 'up', '--nodes', String(nodes)], { cwd: dir, env: { ...clean, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => { resolve() })
  })
  // Where this process is ended in a hurry, the servers go too.
  const endWithUs = (): void => { child.kill('SIGKILL') }
  process.once('exit', endWithUs)
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(endWithUs, killAfterMs)
    await ended
    clearTimeout(timer)
    process.off('exit', endWithUs)
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }

  let said = ''
  child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4_000) })
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      if (!line.includes('"event":"ready"')) return
      resolve((JSON.parse(line) as { url: string }).url)
    })
    ended.then(() => { reject(new Error(`gatepost up ended before it was ready: ${said}`)) }, reject)
  })
  try {
    return { gate: await ready, secret, pids: [child.pid ?? 0], close }
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

/** bin/gatepost.js lies two folders up from the bundle, three from the sources. */
function commandFile (): string {
  for (const path of ['../../bin/gatepost.js', '../../../bin/gatepost.js']) {
    const url = new URL(path, import.meta.url)
    if (existsSync(url)) return fileURLToPath(url)
  }
  throw new Error('bin/gatepost.js is missing')
}
