import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { readDrainSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { createProgress } from '../progress.js'
import { askGate, jsonLine, operate, tokenFor } from './ask-gate.js'
import type { ListedNode } from './run-nodes.js'

const askEveryMs = 250

export async function runDrain (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readDrainSettings(argv, terminal.surroundings)
  const { node, isUndo, isWaiting, isJson } = settings
  const path = `/gate/nodes/${encodeURIComponent(node)}`
  const ask = async (method: 'GET' | 'POST' | 'DELETE', of: string): Promise<unknown> => await askGate(settings, tokenFor(settings, { sub: 'operator', scope: 'admin' }), { method, path: of })
  const progress = createProgress({ write: terminal.stderr, isTerminal: process.stderr.isTTY, now: () => performance.now() })
  return await operate('drain', terminal, async () => {
    await ask(isUndo ? 'DELETE' : 'POST', `${path}/drain`)
    let now = await ask('GET', path) as ListedNode
    try {
      while (isWaiting && !(isUndo ? now.state === 'up' : now.state !== 'up' && now.sockets === 0)) {
        progress.show(`${node}: ${now.state}, ${now.sockets} sockets`)
        await pause(askEveryMs)
        now = await ask('GET', path) as ListedNode
      }
    } finally { progress.end() }
    terminal.stdout(isJson ? jsonLine(now) : `${node} ${isUndo ? 'is put back' : isWaiting ? 'is drained' : 'drains'}: ${now.state}, ${now.sockets} sockets\n`)
  })
}
