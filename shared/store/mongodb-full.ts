/**
 * Shards that refuse every write for want of room. What a server refuses so was not stored, and is tried again whenever somebody
 * writes: the first write that it takes ends it. Said once when it begins and once when it ends.
 */
import type { Document } from 'mongodb'
import { isAnswer, tellsOfFullDisk } from './mongodb-errors.js'
import type { WriteReply } from './mongodb-insert.js'

export interface FullShards {
  /** After each write; `shard`: where it went, '' for all that there is. */
  readonly answered: (shard: string, reply: WriteReply) => void
  readonly failed: (shard: string, error: unknown) => void
  /** Whether a write was refused so within the last minute. */
  readonly areSeen: () => boolean
}

const seenForMs = 60_000

export function createFullShards (log: { info: (fields: object, text: string) => void, error: (fields: object, text: string) => void }): FullShards {
  /** When each refused last. */
  const full = new Map<string, number>()

  const begin = (shard: string, err: Document): void => {
    const isNew = !full.has(shard)
    full.set(shard, performance.now())
    if (isNew) log.error({ event: 'mongodb-full', ...shard !== '' && { shard }, err }, 'MongoDB refuses writes for want of room: free or add space on its disks (or on those of this shard), or end its write block. Until then messages for it are refused and not stored; reading goes on, and writing by itself when there is room')
  }

  return {
    answered: (shard, { writeErrors = [], n = 0 }) => {
      const refusal = writeErrors.find(tellsOfFullDisk)
      if (refusal !== undefined) begin(shard, refusal)
      else if (full.size > 0 && n > 0 && full.delete(shard)) log.info({ event: 'mongodb-room', ...shard !== '' && { shard } }, 'MongoDB takes writes again')
    },
    failed: (shard, error) => { if (isAnswer(error) && tellsOfFullDisk(error)) begin(shard, error) },
    areSeen: () => full.size > 0 && Math.max(...full.values()) > performance.now() - seenForMs
  }
}
