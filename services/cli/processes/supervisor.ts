/**
 * The processes that serve, as the first one sees them. Node's cluster module gives them one listening socket between them, and whoever of them
 * is free accepts. One that ends unasked is started again.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../../shared/platform/log.js'
import { SettingsError } from '../../../shared/platform/settings/fault.js'
import { createHandOver, type HandOver } from './hand-over.js'
import type { FromWorker, NodePlace, ToWorker, WebSocketRequest, WorkerStart } from './messages.js'

export interface Supervisor {
  /** Starts all and resolves with the address of their port once all are ready. Rejects where one cannot be started. */
  readonly start: () => Promise<string>
  /** Has all end, each with its drain. Resolves when they have, or after `ms`: they may still be closing then. */
  readonly drain: (ms: number) => Promise<void>
  /** Ends them where they were not drained. What has not ended soon is killed. */
  readonly close: () => Promise<void>
}

export interface SupervisorOptions {
  readonly starts: readonly WorkerStart[]
  readonly log: Log
  /** A process is gone, however it ended. */
  readonly onGone: () => void
}

const firstPauseMs = 100
const longestPauseMs = 10_000
/** Longer than a process takes to close what it has. */
const closeWithinMs = 1_400
/** One that ran this long begins anew with the shortest pause. */
const soundMs = 60_000

interface Place {
  readonly start: WorkerStart
  worker: Worker | undefined
  /** It hears. What is sent to it before would be lost. */
  isHere: boolean
  handOver: HandOver<WebSocketRequest> | undefined
  startedAt: number
  pauseMs: number
  nodes: readonly string[]
}

export function createSupervisor ({ starts, log, onGone }: SupervisorOptions): Supervisor {
  const places: Place[] = starts.map(start => ({ start, worker: undefined, isHere: false, handOver: undefined, startedAt: 0, pauseMs: firstPauseMs, nodes: [] }))
  const timers = new Set<NodeJS.Timeout>()
  let isEnding = false
  let whenAllEnded: (() => void) | undefined
  // Round robin would pass each connection to a process, and what a killed one had not taken yet would stay open without an answer.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./worker.js', import.meta.url)), args: [], serialization: 'advanced' })

  function run (place: Place, onReady: (url: string) => void, onFailed: (error: Error) => void): void {
    const worker = cluster.fork()
    place.worker = worker
    place.startedAt = performance.now()
    place.handOver = createHandOver((message, socket) => { tell(place, message, socket) }, (socket, request) => { pass(places, request, socket) })
    worker.on('message', (message: FromWorker, socket?: Socket) => { hear(places, place, message, socket, onReady, onFailed) })
    worker.once('exit', (code, signal) => { gone(place, code, signal, onFailed) })
  }

  function gone (place: Place, code: number | null, signal: string | null, onFailed: (error: Error) => void): void {
    place.worker = undefined
    place.isHere = false
    place.handOver?.end()
    place.nodes = []
    onGone()
    onFailed(new Error(`a process of this site ended at its start (${signal ?? `exit code ${code}`})`))
    if (isEnding) {
      if (places.every(({ worker }) => worker === undefined)) whenAllEnded?.()
      return
    }
    tellPlaces(places)
    if (performance.now() - place.startedAt > soundMs) place.pauseMs = firstPauseMs
    log.error({ event: 'process-gone', process: place.start.number, code, signal, againInMs: place.pauseMs }, 'a process of this site ended unasked; it is started again. If that goes on, look at what it logged last')
    const timer = setTimeout(() => {
      timers.delete(timer)
      run(place, url => { log.info({ event: 'process-back', process: place.start.number, url }, 'it serves again') }, () => {})
    }, place.pauseMs)
    timers.add(timer)
    place.pauseMs = Math.min(2 * place.pauseMs, longestPauseMs)
  }

  return {
    start: async () => {
      const urls = await Promise.all(places.map(async place => await new Promise<string>((resolve, reject) => { run(place, resolve, reject) })))
      return urls[0]!
    },
    drain: async ms => { await ended(ms) },
    close: async () => {
      await ended(closeWithinMs)
      for (const { worker } of places) worker?.process.kill('SIGKILL')
      await ended(closeWithinMs)
    }
  }

  /** Asks all to end; resolves when they have, or after `ms`. */
  async function ended (ms: number): Promise<void> {
    if (!isEnding) {
      isEnding = true
      for (const timer of timers) clearTimeout(timer)
      for (const place of places) if (place.isHere) tell(place, { do: 'end' }); else place.worker?.process.kill()
    }
    if (places.every(({ worker }) => worker === undefined)) return
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      new Promise<void>(resolve => { whenAllEnded = resolve }),
      new Promise<void>(resolve => { timer = setTimeout(resolve, ms) })
    ])
    clearTimeout(timer)
  }
}

function hear (places: readonly Place[], place: Place, message: FromWorker, socket: Socket | undefined, onReady: (url: string) => void, onFailed: (error: Error) => void): void {
  if ('hand' in message) {
    place.handOver?.hear(message, socket)
    return
  }
  switch (message.is) {
    case 'here':
      place.isHere = true
      tell(place, { do: 'start', start: place.start })
      tell(place, { do: 'know', places: known(places) })
      return
    case 'placed':
      place.nodes = message.nodes
      tellPlaces(places)
      return
    case 'ready': onReady(message.url); return
    case 'failed': onFailed(message.fault === undefined ? new Error(message.text) : new SettingsError([message.fault]))
  }
}

const known = (places: readonly Place[]): NodePlace[] => places.flatMap(({ nodes, start }) => nodes.map(id => ({ id, path: start.ownPath, process: start.number })))

function tellPlaces (places: readonly Place[]): void {
  const all = known(places)
  for (const place of places) tell(place, { do: 'know', places: all })
}

/** A WebSocket that came to a process which does not have its node. */
function pass (places: readonly Place[], request: WebSocketRequest, socket: Socket): void {
  const place = places.find(({ nodes }) => nodes.includes(request.node))
  if (place?.handOver === undefined) socket.destroy()
  else place.handOver.give(socket, request)
}

/** Nothing where it does not hear yet, or has just ended. */
function tell ({ worker, isHere }: Place, message: ToWorker, socket?: Socket): void {
  if (isHere && worker?.isConnected() === true) worker.send(message, socket, { keepOpen: true }, () => {})
}
