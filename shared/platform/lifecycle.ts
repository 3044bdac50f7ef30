/**
 * What a process has opened, and how it ends.
 *
 *     starting ──live()──▶ live ──shutdown()──▶ draining ──▶ closing ──▶ closed
 *         └────────────shutdown()────────────────────────────▲
 *
 * Draining happens everywhere at once: whoever hands sockets over still needs the bus, the store and the others.
 * Closing goes in the reverse order of opening. Both have a deadline: what hangs is named in the log and left behind.
 */
import { performance } from 'node:perf_hooks'
import type { Log } from './log.js'

export type LifecycleState = 'starting' | 'live' | 'draining' | 'closing' | 'closed'

export interface Resource {
  readonly name: string
  /** Hands over what it serves; it goes on working for the others meanwhile. */
  readonly drain?: () => Promise<void>
  readonly close: () => Promise<void> | void
}

export interface Lifecycle {
  readonly state: LifecycleState
  /** In the order of opening. What comes after closing has begun is closed at once. */
  add: (resource: Resource) => void
  /** Everything is open; from here on `shutdown` drains first. */
  live: () => void
  /** Idempotent: every call gets the same promise. Resolves with the names of what did not close; never rejects. */
  shutdown: () => Promise<readonly string[]>
}

export interface LifecycleOptions {
  log: Log
  /** How long draining may take in all. */
  drainDeadlineMs: number
  /** How long closing may take in all. */
  closeDeadlineMs: number
}

export function createLifecycle ({ log, drainDeadlineMs, closeDeadlineMs }: LifecycleOptions): Lifecycle {
  let state: LifecycleState = 'starting'
  const resources: Resource[] = []
  let ending: Promise<readonly string[]> | undefined

  async function end (): Promise<readonly string[]> {
    if (state === 'live') {
      state = 'draining'
      const deadline = performance.now() + drainDeadlineMs
      await Promise.all(resources.map(async resource => {
        if (resource.drain !== undefined) await attempt('drain', resource.name, resource.drain, deadline)
      }))
    }
    state = 'closing'
    const left: string[] = []
    const deadline = performance.now() + closeDeadlineMs
    for (let resource = resources.pop(); resource !== undefined; resource = resources.pop()) {
      if (!await attempt('close', resource.name, resource.close, deadline)) left.push(resource.name)
    }
    state = 'closed'
    return left
  }

  /** False when it failed or is not done by the deadline; what is under way then is left to itself. */
  async function attempt (step: 'drain' | 'close', name: string, run: () => Promise<void> | void, deadline: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>(resolve => { timer = setTimeout(resolve, Math.max(0, deadline - performance.now()), 'late') })
    try {
      const outcome = await Promise.race([(async () => { await run() })(), late])
      if (outcome === 'late') log.warn({ event: `${step}-late`, resource: name }, `${name} took too long to ${step}`)
      return outcome !== 'late'
    } catch (err) {
      log.warn({ event: `${step}-failed`, resource: name, err }, `${name} did not ${step}`)
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    get state () { return state },
    add (resource) {
      if (state === 'closing' || state === 'closed') void attempt('close', resource.name, resource.close, performance.now() + closeDeadlineMs)
      else resources.push(resource)
    },
    live () { if (state === 'starting') state = 'live' },
    shutdown () {
      ending ??= end()
      return ending
    }
  }
}

export interface SignalOptions {
  log: Log
  /** Where signals come from; a process, or its like in tests. */
  source: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  /**
   * npm passes on a signal that a terminal has sent to its child already: below npm, the same signal again within
   * half a second is that echo and no second wish.
   */
  hasEcho: boolean
  onFirst: () => void
  /** Someone does not want to wait any longer. */
  onSecond: () => void
}

const echoMs = 500

/** SIGTERM and SIGINT: the first is handled apart from those after it. Returns what ends it. */
export function listenForSignals ({ log, source, hasEcho, onFirst, onSecond }: SignalOptions): () => void {
  let first: { signal: string, atMs: number } | undefined
  const handlers = (['SIGTERM', 'SIGINT'] as const).map(signal => ({
    signal,
    handle: () => {
      if (first === undefined) {
        first = { signal, atMs: performance.now() }
        log.info({ event: 'stopping', signal }, 'stopping; once more to stop at once')
        onFirst()
      } else if (!(hasEcho && signal === first.signal && performance.now() - first.atMs < echoMs)) {
        log.warn({ event: 'stopped-at-once', signal }, 'stopped at once')
        onSecond()
      }
    }
  }))
  for (const { signal, handle } of handlers) source.on(signal, handle)
  return () => { for (const { signal, handle } of handlers) source.off(signal, handle) }
}
