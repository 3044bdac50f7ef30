/**
 * Closes a gap in a local stream: reads what lies between its head and its target, and passes it on in order, again and again until
 * the target is reached. Nothing is sent before what lies between it and the head is known to be sent or gone.
 *
 * What was heard of is durable, though a majority read may show it only a moment later: an empty read is repeated, ever later.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../shared/platform/log.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { readAfter } from '../log/read.js'
import type { HubStream } from './local-stream.js'
import type { RetryStoreWork } from './retry-store-work.js'

export interface GapFillOptions {
  readonly store: Pick<Store, 'range' | 'lasts'>
  readonly retryStoreWork: RetryStoreWork
  readonly log: Log
  /** The next entry of the stream. */
  readonly pass: (stream: HubStream, doc: EntryDoc, prev: number) => void
}

const page = 200
const readAgainMs = 50
const longestReadAgainMs = 1_000
/** With the pauses above, half a minute. */
const maxEmptyReads = 45

/** Makes a live stream `filling`, and live again when the gap is closed. Never rejects. */
export type GapFill = (stream: HubStream) => Promise<void>

export function createGapFill ({ store, retryStoreWork, log, pass }: GapFillOptions): GapFill {
  /** Whether anything came. */
  async function readOn (stream: HubStream): Promise<boolean> {
    const docs = await readAfter(store, stream.id, stream.head, page)
    const fresh = docs.filter(doc => doc.seq > stream.head)
    for (const doc of fresh) if (isFilling(stream)) pass(stream, doc, placeOfEntry(doc.key).prev)
    return fresh.length > 0
  }

  async function reachTarget (stream: HubStream): Promise<void> {
    for (let emptyReads = 0; isFilling(stream) && stream.target > stream.head;) {
      if (await readOn(stream)) { emptyReads = 0; continue }
      if (++emptyReads > maxEmptyReads) {
        log.warn({ stream: stream.id, seq: stream.target }, 'an entry that was announced cannot be found')
        stream.forgetTarget()
      }
      await sleep(Math.min(longestReadAgainMs, readAgainMs * emptyReads))
    }
  }

  return async stream => {
    stream.become('filling')
    await retryStoreWork(async () => { await reachTarget(stream) }, () => isFilling(stream))
    if (isFilling(stream)) stream.become('live')
  }
}

const isFilling = ({ state }: HubStream): boolean => state === 'filling'
