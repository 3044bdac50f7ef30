/**
 * Which queues are tried next, and which of them together. A group takes what waits in all queues of one shard of the store and
 * makes one call of the store of it: a command costs far more than a document in it. A shard that is away holds up its own groups
 * only.
 */
import type { AppendQueue } from './append-queue.js'
import type { PendingEntry } from './pending-entry.js'

/** One queue's part of a group. */
export interface Batch { readonly queue: AppendQueue, readonly entries: readonly PendingEntry[] }

export interface AppendGroups {
  enqueue: (queue: AppendQueue) => void
  /** Groups begun since the start. */
  readonly begun: number
  readonly isAtWork: boolean
}

export interface AppendGroupsOptions {
  readonly shardOf: (queue: AppendQueue) => string
  /** Tries all of it, and gives each batch back to its queue. Never rejects. */
  readonly run: (group: readonly Batch[]) => Promise<void>
  /** For each shard. */
  readonly maxInFlight: number
  /** A group is over, and all of its batches are given back. */
  readonly onEnd: () => void
  readonly maxEntries?: number
  readonly maxChars?: number
}

interface Shard { readonly queued: Set<AppendQueue>, inFlight: number }

export function createAppendGroups ({ shardOf, run, maxInFlight, onEnd, maxEntries = 1_000, maxChars = 4 << 20 }: AppendGroupsOptions): AppendGroups {
  const shards = new Map<string, Shard>()
  let isScheduled = false
  let begun = 0

  const isDue = ({ queued, inFlight }: Shard): boolean => queued.size > 0 && inFlight < maxInFlight

  /** What comes in the same turn of the event loop goes along. */
  function schedule (): void {
    if (isScheduled || ![...shards.values()].some(isDue)) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      for (const shard of shards.values()) if (isDue(shard)) start(shard)
    })
  }

  function start (shard: Shard): void {
    const group: Batch[] = []
    const budget = { entries: maxEntries, chars: maxChars }
    for (const queue of shard.queued) {
      const entries = queue.take(budget)
      if (entries.length === 0) break
      shard.queued.delete(queue)
      group.push({ queue, entries })
    }
    shard.inFlight++
    begun++
    void run(group).finally(() => {
      shard.inFlight--
      schedule()
      onEnd()
    })
    schedule()
  }

  return {
    enqueue: queue => {
      const name = shardOf(queue)
      let shard = shards.get(name)
      if (shard === undefined) shards.set(name, shard = { queued: new Set(), inFlight: 0 })
      shard.queued.add(queue)
      schedule()
    },
    get begun () { return begun },
    get isAtWork () { return [...shards.values()].some(({ inFlight }) => inFlight > 0) }
  }
}
