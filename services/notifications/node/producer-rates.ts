/** Messages of producers, counted for all Gates: each Gate asks the node that the ring gives for the producer's name (services/gate/producer-limit.ts). */
import type { NodeRequestHandlers } from '../../../shared/contract/node-rpc.js'
import { createRateLimit, type RateLimit } from '../../../shared/platform/rate-limit.js'

/** Gates of one site say the same one, two while it is being changed. */
const maxLimits = 8

export function createProducerRates (elapsed: () => number): NodeRequestHandlers['count-producer'] {
  const limits = new Map<number, RateLimit>()
  return async ({ producer, messages, perMinute }) => {
    let limit = limits.get(perMinute)
    if (limit === undefined) {
      const [oldest] = limits.size < maxLimits ? [] : limits.keys()
      if (oldest !== undefined) limits.delete(oldest)
      limits.set(perMinute, limit = createRateLimit({ perMinute, elapsed }))
    }
    return { waitSeconds: limit.take(producer, messages) }
  }
}
