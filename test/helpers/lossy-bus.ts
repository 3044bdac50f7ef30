/** An in-process bus that a test can make lossy: single deliveries fail without a sign, as on a slow consumer. */
import type { Bus } from '../../services/dispatch/buses/bus.js'
import { createInProcessBus, type InProcessBus } from '../../services/dispatch/buses/in-process-bus.js'

export interface Delivery { readonly from: string, readonly to: string, readonly subject: string }

export interface LossyBus extends InProcessBus {
  /** Deliveries for which this is true are lost. Returns what ends it. */
  lose: (isLost: (delivery: Delivery) => boolean) => () => void
}

export function createLossyBus (options: { maxPayloadBytes?: number } = {}): LossyBus {
  const hub = createInProcessBus(options)
  const losses = new Set<(delivery: Delivery) => boolean>()
  /** The hub delivers the very payload that was published. */
  const senders = new WeakMap<Uint8Array, string>()

  function isLost (delivery: Delivery): boolean {
    for (const loses of losses) if (loses(delivery)) return true
    return false
  }

  return {
    connect (name) {
      const bus = hub.connect(name)
      const sent = (payload: Uint8Array): Uint8Array => {
        senders.set(payload, name)
        return payload
      }
      return {
        kind: bus.kind,
        maxPayloadBytes: bus.maxPayloadBytes,
        get isConnected () { return bus.isConnected },
        publish: (subject, payload) => { bus.publish(subject, sent(payload)) },
        subscribe: (subject, handler) => bus.subscribe(subject, (to, payload, reply) => {
          if (!isLost({ from: senders.get(payload) ?? '', to: name, subject: to })) handler(to, payload, reply)
        }),
        request: async (subject, payload, timeoutMs) => await bus.request(subject, sent(payload), timeoutMs),
        roundTrip: async () => { await bus.roundTrip() },
        onStatus: handler => bus.onStatus(handler),
        close: async () => { await bus.close() }
      } satisfies Bus
    },
    disconnect: name => { hub.disconnect(name) },
    reconnect: name => { hub.reconnect(name) },
    lose (isLostHere) {
      losses.add(isLostHere)
      return () => { losses.delete(isLostHere) }
    }
  }
}
