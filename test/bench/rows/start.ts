/** What a start costs until the process serves: all of its CPU time. Each turn starts and ends a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cpuSecondsOf } from '../../../services/cli/bench/process-cpu.js'
import { serverFlags } from '../../helpers/server-flags.js'
import { startChild } from '../child.js'
import { withResources } from '../resources.js'
import { populated, type Measured, type Row } from '../row.js'

/** From test/bench/rows, and from where it is compiled to. */
const command = fileURLToPath(new URL(import.meta.url.includes('/dist/test/') ? '../../../../bin/gatepost.js' : '../../../bin/gatepost.js', import.meta.url))
const measured = (cpuMicros: number, begunAtMs: number): Measured => ({ cost: cpuMicros / 1000, figures: { waitMs: performance.now() - begunAtMs } })

async function startUp (dir: string): Promise<Measured> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GATEPOST_')))
  const begunAtMs = performance.now()
  const child = spawn(process.execPath, [...serverFlags, command, 'up', '--nodes', '1', '--port', '0', '--data-dir', dir], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.includes('"event":"ready"')) continue
      const cpu = cpuSecondsOf([child.pid ?? 0])
      if (cpu === undefined) throw new Error('no CPU time of a process here')
      return measured(cpu * 1e6, begunAtMs)
    }
    throw new Error('gatepost up ended before it was ready')
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

async function startPlain (dir: string): Promise<Measured> {
  const begunAtMs = performance.now()
  const child = await startChild('./servers/plain-child.ts')
  try {
    await child.ask('start', { dir })
    return measured(await child.cpu(), begunAtMs)
  } finally {
    await child.close()
  }
}

const start = (name: string, what: string, mails: number): Row => ({
  name,
  unit: 'start (ms)',
  ours: `\`gatepost up\` with one node until it is ready, ${what}`,
  baseline: 'Fastify, Socket.IO and LMDB in a process that does nothing else, until it listens',
  reach: { kind: 'cost', atMost: 1.25 },
  prepare: async size => await withResources(async resources => {
    const dir = await resources.tempDir()
    const plainDir = await resources.tempDir()
    if (mails > 0) {
      const filler = await startChild('./servers/lmdb-child.ts')
      await filler.ask('openOurs', { dir })
      await filler.ask('fill', { user: 'crowded', count: populated(size, mails, 1_000) })
      await filler.close()
    }
    return { ours: async () => await startUp(dir), baseline: async () => await startPlain(plainDir) }
  })
})

export const startRows: readonly Row[] = [
  start('start', 'with no stored mail', 0),
  start('start-million', 'with a million stored mails', 1_000_000)
]
