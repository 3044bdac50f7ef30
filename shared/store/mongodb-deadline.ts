/**
 * How long the store tries. Who appends gives up after 10 s (services/notifications/stream/appender.ts), so one call
 * of the store answers well within that, whatever the servers do: a write after `callMs` at the latest, with `unknown`
 * where it may be stored, a read after `commandMs`. The driver's own way to say that is on its way out (timeoutMS).
 */

/** One command, from choosing the server to the last document. */
export const commandMs = 4000
/** One call of the store with all its commands. */
export const callMs = 5000
/** Servers end what nobody waits for any more. */
export const serverLimit = { maxTimeMS: commandMs }
/** The server answers before we stop listening; what it has not confirmed is looked up. */
export const majorityWaitMs = 3000

export interface Deadline {
  readonly leftMs: () => number
  /** For one command. */
  readonly signal: () => AbortSignal
}

export function createDeadline (ms = callMs): Deadline {
  const end = performance.now() + ms
  const leftMs = (): number => Math.max(0, end - performance.now())
  return { leftMs, signal: () => AbortSignal.timeout(Math.ceil(Math.min(commandMs, leftMs()))) }
}
