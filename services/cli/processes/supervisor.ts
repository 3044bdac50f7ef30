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
import { withMore, type FromWorker, type GivenConnection, type ToWorker, type WorkerStart } from './messages.js'

export interface Supervisor {
  /** Has all serve, and resolves with the address of their port once all are ready. Rejects where one cannot be started. */
  readonly start: (starts: readonly WorkerStart[]) => Promise<string>
  /** Has all end, each with its drain. Resolves when they have, or after `ms`: they may still be closing then. */
  readonly drain: (ms: number) => Promise<void>
  /** Ends them where they were not drained. What has not ended soon is killed. */
  readonly close: () => Promise<void>
}

export interface SupervisorOptions {
  readonly count: number
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
  /** From 1. */
  readonly number: number
  /** Undefined: it waits until it is told what to serve. */
  start: WorkerStart | undefined
  begun: Begun | undefined
  worker: Worker | undefined
  /** It hears. What is sent to it before would be lost. */
  isHere: boolean
  handOver: HandOver<GivenConnection> | undefined
  startedAt: number
  /** Undefined: not ready. */
  readyAt: number | undefined
  pauseMs: number
  nodes: readonly string[]
}

/** Who waits for its start. */
interface Begun { readonly ready: (url: string) => void, readonly failed: (error: Error) => void }

/** The processes load their program from here on, while the store is opened. */
export function createSupervisor ({ count, log, onGone }: SupervisorOptions): Supervisor {
  const places = Array.from({ length: count }, (_, at): Place => ({
    number: at + 1, start: undefined, begun: undefined, worker: undefined, isHere: false, handOver: undefined, startedAt: 0, readyAt: undefined, pauseMs: firstPauseMs, nodes: []
  }))
  const timers = new Set<NodeJS.Timeout>()
  let isEnding = false
  let whenAllEnded: (() => void) | undefined
  // Round robin would pass each connection to a process, and what a killed one had not taken yet would stay open without an answer.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./worker.js', import.meta.url)), args: [], serialization: 'advanced' })

  for (const place of places) run(place)

  function run (place: Place): void {
    const worker = cluster.fork()
    place.worker = worker
    place.startedAt = performance.now()
    place.handOver = createHandOver((message, socket) => { tell(place, message, socket) }, (socket, given, more) => { pass(places, withMore(given, more), socket) })
    worker.on('message', (message: FromWorker, socket?: Socket) => { hear(places, place, message, socket) })
    worker.once('exit', (code, signal) => { gone(place, code, signal) })
  }

  function gone (place: Place, code: number | null, signal: string | null): void {
    const { number } = place
    place.worker = undefined
    place.isHere = false
    place.readyAt = undefined
    place.handOver?.end()
    place.nodes = []
    onGone()
    place.begun?.failed(new Error(`a process of this site ended at its start (${signal ?? `exit code ${code}`})`))
    if (isEnding) {
      if (places.every(({ worker }) => worker === undefined)) whenAllEnded?.()
      return
    }
    tellPlaces(places)
    if (performance.now() - place.startedAt > soundMs) place.pauseMs = firstPauseMs
    log.error({ event: 'process-gone', process: number, code, signal, againInMs: place.pauseMs }, 'a process of this site ended unasked; it is started again. If that goes on, look at what it logged last')
    const timer = setTimeout(() => {
      timers.delete(timer)
      place.begun = { ready: url => { log.info({ event: 'process-back', process: number, url }, 'it serves again') }, failed: () => {} }
      run(place)
    }, place.pauseMs)
    timers.add(timer)
    place.pauseMs = Math.min(2 * place.pauseMs, longestPauseMs)
  }

  return {
    start: async starts => {
      const urls = await Promise.all(places.map(async (place, at) => await new Promise<string>((resolve, reject) => {
        place.start = starts[at]!
        place.begun = { ready: resolve, failed: reject }
        if (place.isHere) begin(places, place)
      })))
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

function begin (places: readonly Place[], place: Place): void {
  if (place.start === undefined) return
  tell(place, { do: 'start', start: place.start, isLate: places.some(({ readyAt }) => readyAt !== undefined) })
  tell(place, news(places))
}

function hear (places: readonly Place[], place: Place, message: FromWorker, socket: Socket | undefined): void {
  if ('hand' in message) {
    place.handOver?.hear(message, socket)
    return
  }
  switch (message.is) {
    case 'here':
      place.isHere = true
      begin(places, place)
      return
    case 'placed':
      place.nodes = message.nodes
      tellPlaces(places)
      return
    case 'ready':
      place.readyAt = performance.now()
      tellPlaces(places)
      place.begun?.ready(message.url)
      return
    case 'failed': place.begun?.failed(message.fault === undefined ? new Error(message.text) : new SettingsError([message.fault]))
  }
}

function news (places: readonly Place[]): ToWorker {
  const [eldest] = places.filter(({ readyAt }) => readyAt !== undefined).sort((a, b) => a.readyAt! - b.readyAt!)
  return {
    do: 'know',
    places: places.flatMap(({ nodes, number, start }) => nodes.map(id => ({ id, path: start!.paths[number]!, process: number }))),
    eldest: eldest?.number
  }
}

function tellPlaces (places: readonly Place[]): void {
  for (const place of places) tell(place, news(places))
}

/** A connection that came to a process which does not have the node that it is for. */
function pass (places: readonly Place[], given: GivenConnection, socket: Socket): void {
  const place = places.find(({ nodes }) => nodes.includes(given.node))
  if (place?.handOver === undefined) socket.destroy()
  else place.handOver.give(socket, given)
}

/** Nothing where it does not hear yet, or has just ended. */
function tell ({ worker, isHere }: Place, message: ToWorker, socket?: Socket): void {
  if (isHere && worker?.isConnected() === true) worker.send(message, socket, { keepOpen: true }, () => {})
}
