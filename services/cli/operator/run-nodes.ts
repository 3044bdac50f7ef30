import { readNodesSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { askGate, jsonLine, operate, tokenFor } from './ask-gate.js'
import { table } from './table.js'

export interface ListedNode {
  readonly id: string
  readonly url: string
  readonly state: string
  readonly version: string
  readonly sockets: number
  readonly users: number
  readonly messagesPerSecond: number
  readonly eventLoopLagMs: number
  readonly rssBytes: number
  readonly ringShare: number
}

const head = ['node', 'state', 'share', 'users', 'sockets', 'messages/s', 'lag ms', 'memory MB', 'version', 'address']
const rowOf = ({ id, state, ringShare, users, sockets, messagesPerSecond, eventLoopLagMs, rssBytes, version, url }: ListedNode): Array<string | number> =>
  [id, state, `${(ringShare * 100).toFixed(1)} %`, users, sockets, messagesPerSecond.toFixed(1), eventLoopLagMs.toFixed(1), Math.round(rssBytes / 1e6), version, url]

export async function runNodes (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readNodesSettings(argv, terminal.surroundings)
  const token = tokenFor(settings, { sub: 'operator', scope: 'admin' })
  return await operate('nodes', terminal, async () => {
    const { nodes } = await askGate(settings, token, { path: '/gate/nodes' }) as { nodes: readonly ListedNode[] }
    if (settings.isJson) terminal.stdout(nodes.map(jsonLine).join(''))
    else terminal.stdout(table(head, nodes.map(rowOf)))
  })
}
