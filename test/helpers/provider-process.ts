/** Somebody else's server that runs until the test has ended, with all that it starts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Test } from 'tap'

export interface ProviderProcess {
  readonly stdin: Writable
  /** The last of what it wrote. */
  readonly said: () => string
  /** Throws where it has ended, with what it wrote last. */
  readonly requireAlive: () => void
}

const kept = 8_000

export function startProvider (t: Test, name: string, command: string, args: readonly string[], options: { cwd?: string, env?: NodeJS.ProcessEnv } = {}): ProviderProcess {
  const child = spawn(command, args, { ...options, stdio: 'pipe', detached: true })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { said = (said + bytes.toString()).slice(-kept) })
  const ended = once(child, 'close')
  t.teardown(async () => {
    // Where it is a script, the server is the script's own child.
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await ended
  })
  return {
    stdin: child.stdin,
    said: () => said,
    requireAlive: () => { if (child.exitCode !== null) throw new Error(`${name} ended:\n${said}`) }
  }
}
