/** What an open socket costs that nothing happens on. Each turn has servers of its own: memory is not given back. */
import { openClients, startGatepost, startSocketIo } from '../clients.js'
import { serverFlags } from '../../helpers/server-flags.js'
import type { Child } from '../child.js'
import { withResources, type Resources } from '../resources.js'
import { populated, type Contest, type Measured, type Row, type Size } from '../row.js'

/** What the first sockets bring with them once (code, pools) is not theirs. */
const firstShare = 0.1

async function turn (size: Size, count: number, start: (resources: Resources) => Promise<{ server: Child, url: string, node?: string }>): Promise<Measured> {
  const { measured, close } = await withResources(async resources => {
    const sockets = populated(size, count, 20)
    const first = Math.ceil(sockets * firstShare)
    const { server, ...place } = await start(resources)
    await openClients(resources, { ...place, users: first })
    const before = await server.ask<NodeJS.MemoryUsage>('memory')
    await openClients(resources, { ...place, users: sockets, from: first })
    const after = await server.ask<NodeJS.MemoryUsage>('memory')
    const each = (bytes: (usage: NodeJS.MemoryUsage) => number): number => (bytes(after) - bytes(before)) / (sockets - first)
    const measured: Measured = { cost: each(({ rss }) => rss), figures: { heapAndBuffers: each(({ heapUsed, external }) => heapUsed + external) } }
    return { measured }
  })
  await close()
  return measured
}

const flags = [...serverFlags, '--expose-gc']

const idleMemory = (name: string, count: number, more: Partial<Row> = {}): Row => ({
  name,
  unit: 'socket',
  costIn: 'bytes',
  ours: `resident memory of an idle socket at ${count.toLocaleString('en-US')}, each of another user`,
  baseline: 'bare Socket.IO, each socket in the room of its user',
  reach: { kind: 'cost', atMost: 1.25 },
  isFreshEachTurn: true,
  ...more,
  prepare: async (size): Promise<Contest> => ({
    ours: async () => await turn(size, count, async resources => {
      const { server, node } = await startGatepost(resources, flags)
      return { server, url: node.url, node: node.id }
    }),
    baseline: async () => await turn(size, count, async resources => await startSocketIo(resources, undefined, flags)),
    close: async () => {}
  })
})

export const idleRows: readonly Row[] = [idleMemory('idle-memory', 10_000), idleMemory('idle-memory-1000', 1_000, { variantOf: 'idle-memory' })]
