/** The parts that a process is composed of, loaded when a command needs them: `token` and `--help` need none. */
import type { NodeId } from '../../shared/names.js'
import type { Log } from '../../shared/log.js'
import type { Metrics } from '../../shared/metrics.js'
import type { AuthSettings } from '../../shared/settings/settings.js'
import type { Store } from '../../shared/store/store.js'
import type { Bus } from '../dispatch/bus.js'

export interface NodeOptions {
  settings: {
    host: string
    port: number
    publicUrl?: string
    nodeId?: string
    nodeWeight: number
    secret: string
    auth: AuthSettings
    isDemo: boolean
    retentionMs: number
    drainMs: number
    rateUserPerMinute?: number
    version: string
  }
  store: Store
  bus: Bus
  natsPrefix: string
  log: Log
  metrics?: Metrics
}
export interface RunningNode { id: NodeId, url: string, drain: () => Promise<void>, close: () => Promise<void> }

export interface GateOptions {
  settings: { host: string, port: number, secret: string, auth: AuthSettings, isDemo: boolean, rateProducerPerMinute?: number, version: string }
  bus: Bus
  natsPrefix: string
  log: Log
  metrics?: Metrics
}
export interface RunningGate { url: string, close: () => Promise<void> }

// Named by a variable: these modules are not there yet.
const gate: string = '../gate/start.js'
const node: string = '../notifications/start.js'
const lmdb: string = '../../shared/store/lmdb-store.js'
const mongodb: string = '../../shared/store/mongodb-store.js'
const nats: string = '../dispatch/nats-bus.js'

export const startGate = async (options: GateOptions): Promise<RunningGate> => await (await import(gate)).startGate(options)
export const startNode = async (options: NodeOptions): Promise<RunningNode> => await (await import(node)).startNode(options)
export const openLmdbStore = async (options: { dir: string, log: Log }): Promise<Store> => await (await import(lmdb)).openLmdbStore(options)
export const openMongodbStore = async (options: { url: string, log: Log }): Promise<Store> => await (await import(mongodb)).openMongodbStore(options)
export const connectNats = async (options: { url: string, creds?: string, name: string, log: Log }): Promise<Bus> => await (await import(nats)).createNatsBus(options)
