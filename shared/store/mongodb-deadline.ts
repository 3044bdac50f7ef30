/**
 * How long the store tries. One call answers well within what an append waits (shared/contract/deadlines.ts), whatever the servers do:
 * a write after `callMs` at the latest, with `unknown` where it may be stored, a read after `commandMs`. The driver's own total limit (`timeoutMS`) is on its way out, its
 * abort signals cost a sixth of a command (28 of 170 µs), and its other limits are for single steps.
 */
import { deadlines } from '../contract/deadlines.js'

export const { commandMs, callMs, selectionMs, majorityMs } = deadlines.store
/** Servers end what nobody waits for any more. */
export const serverLimit = { maxTimeMS: commandMs }

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
