/**
 * What other nodes push. Each push of a stored entry has a number by its publisher and is counted here, so that a loss shows
 * (receive-counters.ts, gap-watch.ts). Volatile entries and messages to topics have none: they promise nothing.
 *
 * Receiving begins with the first handler. A process that only watches the members (a Gate) costs nothing more.
 */
import type { NodeId } from '../../../shared/contract/names.js'
import type { Subjects } from '../../../shared/contract/subjects.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus } from '../buses/bus.js'
import type { Arrival, Dispatch, TopicArrival } from '../dispatch.js'
import { register, tell } from '../handlers.js'
import type { ReceiveCounters } from './receive-counters.js'

export interface BroadcastReceiver extends Pick<Dispatch, 'onArrival' | 'onTopic'> {
  /** How long pushes have been received, in ms by `advance`; undefined before the first `onArrival`. */
  readonly receivedMs: number | undefined
  advance: (elapsedMs: number) => void
  /** One came by another way than the subjects that everyone hears. */
  arrived: (from: NodeId, token: string, payload: Uint8Array) => void
  close: () => void
}

export interface BroadcastReceiverOptions {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly subjects: Subjects
  readonly receiveCounters: Pick<ReceiveCounters, 'publisher'>
  readonly log: Log
}

export function createBroadcastReceiver ({ bus, subjects, receiveCounters, log }: BroadcastReceiverOptions): BroadcastReceiver {
  let receivers: ReadonlyArray<{ wants: (token: string) => boolean, handler: (arrival: Arrival) => void }> = []
  const topicHandlers = new Set<(arrival: TopicArrival) => void>()
  const subscriptions: Array<() => void> = []
  let isReceivingTopics = false
  let receivedMs: number | undefined

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

  /** Hot: most of what comes is dropped by its token. */
  function arrive (from: NodeId, token: string, payload: Uint8Array): void {
    for (const { wants, handler } of receivers) {
      try {
        if (wants(token)) handler({ from, token, payload })
      } catch (error) {
        log.error({ event: 'arrival-failed', from, err: error }, 'an arrival could not be handled')
      }
    }
  }

  return {
    get receivedMs () { return receivedMs },
    advance (elapsedMs) { if (receivedMs !== undefined) receivedMs += elapsedMs },
    arrived: arrive,
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
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }
}
