/**
 * Asks the store whether local streams have grown unnoticed, and has the hub read what is found. One request for many streams;
 * streams of different shards in requests of their own, so that none waits for a shard that is away. What could not be
 * asked is asked again until it is answered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { groupBy } from '../../../shared/platform/group-by.js'
import { ownerRange } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { Store } from '../../../shared/store/store.js'
import type { RetryStoreWork } from './retry-store-work.js'
import type { Heads } from '../log/heads.js'
import type { Hub, LocalStream } from './hub.js'

export interface Reconciler {
  /** Resolves when each has been asked after once; how many had grown. Never rejects. */
  at: (streams: readonly LocalStream[]) => Promise<number>
  /** The same for streams of which something is known to be missing, or may be. */
  doubt: (streams: readonly LocalStream[]) => Promise<number>
  /** The store has not answered yet for all that is in doubt. */
  readonly isInDoubt: boolean
  close: () => void
}

export interface ReconcilerOptions {
  readonly hub: Pick<Hub, 'reach'>
  readonly store: Pick<Store, 'shardOf'>
  readonly heads: Pick<Heads, 'fresh'>
  readonly retryStoreWork: RetryStoreWork
}

const groupSize = 500
/** A stream that is being read is looked at again after so long. */
const busyMs = 100

export function createReconciler ({ hub, store, heads, retryStoreWork }: ReconcilerOptions): Reconciler {
  /** Asked after in vain. */
  let failed = new Set<LocalStream>()
  const doubted = new Set<LocalStream>()
  let isTryingAgain = false
  let isClosed = false

  const shardOf = (stream: StreamId): string => store.shardOf?.('entries', ownerRange(stream).from) ?? ''

  async function askAll (streams: readonly LocalStream[]): Promise<{ grown: number, error: unknown }> {
    // Users' own streams first: who has left a group stops getting it before the group's entries are read.
    const ownFirst = [...streams.filter(isOwn), ...streams.filter(stream => !isOwn(stream))]
    const byShard = groupBy(ownFirst, ({ id }) => shardOf(id))
    let grown = 0
    let error: unknown
    await Promise.all([...byShard.values()].map(async list => {
      for (let i = 0; i < list.length; i += groupSize) {
        const part = list.slice(i, i + groupSize)
        // One that is not live is read anyway, or read by nobody.
        for (const stream of part) if (!isLive(stream)) doubted.delete(stream)
        const group = part.filter(isLive)
        if (group.length === 0) continue
        try {
          const found = await heads.fresh(group.map(({ id }) => id))
          for (const [k, stream] of group.entries()) {
            if (hub.reach(stream, found[k]!)) grown++
            doubted.delete(stream)
          }
        } catch (cause) {
          error = cause
          for (const stream of list.slice(i)) failed.add(stream)
          return
        }
      }
    }))
    return { grown, error }
  }

  async function tryAgain (): Promise<void> {
    const again = failed
    failed = new Set()
    const { error } = await askAll([...again])
    if (failed.size > 0) throw error
  }

  async function keepTrying (): Promise<void> {
    isTryingAgain = true
    while (failed.size > 0 && !isClosed) await retryStoreWork(tryAgain, () => !isClosed)
    isTryingAgain = false
  }

  async function at (streams: readonly LocalStream[]): Promise<number> {
    const { grown } = await askAll(streams)
    if (failed.size > 0 && !isTryingAgain) void keepTrying()
    return grown
  }

  /** What is being read of a stream may have been asked for before the doubt arose: it is looked at once it has come. */
  async function lookLater (streams: readonly LocalStream[]): Promise<void> {
    for (let busy = streams; busy.length > 0 && !isClosed;) {
      await sleep(busyMs, undefined, { ref: false })
      const ready = busy.filter(isLive)
      busy = busy.filter(isBusy)
      if (ready.length > 0) await at(ready)
    }
  }

  return {
    at,
    doubt: async streams => {
      for (const stream of streams) doubted.add(stream)
      void lookLater(streams.filter(isBusy))
      return await at(streams)
    },
    get isInDoubt () { return doubted.size > 0 },
    close: () => { isClosed = true }
  }
}

const isLive = ({ state }: LocalStream): boolean => state === 'live'
const isBusy = ({ state }: LocalStream): boolean => state === 'opening' || state === 'filling'
const isOwn = ({ id }: LocalStream): boolean => id.startsWith('u:')
