/**
 * How long the store tries. Who appends gives up after 10 s (services/notifications/stream/appender.ts), so one call
 * of the store answers well within that, whatever the servers do: a write after `callMs` at the latest, with `unknown`
 * where it may be stored, a read after `commandMs`. The driver's own total limit (`timeoutMS`) is on its way out, its
 * abort signals cost a sixth of a command (28 of 170 µs), and its other limits are for single steps.
 */

/** One command, from choosing the server to the last document. */
export const commandMs = 4000
/** One call of the store with all its commands. */
export const callMs = 5000
/** Servers end what nobody waits for any more. */
export const serverLimit = { maxTimeMS: commandMs }
/** The server answers before we stop listening; what it has not confirmed is looked up. */
export const majorityWaitMs = 3000

/** How long the driver looks for a server (mongodb-connection.ts sets it): only after that is it sure that nothing was sent. */
export const selectionMs = 3000

export interface Deadline {
  readonly leftMs: () => number
  /** One command: rejects when it takes too long, and waits no more for it (its link is freed by the driver's limits). */
  readonly within: <T>(command: Promise<T>) => Promise<T>
}

export function createDeadline (ms = callMs): Deadline {
  const end = performance.now() + ms
  const leftMs = (): number => Math.max(0, end - performance.now())
  return { leftMs, within: async command => await within(Math.min(commandMs, leftMs()), command) }
}

export async function within<T> (ms: number, command: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([command, new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => { reject(new Error(`no answer within ${Math.ceil(ms)} ms`)) }, ms)
    })])
  } finally {
    clearTimeout(timer)
  }
}
