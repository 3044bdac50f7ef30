/** Runs what serves until a signal ends it: the frame of `up`, `gate` and `node`. */
import { SettingsError } from '../../shared/platform/settings/fault.js'
import { createLifecycle, listenForSignals, type Lifecycle } from '../../shared/platform/lifecycle.js'
import type { Log } from '../../shared/platform/log.js'
import { faultOfStart } from './start-faults.js'

export interface ServiceOptions {
  readonly log: Log
  readonly drainMs: number
  readonly hasEcho: boolean
  /** Opens everything, adding each to the lifecycle; gives what the `ready` line says. May wait for backends without end. */
  readonly start: (lifecycle: Lifecycle) => Promise<{ readonly url: string } & Record<string, unknown>>
}

/** All of the end is over within 2 s of the drain's time. What is left then hangs, and nothing that was answered is lost with it. */
export const drainGraceMs = 200
const closeDeadlineMs = 1_700
/** 128 + SIGINT, as a shell would say it: it was not let finish. */
export const exitCodeAtOnce = 130

/** Resolves with exit code 0 after a signal and an orderly end. Throws SettingsError for what no retry can mend. */
export async function runService ({ log, drainMs, hasEcho, start }: ServiceOptions): Promise<number> {
  const lifecycle = createLifecycle({ log, drainDeadlineMs: drainMs + drainGraceMs, closeDeadlineMs })
  guardProcess(log)
  const signalled = new Promise<'signalled'>(resolve => {
    listenForSignals({
      log,
      source: process,
      hasEcho,
      onFirst: () => { resolve('signalled') },
      onSecond: () => { process.exit(exitCodeAtOnce) }
    })
  })

  const starting = start(lifecycle)
  try {
    const ready = await Promise.race([starting, signalled])
    if (ready !== 'signalled') {
      lifecycle.live()
      log.info({ event: 'ready', ...ready }, 'ready')
      await signalled
    }
  } catch (error) {
    await lifecycle.shutdown()
    const fault = faultOfStart(error)
    if (fault !== undefined) throw new SettingsError([fault])
    throw error
  }
  // A start that was interrupted fails in its own ways once its store and bus are gone.
  starting.catch(err => { log.debug({ event: 'start-interrupted', err }) })
  await lifecycle.shutdown()
  log.info({ event: 'stopped' }, 'stopped')
  return 0
}

/** Of every process that serves. */
export function guardProcess (log: Log): void {
  failLoudly(log)
  // Node would open its debugger to every user of the machine.
  process.on('SIGUSR1', () => { log.warn({ event: 'signal', signal: 'SIGUSR1' }, 'SIGUSR1 does nothing here: start with --inspect to debug') })
  // What is written is for this user alone.
  process.umask(0o077)
}

/** A fault that nobody caught leaves a state that nobody knows: say it once and end. */
function failLoudly (log: Log): void {
  const fail = (event: string) => (err: unknown) => {
    log.fatal({ event, err }, 'a fault that nobody caught; ending')
    process.exit(1)
  }
  process.on('uncaughtException', fail('uncaught-exception'))
  process.on('unhandledRejection', fail('unhandled-rejection'))
}
