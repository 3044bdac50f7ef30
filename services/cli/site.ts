/** One Gate and nodes of one process on one port, over a store and a bus that somebody else opened. */
import type { Bus } from '../dispatch/buses/bus.js'
import { openGate, type Fellows, type OpenGate, type OwnNodes } from '../gate/start.js'
import { startNode, type RunningNode } from '../notifications/node/start.js'
import { createConnections, type Connections } from '../../shared/platform/http/connections.js'
import type { Mounts } from '../../shared/platform/http/mounts.js'
import type { Lifecycle } from '../../shared/platform/lifecycle.js'
import type { Log } from '../../shared/platform/log.js'
import { createMetrics, createProcessMetrics, type Metrics, type ProcessMetrics } from '../../shared/platform/metrics.js'
import { isUnspecified } from '../../shared/platform/settings/addresses.js'
import type { AuthSettings, UpSettings } from '../../shared/platform/settings/settings.js'
import { storeCheck, type Store } from '../../shared/store/store.js'
import { omitUndefined } from './defined.js'
import { version } from './version.js'

export interface Keys { readonly secret: string, readonly acceptSecrets: readonly string[], readonly auth: AuthSettings }

/** A bus for each participant: what one publishes must not come back to itself, but reach the others. */
export type OpenBus = (role: 'gate' | 'node', name: string) => Bus

/** With what the machine decides. */
export interface SizedSettings extends UpSettings { readonly processes: number, readonly nodes: number }

export interface StartOptions {
  readonly settings: SizedSettings
  readonly keys: Keys
  readonly log: Log
  readonly lifecycle: Lifecycle
}

export interface SiteOptions extends StartOptions {
  readonly store: Store
  readonly openBus: OpenBus
  /** Where the nodes are put; nodes of other processes may be there too. */
  readonly mounts: Mounts
  /** Numbers of its nodes, from 1 over all processes. */
  readonly nodes: readonly number[]
  /** Of several processes on one port. */
  readonly fellows?: { readonly askEldest: Fellows['askEldest'], readonly metricsPage: (own: () => Promise<string>) => Promise<string> }
  readonly isLate?: boolean
  /** Undefined: none. Of its Gate; the nodes have their numbers after the setting's. */
  readonly metricsPort: number | undefined
}

export interface Site {
  /** Of the port. */
  readonly url: string
  /** Metrics of its Gate and of the process. */
  readonly metricsPage: () => Promise<string>
  readonly nodes: readonly RunningNode[]
  /** Resolves once Gate and the nodes are. */
  readonly ready: () => Promise<void>
}

/** Gate listens first, since the nodes are below its address; it is closed last. */
export async function startSite (options: SiteOptions): Promise<Site> {
  const { settings: { host, publicUrl }, log, lifecycle, nodes } = options
  const processMetrics = createProcessMetrics()
  lifecycle.add({ name: 'process metrics', close: () => { processMetrics.close() } })
  const openBus: OpenBus = (role, name) => {
    const bus = options.openBus(role, name)
    lifecycle.add({ name: `bus of ${name}`, close: async () => { await bus.close() } })
    return bus
  }
  const parts: Parts = { ...options, openBus, processMetrics, connections: createConnections({ log }) }

  const started: RunningNode[] = []
  const gateMetrics = createMetrics({ processMetrics })
  const gate = await openOneGate(parts, gateMetrics, { isByRequest: publicUrl === undefined && isUnspecified(host), areThere: () => started.length === nodes.length })
  lifecycle.add({ name: 'gate', close: gate.close })
  // All at once: each may have clients that take their time.
  const closeNodes = async (): Promise<void> => { await Promise.all(started.map(async node => { await node.close() })) }
  for (const number of nodes) {
    const node = await startOneNode(parts, number, gate.url)
    started.push(node)
    lifecycle.add({ name: `node ${number}`, drain: node.drain, close: closeNodes })
  }
  return {
    url: gate.url,
    metricsPage: gateMetrics.text,
    nodes: started,
    ready: async () => {
      await Promise.all(started.map(async node => { await node.ready() }))
      // After them: it waits for what they know.
      await gate.ready()
    }
  }
}

/** The one `after` that which is set; 0 = any free port for each. */
const metricsPortOf = ({ metricsPort }: UpSettings, after: number): number | undefined =>
  metricsPort === undefined || metricsPort === 0 ? metricsPort : metricsPort + after

/** What Gate and its nodes share. */
interface Parts extends SiteOptions { readonly processMetrics: ProcessMetrics, readonly connections: Connections }

async function openOneGate ({ settings, keys, log, store, openBus, connections, mounts, metricsPort, fellows, isLate }: Parts, metrics: Metrics, { isByRequest, areThere }: Pick<OwnNodes, 'isByRequest' | 'areThere'>): Promise<OpenGate> {
  const { host, port, origins, isDemo, publicUrl, busUnsigned, rateProducerPerMinute, natsPrefix } = settings
  return await openGate({
    settings: { host, port, metricsPort, origins, ...keys, isDemo, publicUrl, busUnsigned, version, ...omitUndefined({ rateProducerPerMinute }) },
    bus: openBus('gate', 'gate'),
    natsPrefix,
    log: log.child({ part: 'gate' }),
    metrics,
    connections,
    ...fellows !== undefined && { fellows: { ...fellows, metricsPage: async () => await fellows.metricsPage(metrics.text) } },
    ...omitUndefined({ isLate }),
    alsoNeeds: () => ({ store: storeCheck(store.status()) }),
    ownNodes: { mounts, isByRequest, areThere }
  })
}

async function startOneNode ({ settings, keys, log, store, openBus, processMetrics, connections, mounts, nodes: ofProcess }: Parts, number: number, url: string): Promise<RunningNode> {
  const { host, port, origins, nodes, nodeId, nodeWeight, publicUrl = url, retentionMs, cacheBytes, drainMs, userLimits, natsPrefix, busUnsigned, dispatchMode } = settings
  const ownId = nodeId === undefined || nodes === 1 ? nodeId : `${nodeId}-${number}`
  return await startNode({
    settings: { host, port, metricsPort: metricsPortOf(settings, number), origins, nodeWeight, ...keys, retentionMs, cacheBytes: cacheBytes / ofProcess.length, drainMs, userLimits, busUnsigned, dispatchMode, version, ...omitUndefined({ nodeId: ownId }) },
    mountAt: { mounts, url, publicUrl },
    store,
    bus: openBus('node', `node ${number}`),
    natsPrefix,
    log: log.child({ part: 'node' }),
    metrics: createMetrics({ processMetrics }),
    connections
  })
}
