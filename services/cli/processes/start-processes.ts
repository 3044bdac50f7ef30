/**
 * `up` with several processes: this one keeps the embedded store and the bus for the others, which serve (worker.ts). Each of the two may
 * be outside: MongoDB, NATS.
 */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createInProcessBus } from '../../dispatch/buses/in-process-bus.js'
import { joinHub } from '../../dispatch/buses/machine-hub.js'
import { makeSocketFolder } from '../../../shared/platform/link.js'
import type { Lifecycle } from '../../../shared/platform/lifecycle.js'
import type { UpSettings } from '../../../shared/platform/settings/settings.js'
import { shareLmdb } from '../../../shared/store/lmdb-share.js'
import type { LmdbStore } from '../../../shared/store/lmdb-store.js'
import { anyFreePort, isFree } from '../free-port.js'
import type { StartOptions } from '../site.js'
import type { WorkerStart } from './messages.js'
import { createSupervisor } from './supervisor.js'

export interface ProcessesOptions extends StartOptions {
  readonly openEmbedded: (settings: UpSettings, log: StartOptions['log']) => Promise<LmdbStore>
}

const leaveWithinMs = 3_000
const leavePollMs = 50

/** Resolves with the address of their port once all of them are ready. */
export async function startProcesses (options: ProcessesOptions): Promise<string> {
  const { settings, log, lifecycle } = options
  const { processes } = settings
  let store: LmdbStore | undefined
  const supervisor = createSupervisor({ count: processes, log, onGone: () => { store?.checkReaders() } })
  try {
    const shared = await openShared(options)
    store = shared.store
    const starts = await workOf(options, shared)
    lifecycle.add({ name: 'processes', drain: async () => { await supervisor.drain(settings.drainMs) }, close: supervisor.close })
    const [url] = await Promise.all([supervisor.start(starts), showMetrics(shared.paths[0]!, lifecycle)])
    return url
  } catch (error) {
    await supervisor.close()
    throw error
  }
}

interface Shared extends Pick<WorkerStart, 'busPath' | 'storePath' | 'paths'> { readonly store: LmdbStore | undefined }

/** What the first process has for the others. */
async function openShared ({ settings, log, lifecycle, openEmbedded }: ProcessesOptions): Promise<Shared> {
  const { processes, natsUrl, mongodbUrl } = settings
  const folder = makeSocketFolder()
  lifecycle.add({ name: 'sockets between processes', close: folder.remove })
  const paths = Array.from({ length: processes + 1 }, (_, number) => folder.pathOf(`process-${number}`))
  let busPath: string | undefined
  let storePath: string | undefined
  let store: LmdbStore | undefined
  if (mongodbUrl === undefined) {
    const opened = store = await openEmbedded(settings, log)
    lifecycle.add({ name: 'store', close: async () => { await opened.close() } })
    storePath = folder.pathOf('store')
    await listen(storePath, lifecycle, socket => { shareLmdb(opened, socket) })
  }
  if (natsUrl === undefined) {
    const hub = createInProcessBus()
    let joined = 0
    busPath = folder.pathOf('bus')
    await listen(busPath, lifecycle, socket => { joinHub(hub, String(++joined), socket) })
  }
  return { store, storePath, busPath, paths }
}

async function workOf ({ settings, keys, log }: ProcessesOptions, { busPath, storePath, paths }: Shared): Promise<WorkerStart[]> {
  const { processes, nodes } = settings
  // A process that is started again must find the port of the first ones, though none of them may be left to keep it.
  let { port } = settings
  if (port === 0) port = await anyFreePort(settings.host)
  else await whenLeft(settings.host, port)
  const metricsPort = settings.metricsPort === 0 ? await anyFreePort(settings.host) : settings.metricsPort
  return Array.from({ length: processes }, (_, at): WorkerStart => ({
    settings: { ...settings, port },
    keys,
    number: at + 1,
    nodes: Array.from({ length: nodes }, (_, node) => node + 1).filter(node => (node - 1) % processes === at),
    metricsPort,
    logLevel: log.level as WorkerStart['logLevel'],
    busPath,
    storePath,
    paths
  }))
}

/** Of this process: its memory and its CPU time are those of the store. */
async function showMetrics (path: string, lifecycle: Lifecycle): Promise<void> {
  const { createProcessMetrics } = await import('../../../shared/platform/metrics.js')
  const metrics = createProcessMetrics()
  lifecycle.add({ name: 'process metrics', close: () => { metrics.close() } })
  const server = createHttpServer((_request, response) => { void metrics.registry.metrics().then(text => response.end(text)) }).listen(path)
  lifecycle.add({ name: 'metrics of this process', close: () => { server.close() } })
  await once(server, 'listening')
}

/** Where the first process was killed the others end in moments, but one that was busy keeps the port for a while. Who still has it then is named by the start. */
async function whenLeft (host: string, port: number): Promise<void> {
  const begun = performance.now()
  while (!await isFree(host, port) && performance.now() - begun < leaveWithinMs) await pause(leavePollMs)
}

async function listen (path: string, lifecycle: Lifecycle, onSocket: (socket: Socket) => void): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.once('close', () => { sockets.delete(socket) })
    onSocket(socket)
  }).listen(path)
  await once(server, 'listening')
  lifecycle.add({
    name: path,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  })
}
