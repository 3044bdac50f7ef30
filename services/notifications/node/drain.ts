/** A drain: every socket is asked to move, evenly over the drain time; who has not by its end is closed. */
import type { ConnectedUsers } from '../realtime/connected-users.js'
import type { Connection } from '../realtime/connection.js'

export interface Drain {
  /** Resolves when no socket is left, or it was stopped. */
  readonly ended: Promise<void>
  readonly stop: () => void
}

export interface DrainOptions {
  readonly users: Pick<ConnectedUsers, 'connections'>
  /** Ms that only grow. */
  readonly elapsed: () => number
  readonly drainMs: number
}

const roundMs = 100
/** The last part of a drain is left for those who were asked last. */
const askWithin = 0.8

export function startDrain ({ users, elapsed, drainMs }: DrainOptions): Drain {
  const begun = elapsed()
  const asked = new WeakSet<Connection>()
  let end!: () => void
  const ended = new Promise<void>(resolve => { end = resolve })

  function step (): void {
    const passed = elapsed() - begun
    const open = [...users.connections()]
    const left = open.filter(connection => !asked.has(connection))
    const roundsLeft = Math.max(1, Math.floor((drainMs * askWithin - passed) / roundMs))
    for (const connection of left.slice(0, Math.ceil(left.length / roundsLeft))) {
      asked.add(connection)
      connection.reassign('draining', 0)
    }
    if (passed >= drainMs) for (const connection of open) connection.end()
    if (passed >= drainMs || open.length === 0) stop()
  }

  // The first are asked a round later: Gates have heard of it by then, and send nobody back here.
  const timer = setInterval(step, roundMs)
  const stop = (): void => { clearInterval(timer); end() }
  return { ended, stop }
}
