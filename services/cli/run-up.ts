/** One process with everything: a Gate, its nodes, and between them NATS or the process itself. */
import type { Bus } from '../dispatch/buses/bus.js'
import { adminLink } from './operator/run-admin-link.js'
import { openGate, type OpenGate, type OwnNodes } from '../gate/start.js'
import { startNode, type RunningNode } from '../notifications/node/start.js'
import { createConnections, type Connections } from '../../shared/platform/http/connections.js'
import { createMounts, type Mounts } from '../../shared/platform/http/mounts.js'
import type { Lifecycle } from '../../shared/platform/lifecycle.js'
import { authWarnings } from '../../shared/platform/identity/auth-warnings.js'
import { createLog, type Log } from '../../shared/platform/log.js'
import { createMetrics, createProcessMetrics, type ProcessMetrics } from '../../shared/platform/metrics.js'
import { readUpSettings } from '../../shared/platform/settings/config.js'
import { isUnspecified } from '../../shared/platform/settings/addresses.js'
import { makeDataDir } from '../../shared/platform/settings/data-dir.js'
import { SettingsError } from '../../shared/platform/settings/fault.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { keepSecret } from '../../shared/platform/settings/secret-file.js'
import type { AuthSettings, UpSettings } from '../../shared/platform/settings/settings.js'
import { checkRoomToOpen } from '../../shared/store/disk-room.js'
import { storeCheck, type Store } from '../../shared/store/store.js'
import type { Terminal } from './command.js'
import { omitUndefined } from './defined.js'
import { runService } from './run-service.js'
import { faultOfStart } from './start-faults.js'
import { version } from './version.js'

export async function runUp (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readUpSettings(argv, terminal.surroundings)
  if (settings.mongodbUrl === undefined) refuseFullDisk(settings.dataDir)
  const secret = settings.secret ?? keepSecret(settings.dataDir)
  const keys = { secret, acceptSecrets: settings.acceptSecrets, auth: { ...settings.auth ?? { kind: 'secret', secret } as const, rules: settings.rules } }
  const isTerminal = terminal.isTerminal === true
  const log = createLog({ level: settings.logLevel ?? (isTerminal ? 'warn' : 'info'), secrets: secretsOf(keys) })
  return await runService({
    log,
    drainMs: settings.drainMs,
    hasEcho: terminal.surroundings.env.npm_lifecycle_event !== undefined,
    start: async lifecycle => {
      log.info({ event: 'starting', version, settings: redacted(settings) }, 'starting')
      for (const { event, text } of authWarnings(keys.auth)) log.warn({ event }, text)
      const url = await startAll({ settings, keys, log, lifecycle })
      const admin = `${url}/gate/admin`
      const demo = settings.isDemo ? `${url}/gate/demo` : undefined
      terminal.stderr(directions({ url, admin: isTerminal ? adminLink(url, secret, 'operator', sessionMs).url : admin, isTerminal, demo, settings }))
      return { url, admin, ...omitUndefined({ demo }) }
    }
  })
}

interface Keys { secret: string, acceptSecrets: readonly string[], auth: AuthSettings }
interface StartOptions { settings: UpSettings, keys: Keys, log: Log, lifecycle: Lifecycle }

/** Gate listens first, since the nodes are below its address; it is closed last. */
async function startAll ({ settings, keys, log, lifecycle }: StartOptions): Promise<string> {
  const { host, publicUrl } = settings
  const processMetrics = createProcessMetrics()
  lifecycle.add({ name: 'process metrics', close: () => { processMetrics.close() } })
  const store = await openStore(settings, log)
  lifecycle.add({ name: 'store', close: async () => { await store.close() } })
  const openBus = await busOpener(settings, log, lifecycle)
  const parts: Parts = { settings, keys, log, store, openBus, processMetrics, connections: createConnections({ log }), mounts: createMounts() }

  const started: RunningNode[] = []
  const gate = await openOneGate(parts, { isByRequest: publicUrl === undefined && isUnspecified(host), areThere: () => started.length === settings.nodes })
  lifecycle.add({ name: 'gate', close: gate.close })
  // All at once: each may have clients that take their time.
  const closeNodes = async (): Promise<void> => { await Promise.all(started.map(async node => { await node.close() })) }
  for (let number = 1; number <= settings.nodes; number++) {
    const node = await startOneNode(parts, number, gate.url)
    started.push(node)
    lifecycle.add({ name: `node ${number}`, drain: node.drain, close: closeNodes })
  }
  await Promise.all([gate.ready(), ...started.map(async node => { await node.ready() })])
  return gate.url
}

/** Before anything is made in the folder. */
function refuseFullDisk (dataDir: string): void {
  try { checkRoomToOpen(dataDir) } catch (error) {
    const fault = faultOfStart(error)
    throw fault === undefined ? error as Error : new SettingsError([fault])
  }
}

/** Either adapter is loaded where it is used only: a driver costs a tenth of a second. */
async function openStore ({ mongodbUrl, natsUrl, dataDir, diskReserveBytes }: UpSettings, log: Log): Promise<Store> {
  if (mongodbUrl !== undefined) return (await import('../../shared/store/mongodb-store.js')).beginMongodbStore({ url: mongodbUrl, log }).store
  if (natsUrl !== undefined) {
    log.warn({ event: 'store-not-shared' }, 'GATEPOST_NATS_URL is set and GATEPOST_MONGODB_URL is not: nodes of other processes on this NATS do not see what this one stores')
  }
  makeDataDir(dataDir)
  const { openLmdbStore } = await import('../../shared/store/lmdb-store.js')
  return await openLmdbStore({ dir: dataDir, reserveBytes: diskReserveBytes, log })
}

type OpenBus = (role: 'gate' | 'node', name: string) => Bus

/** A bus for each participant: what one publishes must not come back to itself, but reach the others in this process. */
async function busOpener ({ natsUrl, natsCreds }: UpSettings, log: Log, lifecycle: Lifecycle): Promise<OpenBus> {
  const open = natsUrl === undefined ? await inProcess() : await overNats(natsUrl)
  return (role, name) => {
    const bus = open(role, name)
    lifecycle.add({ name: `bus of ${name}`, close: async () => { await bus.close() } })
    return bus
  }

  async function inProcess (): Promise<OpenBus> {
    const { createInProcessBus } = await import('../dispatch/buses/in-process-bus.js')
    const hub = createInProcessBus()
    return (_role, name) => hub.connect(name)
  }
  async function overNats (url: string): Promise<OpenBus> {
    const { createNatsBus } = await import('../dispatch/buses/nats-bus.js')
    return (role, name) => createNatsBus({ url, name: `gatepost ${name}`, role, log, ...omitUndefined({ creds: natsCreds }) })
  }
}

/** Gate's is the one that is set, its nodes have those after it; 0 = any free port for each. */
const metricsPortOf = ({ metricsPort }: UpSettings, number: number): number | undefined =>
  metricsPort === undefined || metricsPort === 0 ? metricsPort : metricsPort + number

/** What Gate and the nodes of this process share. */
interface Parts extends Omit<StartOptions, 'lifecycle'> { store: Store, openBus: OpenBus, processMetrics: ProcessMetrics, connections: Connections, mounts: Mounts }

async function openOneGate ({ settings, keys, log, store, openBus, processMetrics, connections, mounts }: Parts, { isByRequest, areThere }: Pick<OwnNodes, 'isByRequest' | 'areThere'>): Promise<OpenGate> {
  const { host, port, origins, isDemo, publicUrl, busUnsigned, rateProducerPerMinute, natsPrefix } = settings
  return await openGate({
    settings: { host, port, metricsPort: metricsPortOf(settings, 0), origins, ...keys, isDemo, publicUrl, busUnsigned, version, ...omitUndefined({ rateProducerPerMinute }) },
    bus: openBus('gate', 'gate'),
    natsPrefix,
    log: log.child({ part: 'gate' }),
    metrics: createMetrics({ processMetrics }),
    connections,
    alsoNeeds: () => ({ store: storeCheck(store.status()) }),
    ownNodes: { mounts, isByRequest, areThere }
  })
}

async function startOneNode ({ settings, keys, log, store, openBus, processMetrics, connections, mounts }: Parts, number: number, url: string): Promise<RunningNode> {
  const { host, port, origins, nodes, nodeId, nodeWeight, publicUrl = url, retentionMs, drainMs, userLimits, natsPrefix, busUnsigned } = settings
  const ownId = nodeId === undefined || nodes === 1 ? nodeId : `${nodeId}-${number}`
  return await startNode({
    settings: { host, port, metricsPort: metricsPortOf(settings, number), origins, nodeWeight, ...keys, retentionMs, drainMs, userLimits, busUnsigned, version, ...omitUndefined({ nodeId: ownId }) },
    mountAt: { mounts, url, publicUrl },
    store,
    bus: openBus('node', `node ${number}`),
    natsPrefix,
    log: log.child({ part: 'node' }),
    metrics: createMetrics({ processMetrics }),
    connections
  })
}

/** How long the link of the start signs in. */
const sessionMs = 3_600_000

interface Directions { url: string, admin: string, isTerminal: boolean, demo: string | undefined, settings: UpSettings }

/** One page. The link that signs in is for a terminal only: elsewhere it would stay in somebody's log. */
function directions ({ url, admin, isTerminal, demo, settings: { publicUrl, mongodbUrl, dataDir } }: Directions): string {
  return [
    '',
    ...isTerminal ? [`  Gatepost ${version} runs at ${url}${publicUrl === undefined ? '' : `, for clients ${publicUrl}`}`, ''] : [],
    ...demo === undefined ? [] : [`  demo inbox   ${demo}`],
    `  admin page   ${admin}`,
    `               ${isTerminal ? 'it signs in once, within 15 minutes; the next link' : 'a link that signs in'}: npx gatepost admin-link`,
    ...isTerminal
      ? [
          ...mongodbUrl === undefined ? [`  data         ${dataDir}`] : [],
          '  commands     npx gatepost',
          '  read on      README.md, docs/README.md',
          '',
          '  Warnings follow, if any; GATEPOST_LOG_LEVEL=info shows more. Ctrl+C stops.'
        ]
      : [],
    '', ''
  ].join('\n')
}
