/** What is on its way to a NATS server, bounded: one that does not take it would have all of it kept here. */
import type { NatsConnection } from 'nats'
import type { Log } from '../../../shared/platform/log.js'

export interface NatsBackpressure {
  /** Publishes, or drops where too much is under way: the server would drop it, too. */
  send: (over: NatsConnection, subject: string, payload: Uint8Array) => void
  /** Another connection, or none: nothing is under way. */
  reset: () => void
}

const maxUnacknowledgedBytes = 64 * 1024 * 1024
const acknowledgeEachBytes = 1024 * 1024

export function createNatsBackpressure (log: Log): NatsBackpressure {
  let unacknowledgedBytes = 0
  let unmarkedBytes = 0
  let isDropping = false

  /** Asks the server to acknowledge what was sent so far. */
  function mark (over: NatsConnection): void {
    const bytes = unmarkedBytes
    unmarkedBytes = 0
    over.flush().then(() => {
      unacknowledgedBytes = Math.max(0, unacknowledgedBytes - bytes)
      isDropping = false
    }, () => undefined) // The link is lost, and the account with it (`reset`).
  }

  return {
    send (over, subject, payload) {
      if (unacknowledgedBytes > maxUnacknowledgedBytes) {
        if (!isDropping) log.warn({ event: 'nats-congested', unacknowledgedBytes }, 'NATS does not take what is sent to it: dropping')
        isDropping = true
        return
      }
      over.publish(subject, payload)
      unacknowledgedBytes += payload.byteLength
      unmarkedBytes += payload.byteLength
      if (unmarkedBytes >= acknowledgeEachBytes) mark(over)
    },
    reset () {
      unacknowledgedBytes = unmarkedBytes = 0
      isDropping = false
    }
  }
}
