/**
 * Prometheus metrics, a registry for each service instance: under `gatepost up` a Gate and several nodes share one
 * process. What belongs to the process (memory, event loop, garbage collection) is measured once and shown by each.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { createRequestTimes, createHistogram, type AnsweredRequest, type Histogram } from './histogram.js'

/** What a scrape of any instance in this process shows beside its own; close it last. */
export interface ProcessMetrics {
  readonly registry: Registry
  /** How late timers were lately: the mean over the last full second, in ms. */
  readonly eventLoopLagMs: number
  /** Resident memory; the last figure where there is no descriptor left to read it with. */
  readonly rssBytes: () => number
  close: () => void
}

export interface Metrics {
  /** This instance's own: for metrics that none of the functions below fits. */
  readonly registry: Registry
  /** How late timers were lately: the mean over the last full second, in ms. */
  readonly eventLoopLagMs: number
  /** Resident memory; the last figure where there is no descriptor left to read it with. */
  readonly rssBytes: () => number
  /** Names without the prefix `gatepost_`; a counter's end in `_total`. */
  counter: <L extends string = never>(name: string, help: string, labels?: readonly L[]) => Counter<L>
  /** A count that is kept elsewhere and only grows; `read` is asked at every scrape. */
  total: (name: string, help: string, read: () => number) => Counter
  /** `read` is asked at every scrape. */
  gauge: (name: string, help: string, read: () => number) => Gauge
  /** `bounds` in seconds, ascending; the name ends in `_seconds`. */
  times: (name: string, help: string, bounds: readonly number[]) => Pick<Histogram, 'observe'>
  observeRequest: (request: AnsweredRequest) => void
  /** Something was answered with an error otherwise than by the status of a request. */
  countRefusal: () => void
  /** Since the start: requests that were answered, and what was refused. */
  readonly requests: () => number
  readonly refusals: () => number
  /** The page for Prometheus: this instance's metrics and the process's. */
  text: () => Promise<string>
  readonly contentType: string
  /** Idempotent. Ends the process metrics too where they were made for this instance alone. */
  close: () => void
}

const prefix = 'gatepost_'
/** 0.5 ms to 10 s. */
const requestBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const lagResolutionMs = 10
/** Its 503 says that the service is not ready, and refuses nobody anything. */
const readinessRoute = '/readyz'
const lagWindowMs = 1000

export function createProcessMetrics (): ProcessMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })

  const delay = monitorEventLoopDelay({ resolution: lagResolutionMs })
  delay.enable()
  let eventLoopLagMs = 0
  let rss = 0
  const timer = setInterval(() => {
    // The histogram holds whole intervals between two looks, and nothing at all (NaN) before the first.
    if (delay.count > 0) eventLoopLagMs = Math.max(0, delay.mean / 1e6 - lagResolutionMs)
    delay.reset()
  }, lagWindowMs)
  timer.unref()
  const lag = new Gauge({
    name: prefix + 'event_loop_lag_seconds',
    help: 'How late timers were, mean over the last second.',
    registers: [registry],
    collect () { lag.set(eventLoopLagMs / 1000) }
  })

  return {
    registry,
    get eventLoopLagMs () { return eventLoopLagMs },
    rssBytes () {
      try { rss = process.memoryUsage.rss() } catch { /* A file of the system says it. */ }
      return rss
    },
    close () {
      clearInterval(timer)
      delay.disable()
      registry.clear()
    }
  }
}

/** `processMetrics` given = shared with other instances, and left open by `close`. */
export function createMetrics ({ processMetrics }: { processMetrics?: ProcessMetrics | undefined } = {}): Metrics {
  const registry = new Registry()
  const ofProcess = processMetrics ?? createProcessMetrics()
  const requestTimes = createRequestTimes({
    name: prefix + 'http_request_seconds',
    help: 'Time from the request line to the last byte of the answer.',
    bounds: requestBounds
  })
  const times: Array<Pick<Histogram, 'text'>> = [requestTimes]
  let requestCount = 0
  let refusals = 0

  const total: Metrics['total'] = (name, help, read) => {
    const counter = new Counter({
      name: prefix + name,
      help,
      registers: [registry],
      collect () {
        counter.reset()
        counter.inc(read())
      }
    })
    return counter
  }
  total('refusals_total', 'What was answered with an error since the start: requests, messages of a batch, events and handshakes of sockets.', () => refusals)

  return {
    registry,
    get eventLoopLagMs () { return ofProcess.eventLoopLagMs },
    rssBytes: ofProcess.rssBytes,
    counter: (name, help, labels = []) => new Counter({ name: prefix + name, help, labelNames: labels, registers: [registry] }),
    total,
    gauge (name, help, read) {
      const gauge = new Gauge({ name: prefix + name, help, registers: [registry], collect () { gauge.set(read()) } })
      return gauge
    },
    times (name, help, bounds) {
      const one = createHistogram({ name: prefix + name, help, bounds })
      times.push(one)
      return one
    },
    observeRequest: request => {
      requestCount++
      if (request.status >= 400 && request.route !== readinessRoute) refusals++
      requestTimes.observe(request)
    },
    countRefusal: () => { refusals++ },
    requests: () => requestCount,
    refusals: () => refusals,
    text: async () => [await registry.metrics(), ...times.map(one => one.text()), await ofProcess.registry.metrics()].join('\n'),
    contentType: registry.contentType,
    close () {
      registry.clear()
      if (processMetrics === undefined) ofProcess.close()
    }
  }
}
