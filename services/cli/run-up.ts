/** One process with everything: a Gate, its nodes, and between them NATS or the process itself. */
import { createInProcessBus } from '../dispatch/buses/in-process-bus.js'
import type { Bus } from '../dispatch/buses/bus.js'
import { createNatsBus } from '../dispatch/buses/nats-bus.js'
import { startGate } from '../gate/start.js'
import { startNode, type RunningNode } from '../notifications/node/start.js'
import { createConnections, type Connections } from '../../shared/platform/http/connections.js'
import type { Lifecycle } from '../../shared/platform/lifecycle.js'
import { authWarnings } from '../../shared/platform/identity/auth-warnings.js'
import { createLog, type Log } from '../../shared/platform/log.js'
import { createMetrics, createProcessMetrics, type ProcessMetrics } from '../../shared/platform/metrics.js'
import { readUpSettings } from '../../shared/platform/settings/config.js'
import { makeDataDir } from '../../shared/platform/settings/data-dir.js'
import { SettingsError } from '../../shared/platform/settings/fault.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { keepSecret } from '../../shared/platform/settings/secret-file.js'
import type { AuthSettings, UpSettings } from '../../shared/platform/settings/settings.js'
import { checkRoomToOpen } from '../../shared/store/disk-room.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { beginMongodbStore } from '../../shared/store/mongodb-store.js'
import { storeCheck, type Store } from '../../shared/store/store.js'
import type { Terminal } from './command.js'
import { omitUndefined } from './defined.js'
import { firstNodePort, startOnFreePort } from './free-port.js'
import { runService } from './run-service.js'
import { faultOfStart } from './start-faults.js'
import { untilReady } from './until-ready.js'
import { version } from './version.js'

export async function runUp (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readUpSettings(argv, terminal.surroundings)
  if (settings.mongodbUrl === undefined) refuseFullDisk(settings.dataDir)
  const secret = settings.secret ?? keepSecret(settings.dataDir)
  const keys = { secret, acceptSecrets: settings.acceptSecrets, auth: { ...settings.auth ?? { kind: 'secret', secret } as const, rules: settings.rules } }
  const log = createLog({ level: settings.logLevel, secrets: secretsOf(keys) })
  return await runService({
    log,
    drainMs: settings.drainMs,
    hasEcho: terminal.surroundings.env.npm_lifecycle_event !== undefined,
    start: async lifecycle => {
      log.info({ event: 'starting', version, settings: redacted(settings) }, 'starting')
      for (const { event, text } of authWarnings(keys.auth)) log.warn({ event }, text)
      const { url } = await startAll({ settings, keys, log, lifecycle })
      const admin = `${url}/gate/admin`
      const demo = settings.isDemo ? `${url}/gate/demo` : undefined
      terminal.stderr(directions({ admin, demo }))
      return { url, admin, ...omitUndefined({ demo }) }
    }
  })
}

interface Keys { secret: string, acceptSecrets: readonly string[], auth: AuthSettings }
interface StartOptions { settings: UpSettings, keys: Keys, log: Log, lifecycle: Lifecycle }

async function startAll ({ settings, keys, log, lifecycle }: StartOptions): Promise<{ url: string }> {
  const { host, port, origins, nodes, natsPrefix, isDemo } = settings
  const processMetrics = createProcessMetrics()
  lifecycle.add({ name: 'process metrics', close: () => { processMetrics.close() } })
  const store = await openStore(settings, log)
  lifecycle.add({ name: 'store', close: async () => { await store.close() } })
  const connections = createConnections({ log })
  const openBus = busOpener(settings, log, lifecycle)

  const started: RunningNode[] = []
  // All at once: each may have clients that take their time.
  const closeNodes = async (): Promise<void> => { await Promise.all(started.map(async node => { await node.close() })) }
  let nextPort = firstNodePort
  for (let number = 1; number <= nodes; number++) {
    const bus = openBus('node', `node ${number}`)
    const node = await startOn(port === 0 ? 0 : nextPort, async nodePort => {
      nextPort = nodePort + 1
      return await startOneNode({ settings, keys, log, number, nodePort, store, bus, processMetrics, connections })
    }, host)
    started.push(node)
    lifecycle.add({ name: `node ${number}`, drain: node.drain, close: closeNodes })
  }

  const bus = openBus('gate', 'gate')
  const metrics = createMetrics({ processMetrics })
  const gate = await startGate({
    settings: { host, port, metricsPort: metricsPortOf(settings, 0), origins, ...keys, isDemo, busUnsigned: settings.busUnsigned, version, ...omitUndefined({ rateProducerPerMinute: settings.rateProducerPerMinute }) },
    bus,
    natsPrefix,
    log: log.child({ part: 'gate' }),
    metrics,
    connections,
    alsoNeeds: () => ({ store: storeCheck(store.status()) })
  })
  lifecycle.add({ name: 'gate', close: gate.close })
  await Promise.all(started.map(async node => { await untilReady(node.probeUrl) }))
  return gate
}

/** 0 = any free port: then all of them are. */
const startOn = async (from: number, start: (port: number) => Promise<RunningNode>, host: string): Promise<RunningNode> =>
  from === 0 ? await start(0) : await startOnFreePort(host, from, start)

/** Before anything is made in the folder. */
function refuseFullDisk (dataDir: string): void {
  try { checkRoomToOpen(dataDir) } catch (error) {
    const fault = faultOfStart(error)
    throw fault === undefined ? error as Error : new SettingsError([fault])
  }
}

async function openStore ({ mongodbUrl, natsUrl, dataDir, diskReserveBytes }: UpSettings, log: Log): Promise<Store> {
  if (mongodbUrl !== undefined) return beginMongodbStore({ url: mongodbUrl, log }).store
  if (natsUrl !== undefined) {
    log.warn({ event: 'store-not-shared' }, 'GATEPOST_NATS_URL is set and GATEPOST_MONGODB_URL is not: nodes of other processes on this NATS do not see what this one stores')
  }
  makeDataDir(dataDir)
  return await openLmdbStore({ dir: dataDir, reserveBytes: diskReserveBytes, log })
}

/** A bus for each participant: what one publishes must not come back to itself, but reach the others in this process. */
function busOpener ({ natsUrl, natsCreds }: UpSettings, log: Log, lifecycle: Lifecycle): (role: 'gate' | 'node', name: string) => Bus {
  const hub = natsUrl === undefined ? createInProcessBus() : undefined
  return (role, name) => {
    const bus = hub?.connect(name) ?? createNatsBus({ url: natsUrl ?? '', name: `gatepost ${name}`, role, log, ...omitUndefined({ creds: natsCreds }) })
    lifecycle.add({ name: `bus of ${name}`, close: async () => { await bus.close() } })
    return bus
  }
}

/** Gate's is the one that is set, its nodes have those after it; 0 = any free port for each. */
const metricsPortOf = ({ metricsPort }: UpSettings, number: number): number | undefined =>
  metricsPort === undefined || metricsPort === 0 ? metricsPort : metricsPort + number

interface OneNode { settings: UpSettings, keys: Keys, log: Log, number: number, nodePort: number, store: Store, bus: Bus, processMetrics: ProcessMetrics, connections: Connections }

async function startOneNode ({ settings, keys, log, number, nodePort, store, bus, processMetrics, connections }: OneNode): Promise<RunningNode> {
  const { host, origins, nodes, nodeId, nodeWeight, publicUrl, retentionMs, drainMs, userLimits, natsPrefix, busUnsigned } = settings
  const ownId = nodeId === undefined || nodes === 1 ? nodeId : `${nodeId}-${number}`
  return await startNode({
    settings: { host, port: nodePort, metricsPort: metricsPortOf(settings, number), origins, nodeWeight, ...keys, retentionMs, drainMs, userLimits, busUnsigned, version, ...omitUndefined({ publicUrl, nodeId: ownId }) },
    store,
    bus,
    natsPrefix,
    log: log.child({ part: 'node' }),
    metrics: createMetrics({ processMetrics }),
    connections
  })
}

function directions ({ admin, demo }: { admin: string, demo: string | undefined }): string {
  return [
    '',
    ...demo === undefined ? [] : [`  demo inbox   ${demo}`],
    `  admin page   ${admin}`,
    '               its token: npx gatepost token --sub me --scope admin',
    '', ''
  ].join('\n')
}
