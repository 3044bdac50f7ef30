/** The messages of a producer that are not settled yet: those that wait here and those under way, counted and bounded together. */
import { GatepostError } from './errors.js'

export interface Produced {
  readonly id: string
  readonly createdAt: string
  /** An earlier try, or an earlier run under the same key, had stored it already. */
  readonly duplicate: boolean
}

export interface QueuedMessage {
  readonly text: string
  readonly bytes: number
  readonly volatile: boolean
  attemptedAtMs?: number
  internalErrors: number
  /** How often something between here and Gate has refused it alone. */
  refusals: number
  isSettled: boolean
  readonly resolve: (produced: Produced) => void
  readonly reject: (error: GatepostError) => void
}

export interface ProducerQueue {
  /** Messages that are not settled. */
  readonly count: number
  readonly isEmpty: boolean
  /** Throws GP_QUEUE_FULL where it would go over a bound. */
  push (item: QueuedMessage): void
  /** The first ones that fit into one request. */
  takeBatch (): QueuedMessage[]
  /** To the front, in their order. */
  putBack (items: readonly QueuedMessage[]): void
  remove (item: QueuedMessage): void
  finish (item: QueuedMessage, produced: Produced): void
  fail (item: QueuedMessage, error: GatepostError): void
  failAll (error: GatepostError): void
}

const maxBatch = 1_000
const maxBatchBytes = 8 * 1024 * 1024

export function createProducerQueue ({ maxQueued, maxQueuedBytes }: { maxQueued: number, maxQueuedBytes: number }): ProducerQueue {
  let waiting: QueuedMessage[] = []
  let count = 0
  let bytes = 0

  function settle (item: QueuedMessage): void {
    if (item.isSettled) return
    item.isSettled = true
    count -= 1
    bytes -= item.bytes
  }

  function fail (item: QueuedMessage, error: GatepostError): void {
    settle(item)
    item.reject(error)
  }

  return {
    get count () { return count },
    get isEmpty () { return waiting.length === 0 },
    push (item) {
      if (count >= maxQueued || bytes + item.bytes > maxQueuedBytes) throw new GatepostError('GP_QUEUE_FULL', `${count} messages (${bytes} bytes) wait to be sent already`)
      count += 1
      bytes += item.bytes
      waiting.push(item)
    },
    takeBatch () {
      let batchBytes = 2
      let taken = 0
      for (const item of waiting) {
        batchBytes += item.bytes + 1
        if (taken === maxBatch || batchBytes > maxBatchBytes) break
        taken += 1
      }
      return waiting.splice(0, taken)
    },
    putBack (items) { if (items.length > 0) waiting = [...items, ...waiting] },
    remove (item) { waiting = waiting.filter(other => other !== item) },
    finish (item, produced) {
      settle(item)
      item.resolve(produced)
    },
    fail,
    failAll (error) { for (const item of waiting.splice(0)) fail(item, error) }
  }
}
