/**
 * What this node pushes to the others. Each push of a stored entry is counted (publish-log.ts), so that a loss shows. By interest it is told as
 * well (pushed-heads.ts), and goes to those who listen to the stream's arc; but to everyone while one is there, or may be, that hears no arcs.
 */
import { arcOf, streamToken, lifeToken, type Subjects } from '../../../shared/contract/subjects.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus } from '../buses/bus.js'
import { checkPayload } from '../buses/bus-errors.js'
import type { BroadcastFate, Dispatch, NodeLife } from '../dispatch.js'
import { arcHeadOf, writeArcMessage } from './arc-message.js'
import type { PublishLog } from './publish-log.js'
import type { StreamId } from '../../../shared/contract/names.js'

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
  readonly interest?: {
    /** Others are to be told. */
    readonly onPushed: (stream: StreamId, seq: number) => void
    /** Every other node hears arcs, as far as can be known. */
    readonly isShared: () => boolean
  } | undefined
  readonly log: Log
}

export function createBroadcastSender ({ self, bus, subjects, publishLog, isAlone, interest, log }: BroadcastSenderOptions): BroadcastSender {
  const pushStem = self && subjects.pushStem(lifeToken(self.id, self.startedAt))
  const volatileStem = self && subjects.volatileStem(self.id)
  const arcHead = self && arcHeadOf(self.id)
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

  function send (stem: string, stream: StreamId, payload: Uint8Array): 'sent' | 'too-large' {
    const token = streamToken(stream)
    const arc = interest?.isShared() === true ? arcOf(stream) : undefined
    const message = arc && arcHead && writeArcMessage(token, arcHead, payload)
    if (message && message.byteLength <= bus.maxPayloadBytes) {
      bus.publish(subjects.arc(arc), message)
    } else if (payload.byteLength > bus.maxPayloadBytes) {
      withhold(payload.byteLength)
      return 'too-large'
    } else {
      bus.publish(stem + token, payload)
    }
    return 'sent'
  }

  /** It is counted whether or not it reaches anybody: that shows the loss. */
  function hand (stem: string, stream: StreamId, content: Uint8Array | (() => Uint8Array)): BroadcastFate {
    if (!bus.isConnected || isAlone()) {
      publishLog.add(stream)
      return bus.isConnected ? 'alone' : 'disconnected'
    }
    const payload = typeof content === 'function' ? content() : content
    publishLog.add(stream)
    return send(stem, stream, payload)
  }

  return {
    broadcast (stream, content, seq) {
      if (pushStem === undefined) throw new Error('only a node broadcasts')
      if (!isOpen) return 'closed'
      const fate = hand(pushStem, stream, content)
      // After it: who is told of a push before it comes reads the store for nothing.
      interest?.onPushed(stream, seq)
      return fate
    },
    broadcastVolatile (stream, payload) {
      if (volatileStem === undefined) throw new Error('only a node broadcasts')
      checkPayload(payload, bus.maxPayloadBytes)
      if (isOpen) send(volatileStem, stream, payload)
    },
    broadcastTopic (topic, match, payload) {
      if (self === undefined) throw new Error('only a node broadcasts')
      checkPayload(payload, bus.maxPayloadBytes)
      if (isOpen) bus.publish(subjects.topic(self.id, topic, match), payload)
    },
    close () { isOpen = false }
  }
}
