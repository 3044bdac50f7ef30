/** Whole nodes on one store in one process, over a bus that a test can cut and make lossy. */
import type { Test } from 'tap'
import { createSilentLog } from '../../shared/platform/log.js'
import { signTicket } from '../../shared/platform/identity/sign.js'
import { groupStream, type NodeId } from '../../shared/contract/names.js'
import { createRing, ringName } from '../../shared/contract/ring.js'
import type { LmdbStore } from '../../shared/store/lmdb-store.js'
import type { Store } from '../../shared/store/store.js'
import type { Bus } from '../../services/dispatch/buses/bus.js'
import { startNode, type NodeOptions, type RunningNode } from '../../services/notifications/node/start.js'
import { quickIntervals } from './dispatch-nodes.js'
import { createFaultyStore, type FaultyStore } from './faulty-store.js'
import { openTestLmdb } from './lmdb-store.js'
import { request, sessionOf, type Session } from './raw-client.js'
import { until } from './until.js'
import { createLossyBus, type LossyBus } from './lossy-bus.js'

export interface NodesOnOneStore {
  readonly hub: LossyBus
  readonly store: LmdbStore
  /** The store as each node reaches it. */
  readonly stores: Record<string, FaultyStore>
  readonly nodes: Record<string, RunningNode>
  /** A user's way to one node. */
  session: (user: string, node: string) => Session
  /** A user whom the ring of all these nodes gives to this one. */
  userOf: (node: string, stem?: string) => string
  /** A group whose stream lies there. */
  groupOf: (node: string, stem?: string) => string
  /** As if the process were killed: nobody hears of it. */
  kill: (node: string) => Promise<void>
}

const secret = 'a secret of at least 32 bytes, for tests'
const usualMode = process.env['GATEPOST_TEST_DISPATCH'] === 'interest' ? 'interest' : 'broadcast'

export interface StartNodesOptions extends Partial<Pick<NodeOptions, 'lookRoundMs' | 'rules' | 'intervals'>> {
  /** What the nodes see of the store. */
  through?: (store: Store) => Store
  /** What the bus takes. */
  maxPayloadBytes?: number
  /** GATEPOST_DISPATCH of each; by default what GATEPOST_TEST_DISPATCH says. */
  modeOf?: (name: string) => NodeOptions['settings']['dispatchMode']
  /** Another bus than the hub. */
  connect?: (name: string) => Promise<Bus>
}

export async function startNodes (t: Test, names: readonly string[], { through = store => store, maxPayloadBytes, modeOf = () => usualMode, connect, ...options }: StartNodesOptions = {}): Promise<NodesOnOneStore> {
  const hub = createLossyBus(maxPayloadBytes === undefined ? {} : { maxPayloadBytes })
  const store = await openTestLmdb(t)
  const stores: Record<string, FaultyStore> = {}
  const nodes: Record<string, RunningNode> = {}
  await Promise.all(names.map(async name => {
    const reached = stores[name] = createFaultyStore(store)
    const node = await startNode({
      settings: { host: '127.0.0.1', port: 0, nodeId: name, nodeWeight: 1, secret, auth: { kind: 'secret', secret }, retentionMs: 30 * 24 * 3_600_000, drainMs: 200, version: '1.0.0', dispatchMode: modeOf(name) },
      store: through(reached), bus: await connect?.(name) ?? hub.connect(name), natsPrefix: 'test', log: createSilentLog(), intervals: quickIntervals, ...options
    })
    t.teardown(node.close)
    nodes[name] = node
  }))
  // Each one has seen all: only then do their rings agree.
  await until('all nodes are ready', async () => {
    const answers = await Promise.all(Object.values(nodes).map(({ url }) => request(url, 'GET', '/readyz')))
    return answers.every(({ status }) => status === 200)
  })
  const ring = createRing(names.map(id => ({ id: id as NodeId, weight: 1 })))
  return {
    hub,
    store,
    stores,
    nodes,
    session: (user, name) => {
      const node = { id: name, url: nodes[name]!.url }
      const { ticket, expiresAt } = signTicket({ secret, user, node: name, groups: [], userTokenExpiresAt: Date.now() + 600_000, userTokenIssuedAt: Date.now() })
      return sessionOf(user, '', node, ticket, String(expiresAt))
    },
    userOf: (node, stem = 'user') => firstOf(stem, name => ring.assign(name) === node),
    groupOf: (node, stem = 'group') => firstOf(stem, name => ring.assign(ringName(groupStream(name))) === node),
    kill: async name => {
      hub.disconnect(name)
      await nodes[name]!.close()
    }
  }
}

function firstOf (stem: string, isFit: (name: string) => boolean): string {
  for (let i = 0; ; i++) if (isFit(`${stem}${i}`)) return `${stem}${i}`
}
