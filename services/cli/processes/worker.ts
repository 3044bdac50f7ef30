/** One of the processes that serve: a Gate and nodes, on the port that all of them share. Started by supervisor.ts, and gone with it. */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { askProcess } from '../../../shared/platform/http/ask-process.js'
import { createForwarding } from '../../../shared/platform/http/forwarding.js'
import { createMounts, mountPath, type Mounts } from '../../../shared/platform/http/mounts.js'
import { createLifecycle, listenForSignals, type Lifecycle } from '../../../shared/platform/lifecycle.js'
import { joinMetrics, type MetricsPage } from '../../../shared/platform/joined-metrics.js'
import { createLog, type Log } from '../../../shared/platform/log.js'
import { secretsOf } from '../../../shared/platform/settings/redacted.js'
import type { Store } from '../../../shared/store/store.js'
import { openMongodb, openNats } from '../backends.js'
import { drainGraceMs, exitCodeAtOnce, guardProcess } from '../run-service.js'
import { startSite, type OpenBus, type SiteOptions } from '../site.js'
import { faultOfStart } from '../start-faults.js'
import { createHandOver, type HandOver } from './hand-over.js'
import { withMore, type FromWorker, type GivenConnection, type NodePlace, type ToWorker, type WorkerStart } from './messages.js'

/** The first process waits a little longer before it kills. */
const closeDeadlineMs = 1_200
const idleMs = 60_000
const mostUnderWay = 32

process.once('message', (message: ToWorker) => { if ('do' in message && message.do === 'start') void serve(message); else process.exit(0) })
tell({ is: 'here' })

async function serve ({ start, isLate }: Extract<ToWorker, { do: 'start' }>): Promise<void> {
  const { settings, keys, logLevel } = start
  const log = createLog({ level: logLevel, secrets: secretsOf(keys) })
  const lifecycle = createLifecycle({ log, drainDeadlineMs: settings.drainMs + drainGraceMs, closeDeadlineMs })
  guardProcess(log)
  let ending: Promise<void> | undefined
  const end = async (): Promise<void> => {
    await lifecycle.shutdown()
    process.exit(0)
  }
  listenForSignals({ log, source: process, hasEcho: true, onFirst: () => { ending ??= end() }, onSecond: () => { process.exit(exitCodeAtOnce) } })
  const mounts = createMounts({ hasOthers: true })
  const handOver = createHandOver<GivenConnection>(tell, (socket, given, more) => { mounts.adopt(socket, withMore(given, more).read) })
  const neighbours = createNeighbours(mounts, start.number, handOver)
  let eldest: number | undefined
  process.on('message', (message: ToWorker, socket: Socket | undefined) => {
    if ('hand' in message) {
      handOver.hear(message, socket)
      return
    }
    switch (message.do) {
      case 'start': return // the first of all, taken above
      case 'end': ending ??= end(); return
      case 'know':
        neighbours.know(message.places)
        eldest = message.eldest
    }
  })
  try {
    const url = await open({ start, isLate, log, lifecycle, mounts, eldest: () => eldest })
    await neighbours.knowsOthers(settings.nodes - start.nodes.length)
    lifecycle.live()
    tell({ is: 'ready', url })
  } catch (error) {
    if (ending !== undefined) return
    const fault = faultOfStart(error)
    if (fault === undefined) log.error({ event: 'process-start-failed', process: start.number, err: error }, 'a process of this site could not start')
    tell({ is: 'failed', text: (error as Error).message, fault })
    await lifecycle.shutdown()
    process.exit(1)
  }
}

interface Opening { readonly start: WorkerStart, readonly isLate: boolean, readonly log: Log, readonly lifecycle: Lifecycle, readonly mounts: Mounts, readonly eldest: () => number | undefined }

async function open ({ start, isLate, log, lifecycle, mounts, eldest }: Opening): Promise<string> {
  const { settings, keys, number, nodes, metricsPort, busPath, storePath, paths } = start
  const { dataDir, mongodbUrl = '', natsUrl = '', natsCreds } = settings
  const store = storePath === undefined ? await openMongodb(mongodbUrl, log) : await openGuest(dataDir, storePath)
  lifecycle.add({ name: 'store', close: async () => { await store.close() } })
  const openBus = busPath === undefined ? await openNats(natsUrl, natsCreds, log) : await overMachine(busPath)
  const fellows = createFellows(number, paths, eldest)
  const site = await startSite({ settings, keys, log, lifecycle, store, openBus, mounts, nodes, metricsPort, fellows, isLate })

  const ownPath = paths[number]!
  // What other processes took for these nodes, and what they ask of this Gate.
  const own = createServer((request, response) => {
    if (request.url === ownMetrics) void site.metricsPage().then(text => response.end(text))
    else mounts.answer(request, response)
  })
  own.keepAliveTimeout = idleMs
  rmSync(ownPath, { force: true }) // of a process in this place that was killed
  own.listen({ path: ownPath, exclusive: true })
  await once(own, 'listening')
  lifecycle.add({ name: 'requests of other processes', close: () => { own.close() } })
  tell({ is: 'placed', nodes: site.nodes.map(({ id }) => id) })
  await site.ready()
  return site.url
}

/** No path of Gate's. */
const ownMetrics = '/own-metrics'

function createFellows (number: number, paths: readonly string[], eldest: () => number | undefined): NonNullable<SiteOptions['fellows']> {
  return {
    metricsPage: async own => {
      const pages = await Promise.all(paths.map(async (path, process) => ({ process, text: process === number ? await own() : (await askProcess(path, ownMetrics))?.text })))
      return joinMetrics(pages.filter((page): page is MetricsPage => page.text !== undefined))
    },
    askEldest: async (url, authorization) => {
      const other = eldest()
      return other === undefined || other === number ? undefined : await askProcess(paths[other]!, url, { authorization })
    }
  }
}

async function openGuest (dir: string, path: string): Promise<Store> {
  const { openLmdbGuest } = await import('../../../shared/store/lmdb-guest.js')
  return await openLmdbGuest({ dir, socket: await connected(path) })
}

async function overMachine (path: string): Promise<OpenBus> {
  const { createMachineBus } = await import('../../dispatch/buses/machine-bus.js')
  const machine = createMachineBus(await connected(path))
  return (_role, name) => machine.connect(name)
}

async function connected (path: string): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}

interface Neighbours {
  readonly know: (places: readonly NodePlace[]) => void
  /** Resolves once there are `count` of them. */
  readonly knowsOthers: (count: number) => Promise<void>
}

/** Nodes of the other processes, mounted beside the own ones: whoever asks here for one of them is answered by its process. */
function createNeighbours (mounts: Mounts, ownNumber: number, handOver: HandOver<GivenConnection>): Neighbours {
  const known = new Map<string, { readonly path: string, readonly forget: () => void }>()
  const waiting = new Set<() => void>()
  return {
    knowsOthers: async count => {
      while (known.size < count) await new Promise<void>(resolve => { waiting.add(resolve) })
    },
    know: places => {
      for (const [id, { path, forget }] of known) {
        if (places.some(place => place.id === id && place.path === path)) continue
        known.delete(id)
        forget()
      }
      for (const { id, path, process: number } of places) {
        if (number === ownNumber || known.has(id)) continue
        const { server, close } = createForwarding({ socketPath: path, path: mountPath(id), giveUpgrade: (head, socket) => { handOver.give(socket as Socket, { node: id, read: head }) } })
        const mount = mounts.mount(id, server, '/socket.io', (socket, read) => {
          // Each takes a few messages, one socket after the other: of many at once the rest is forwarded.
          if (handOver.underWay() >= mostUnderWay) return false
          handOver.give(socket, { node: id, read })
          return true
        })
        known.set(id, {
          path,
          forget: () => {
            close()
            void mount.close()
          }
        })
      }
      for (const resolve of waiting) resolve()
      waiting.clear()
    }
  }
}

function tell (message: FromWorker, socket?: Socket): void { if (cluster.isWorker && process.connected) process.send?.(message, socket, { keepOpen: true }, () => {}) }
