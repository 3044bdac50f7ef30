/** NATS and Redis as processes of the comparison's own, on free ports of the loopback. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

export interface Backend { readonly url: string, readonly pid: number, close: () => Promise<void> }

export const needsNats = async (): Promise<string | undefined> => await findNatsServer() === undefined ? natsMissing : undefined

export async function needsRedis (): Promise<string | undefined> {
  try {
    await promisify(execFile)('redis-server', ['--version'])
    return undefined
  } catch {
    return 'needs redis-server: apt-get install redis-server'
  }
}

export async function startNats (): Promise<Backend> {
  const program = await findNatsServer()
  if (program === undefined) throw new Error(natsMissing)
  const port = await freePort()
  const child = spawn(program.path, ['-a', '127.0.0.1', '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
  return await started(child, child.stderr, 'Server is ready', `nats://127.0.0.1:${port}`)
}

export async function startRedis (): Promise<Backend> {
  const port = await freePort()
  const child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'ignore'] })
  return await started(child, child.stdout, 'Ready to accept connections', `redis://127.0.0.1:${port}`)
}

async function started (child: ChildProcess, output: NodeJS.ReadableStream, sign: string, url: string): Promise<Backend> {
  let lines = ''
  output.on('data', (chunk: Buffer) => { if (lines.length < 10_000) lines += chunk.toString() })
  const endWithUs = (): void => { child.kill('SIGKILL') }
  process.once('exit', endWithUs)
  await until(`${url} is served`, () => {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${lines}`)
    return lines.includes(sign)
  })
  return {
    url,
    pid: child.pid ?? 0,
    close: async () => {
      process.off('exit', endWithUs)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
  }
}
