/**
 * Pushes to every other node and from them. Those of stored entries are numbered by their publisher and counted here, so that a
 * loss is noticed (receive-counters.ts, publish-log.ts); volatile ones promise nothing.
 *
 * Receiving begins with the first `onArrival`: a process that only watches the members (a Gate) costs nothing more.
 */
import type { Log } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import type { Bus } from '../buses/bus.js'
import { checkPayload } from '../buses/bus-errors.js'
import type { Arrival, Dispatch, NodeLife, TopicArrival } from '../dispatch.js'
import { register, tell } from '../handlers.js'
import type { ReceiveCounters } from './receive-counters.js'
import type { PublishLog } from './publish-log.js'
import { lifeToken, streamToken, type Subjects } from '../../../shared/contract/subjects.js'

export interface Broadcasts extends Pick<Dispatch, 'broadcast' | 'broadcastVolatile' | 'broadcastTopic' | 'onArrival' | 'onTopic'> {
  /** How long the pushes of others have been received, in ms by `advance`; undefined before the first `onArrival`. */
  readonly receivedMs: number | undefined
  advance: (elapsedMs: number) => void
  /** Nothing is sent any more, nothing received. */
  close: () => void
}

export interface BroadcastsOptions {
  readonly self: NodeLife | undefined
  readonly bus: Bus
  readonly subjects: Subjects
  readonly receiveCounters: Pick<ReceiveCounters, 'publisher'>
  readonly publishLog: Pick<PublishLog, 'add'>
  /** No other node is there, as is known for sure. */
  readonly isAlone: () => boolean
  readonly log: Log
}

export function createBroadcasts ({ self, bus, subjects, receiveCounters, publishLog, isAlone, log }: BroadcastsOptions): Broadcasts {
  const pushStem = self && subjects.pushStem(lifeToken(self.id, self.startedAt))
  const volatileStem = self && subjects.volatileStem(self.id)
  let receivers: ReadonlyArray<{ wants: (token: string) => boolean, handler: (arrival: Arrival) => void }> = []
  const topicHandlers = new Set<(arrival: TopicArrival) => void>()
  const subscriptions: Array<() => void> = []
  let isOpen = true
  let isReceivingTopics = false
  let receivedMs: number | undefined
  /** The bus's limit of which it has been said that it is too low. */
  let withheldAbove: number | undefined

  function startReceiving (): void {
    if (receivedMs !== undefined) return
    receivedMs = 0
    subscriptions.push(
      bus.subscribe(subjects.allPushes, (subject, payload) => {
        const { life, token } = subjects.readPush(subject)
        const publisher = receiveCounters.publisher(life)
        if (publisher === undefined) return
        publisher.counted++
        arrive(publisher.node, token, payload)
      }),
      bus.subscribe(subjects.allVolatile, (subject, payload) => {
        const read = subjects.readVolatile(subject)
        if (read !== undefined) arrive(read.from, read.token, payload)
      })
    )
  }

  function arrive (from: NodeId, token: string, payload: Uint8Array): void {
    for (const { wants, handler } of receivers) {
      try {
        if (wants(token)) handler({ from, token, payload })
      } catch (error) {
        log.error({ event: 'arrival-failed', from, err: error }, 'an arrival could not be handled')
      }
    }
  }

  /** It is stored, and counted: the others notice by the number, and read it. */
  function withhold (bytes: number): void {
    const { maxPayloadBytes } = bus
    if (withheldAbove === maxPayloadBytes) return
    withheldAbove = maxPayloadBytes
    log.error({ event: 'broadcast-too-large', bytes, maxPayloadBytes }, 'NATS takes less than a message needs, so other nodes read such messages from the store, a second late: set its max_payload to 1 MiB (1048576)')
  }

  return {
    get receivedMs () { return receivedMs },
    advance: elapsedMs => { if (receivedMs !== undefined) receivedMs += elapsedMs },

    broadcast (stream, given) {
      if (pushStem === undefined) throw new Error('only a node broadcasts')
      if (!isOpen) return
      // Counted whether or not anybody is reached: what is lost is noticed by its number.
      if (!bus.isConnected || isAlone()) {
        publishLog.add(stream)
        return
      }
      const payload = typeof given === 'function' ? given() : given
      publishLog.add(stream)
      if (payload.byteLength > bus.maxPayloadBytes) withhold(payload.byteLength)
      else bus.publish(pushStem + streamToken(stream), payload)
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
    onArrival (wants, handler) {
      const receiver = { wants, handler }
      receivers = [...receivers, receiver]
      startReceiving()
      return () => { receivers = receivers.filter(other => other !== receiver) }
    },
    onTopic (handler) {
      if (!isReceivingTopics) {
        isReceivingTopics = true
        subscriptions.push(bus.subscribe(subjects.allTopics, (subject, payload) => {
          const read = subjects.readTopic(subject)
          if (read !== undefined) tell(topicHandlers, { ...read, payload }, log)
        }))
      }
      return register(topicHandlers, handler)
    },
    close () {
      isOpen = false
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }
}
