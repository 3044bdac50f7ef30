/** What this node pushes to every other node. Each push of a stored entry is counted (publish-log.ts), so that a loss shows. */
import { streamToken, lifeToken, type Subjects } from '../../../shared/contract/subjects.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus } from '../buses/bus.js'
import { checkPayload } from '../buses/bus-errors.js'
import type { Dispatch, NodeLife } from '../dispatch.js'
import type { PublishLog } from './publish-log.js'

export interface BroadcastSender extends Pick<Dispatch, 'broadcast' | 'broadcastVolatile' | 'broadcastTopic'> {
  /** Nothing is sent any more. */
  close: () => void
}

export interface BroadcastSenderOptions {
  readonly self: NodeLife | undefined
  readonly bus: Pick<Bus, 'isConnected' | 'maxPayloadBytes' | 'publish'>
  readonly subjects: Subjects
  readonly publishLog: Pick<PublishLog, 'add'>
  /** No other node is there, as is known for sure. */
  readonly isAlone: () => boolean
  readonly log: Log
}

export function createBroadcastSender ({ self, bus, subjects, publishLog, isAlone, log }: BroadcastSenderOptions): BroadcastSender {
  const pushStem = self && subjects.pushStem(lifeToken(self.id, self.startedAt))
  const volatileStem = self && subjects.volatileStem(self.id)
  let isOpen = true
  /** The bus's limit that the log has called too low. */
  let withheldAbove: number | undefined

  /** The entry is stored and counted. The others notice by the number, and read it from the store. */
  function withhold (bytes: number): void {
    const { maxPayloadBytes } = bus
    if (withheldAbove === maxPayloadBytes) return
    withheldAbove = maxPayloadBytes
    log.error({ event: 'broadcast-too-large', bytes, maxPayloadBytes }, 'NATS takes less than a message needs, so other nodes read such messages from the store, a second late: set its max_payload to 1 MiB (1048576)')
  }

  return {
    broadcast (stream, content) {
      if (pushStem === undefined) throw new Error('only a node broadcasts')
      if (!isOpen) return 'closed'
      // It is counted whether or not it reaches anybody: its number shows the loss.
      if (!bus.isConnected || isAlone()) {
        publishLog.add(stream)
        return bus.isConnected ? 'alone' : 'disconnected'
      }
      const payload = typeof content === 'function' ? content() : content
      publishLog.add(stream)
      if (payload.byteLength > bus.maxPayloadBytes) {
        withhold(payload.byteLength)
        return 'too-large'
      }
      bus.publish(pushStem + streamToken(stream), payload)
      return 'sent'
    },
    broadcastVolatile (stream, payload) {
      if (volatileStem === undefined) throw new Error('only a node broadcasts')
      checkPayload(payload, bus.maxPayloadBytes)
      if (isOpen) bus.publish(volatileStem + streamToken(stream), payload)
    },
    broadcastTopic (topic, match, payload) {
      if (self === undefined) throw new Error('only a node broadcasts')
      checkPayload(payload, bus.maxPayloadBytes)
      if (isOpen) bus.publish(subjects.topic(self.id, topic, match), payload)
    },
    close () { isOpen = false }
  }
}
