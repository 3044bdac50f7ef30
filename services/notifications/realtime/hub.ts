/**
 * The streams that this node has readers for. Each passes its entries on in order, each once:
 *
 * - The next entry, the one whose `prev` is the head, is passed on at once (fan-out.ts sends it).
 * - Any other says how far the stream goes, and what lies between is read from the store (gap-fill.ts).
 *
 * A reader that stands at the head of its stream is live: it gets the frames. Any other is brought up by connection.ts.
 * The states of a stream are in local-stream.ts.
 */
import type { Log } from '../../../shared/platform/log.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { RetryStoreWork } from './retry-store-work.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import type { Heads } from '../log/heads.js'
import { createFanOut } from './fan-out.js'
import { createGapFill } from './gap-fill.js'
import { HubStream, type LocalStream, type StreamReader } from './local-stream.js'
import type { RecentTimes } from './recent-times.js'

export type { LocalStream, StreamReader } from './local-stream.js'

export interface Hub {
  /**
   * Called for every entry that is passed on, in the order of its stream, before its frame is sent; `isShown`: readers are sent it as it is. One handler: a
   * later one takes its place.
   */
  onEntry: (handler: (stream: LocalStream, doc: EntryDoc, isShown: boolean) => void) => void
  /** The reader takes part in the stream from now on, as one that is not live. */
  open: (stream: StreamId, reader: StreamReader) => LocalStream
  leave: (stream: StreamId, reader: StreamReader) => void
  get: (stream: StreamId) => LocalStream | undefined
  byToken: (token: string) => LocalStream | undefined
  streams: () => IterableIterator<LocalStream>
  wants: (token: string) => boolean
  /** An entry that is durable, from whatever side. */
  accept: (stream: StreamId, doc: EntryDoc) => void
  /** The store has this head of the stream: what lies between is read. True where the stream had grown unnoticed. */
  reach: (stream: LocalStream, head: number) => boolean
  /** Sends what is pending, now. */
  flush: () => void
  close: () => void
}

export interface HubOptions {
  readonly store: Store
  readonly heads: Heads
  /** What has expired by it is `gone` for those who read live. */
  readonly now: () => number
  readonly log: Log
  readonly retryStoreWork: RetryStoreWork
  readonly times: Pick<RecentTimes, 'written'>
  /** Has what others append to a stream brought here; undefined where it comes anyway. */
  readonly listen?: Dispatch['listen']
}

export function createHub ({ store, heads, now, log, retryStoreWork, times, listen }: HubOptions): Hub {
  const byId = new Map<StreamId, HubStream>()
  const byToken = new Map<string, HubStream>()
  const fanOut = createFanOut(({ id }, after, upTo, readers) => { times.written(id, after, upTo, readers) })
  const fill = createGapFill({ store, retryStoreWork, log, pass })
  const owner = { readHead, flush: fanOut.flush }
  let passed: Parameters<Hub['onEntry']>[0] = () => {}

  async function readHead (stream: HubStream): Promise<void> {
    const [head] = await heads.fresh([stream.id])
    if (stream.state !== 'opening') return
    stream.openAt(head ?? 0)
    if (stream.target > stream.head) void fill(stream)
  }

  function close (stream: HubStream): void {
    stream.become('closed')
    byId.delete(stream.id)
    if (byToken.get(stream.token) === stream) byToken.delete(stream.token)
  }

  /** The stream goes up to this seq, beyond its head. True where that makes it read on. */
  function reach (stream: HubStream, seq: number): boolean {
    stream.hearOf(seq)
    if (stream.state !== 'live') return false
    void fill(stream)
    return true
  }

  function pass (stream: HubStream, doc: EntryDoc, prev: number): void {
    if (doc.kind !== 'log' && stream.pending.length === 0) fanOut.schedule(stream)
    const isShown = doc.kind === 'log' ? stream.passOver(doc) : stream.push(doc, prev, now())
    // It is pending before it is acted upon: what that leads to may need it to be sent first.
    passed(stream, doc, isShown)
    fanOut.flushLarge(stream)
  }

  return {
    onEntry: handler => { passed = handler },
    open: (id, reader) => {
      let stream = byId.get(id)
      if (stream === undefined) {
        stream = new HubStream(id, owner, listen)
        byId.set(id, stream)
        byToken.set(stream.token, stream)
        stream.opened.catch(() => {}) // whoever opens awaits it
      }
      stream.readers.add(reader)
      return stream
    },
    leave: (id, reader) => {
      const stream = byId.get(id)
      if (stream === undefined) return
      stream.readers.delete(reader)
      stream.live.delete(reader)
      if (stream.readers.size === 0) close(stream)
    },
    get: id => byId.get(id),
    byToken: token => byToken.get(token),
    streams: () => byId.values(),
    wants: token => byToken.has(token),
    accept: (id, doc) => {
      const stream = byId.get(id)
      if (stream === undefined || doc.seq <= stream.head) return
      const { prev } = placeOfEntry(doc.key)
      if (stream.isNext(prev)) pass(stream, doc, prev)
      else reach(stream, doc.seq)
    },
    reach: (stream, head) => head > stream.head && reach(stream as HubStream, head),
    flush: fanOut.flushAll,
    close: () => {
      fanOut.close()
      for (const stream of byId.values()) close(stream)
    }
  }
}
