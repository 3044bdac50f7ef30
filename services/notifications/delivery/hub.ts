/**
 * The streams that this node has readers for. A local stream passes its entries on in order, each once:
 *
 *   opening → live → filling → live → … → closed
 *
 * opening: its head is being read; live: the next entry is the one whose `prev` is the head; filling: an entry came
 * that is not the next, so what lies between is read from the store. While it is not live, what comes in only says how
 * far there is to go. Entries of one turn of the event loop leave together, encoded once for all readers. Where a
 * crowd reads and entries follow each other closely, they gather for as long as the last frame took to hand out.
 *
 * A reader that stands at the head of its stream is live: it gets the frames. Any other is brought up by session.ts.
 */
import type { Log } from '../../../shared/log.js'
import { streamToken } from '../../dispatch/subjects.js'
import type { StreamId } from '../../../shared/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { goneWire, placedWire, prevSeen } from '../stream/entry.js'
import type { Heads } from '../stream/heads.js'
import { readAfter } from '../stream/read.js'
import { entriesFrame, type Frame } from './frame.js'

/** What gets a stream's frames: a session. */
export interface StreamReader {
  /** The next entries of a stream at whose end this reader stands. */
  readonly deliver: (frame: Frame) => void
}

export interface LocalStream {
  readonly id: StreamId
  readonly token: string
  readonly state: 'opening' | 'live' | 'filling' | 'closed'
  /** The seq of the last entry that was passed on; once `opened`, true. */
  readonly head: number
  readonly opened: Promise<void>
  readonly readers: ReadonlySet<StreamReader>
  /** Makes a reader live that has been sent everything up to `head`; call without a pause after looking at `head`. */
  readonly goLive: (reader: StreamReader) => void
  readonly leaveLive: (reader: StreamReader) => void
}

export interface Hub {
  /** The reader takes part in the stream from now on, as one that is not live. */
  open: (stream: StreamId, reader: StreamReader) => LocalStream
  leave: (stream: StreamId, reader: StreamReader) => void
  get: (stream: StreamId) => LocalStream | undefined
  byToken: (token: string) => LocalStream | undefined
  streams: () => IterableIterator<LocalStream>
  wants: (token: string) => boolean
  /** An entry that is durable, from whatever side. */
  accept: (stream: StreamId, doc: EntryDoc) => void
  /** Looks whether these streams have grown unnoticed, and passes on what is found. Returns how many had. */
  look: (streams: readonly LocalStream[]) => Promise<number>
  /** Sends what has gathered, now. */
  flush: () => void
  close: () => void
}

export interface HubOptions {
  readonly store: Store
  readonly heads: Heads
  readonly now: () => number
  readonly log: Log
  /** Called for every entry that is passed on, in the order of its stream, before its frame is sent. */
  readonly onEntry: (stream: LocalStream, doc: EntryDoc) => void
}

const page = 200
const maxFrameChars = 256 * 1024
const maxEmptyReads = 20
const readAgainMs = 50
/** From so many readers on a frame takes long enough to be worth gathering for. */
const crowd = 100
const maxGatherMs = 20
/** The next entry follows closely when it comes within so many times what the last frame took: after one of several, and of one. */
const followsSeveral = 10
const followsOne = 0.5

/** Already over: one for all streams whose head is known. */
const over = Promise.resolve()

class Stream implements LocalStream {
  readonly id: StreamId
  readonly token: string
  state: LocalStream['state'] = 'opening'
  head = 0
  /** The highest seq heard of. */
  target = 0
  opened: Promise<void> = over
  readonly readers = new Set<StreamReader>()
  readonly live = new Set<StreamReader>()
  pending: string[] = []
  pendingChars = 0
  /** `performance.now()` at which what is pending is due, until when an entry follows closely, and how long it waits then. */
  dueAt = 0
  followsUntil = 0
  gatherMs = 0
  readonly #flush: (stream: Stream) => void

  constructor (id: StreamId, flush: (stream: Stream) => void) {
    this.id = id
    this.token = streamToken(id)
    this.#flush = flush
  }

  goLive (reader: StreamReader): void {
    this.#flush(this)
    if (this.readers.has(reader)) this.live.add(reader)
  }

  leaveLive (reader: StreamReader): void { this.live.delete(reader) }
}

export function createHub ({ store, heads, now, log, onEntry }: HubOptions): Hub {
  const byId = new Map<StreamId, Stream>()
  const byToken = new Map<string, Stream>()
  const withPending = new Set<Stream>()
  let isFlushScheduled = false
  let gatherTimer: NodeJS.Timeout | undefined

  function open (id: StreamId, reader: StreamReader): LocalStream {
    let stream = byId.get(id)
    if (stream === undefined) {
      stream = new Stream(id, flushStream)
      byId.set(id, stream)
      byToken.set(stream.token, stream)
      stream.opened = begin(stream)
      stream.opened.catch(() => {}) // whoever opens awaits it
    }
    stream.readers.add(reader)
    return stream
  }

  async function begin (stream: Stream): Promise<void> {
    try {
      const [head] = await heads.fresh([stream.id])
      if (stream.state === 'closed') return
      stream.head = Math.max(stream.head, head ?? 0)
      stream.state = 'live'
      stream.opened = over
      if (stream.target > stream.head) void fill(stream)
    } catch (error) {
      close(stream)
      throw error
    }
  }

  function close (stream: Stream): void {
    stream.state = 'closed'
    if (byId.get(stream.id) === stream) byId.delete(stream.id)
    if (byToken.get(stream.token) === stream) byToken.delete(stream.token)
  }

  function accept (id: StreamId, doc: EntryDoc): void {
    const stream = byId.get(id)
    if (stream === undefined) return
    if (stream.state !== 'live') { stream.target = Math.max(stream.target, doc.seq); return }
    if (doc.seq <= stream.head) return
    const { prev } = placeOfEntry(doc.key)
    if (prev === stream.head || prev === 0) { pass(stream, doc, prev); return }
    stream.target = doc.seq
    void fill(stream)
  }

  function pass (stream: Stream, doc: EntryDoc, prev: number): void {
    const seen = prevSeen(prev, stream.head)
    const wire = doc.expiresAt > now() ? placedWire(doc, stream.id, seen) : goneWire(stream.id, seen, doc.seq)
    if (prev > stream.head) stream.pending.push(goneWire(stream.id, stream.head, prev))
    if (stream.pending.length === 0) stream.dueAt = stream.followsUntil === 0 ? 0 : gatheringEnd(stream, performance.now())
    stream.pending.push(wire)
    stream.pendingChars += wire.length
    stream.head = doc.seq
    onEntry(stream, doc)
    withPending.add(stream)
    if (stream.pendingChars > maxFrameChars) flushStream(stream)
    if (!isFlushScheduled) {
      isFlushScheduled = true
      setImmediate(flushDue)
    }
  }

  const gatheringEnd = ({ followsUntil, gatherMs }: Stream, at: number): number => at < followsUntil ? at + gatherMs : 0

  function flushDue (): void {
    isFlushScheduled = false
    let leastMs = Infinity
    for (const stream of withPending) {
      const leftMs = stream.dueAt === 0 ? 0 : stream.dueAt - performance.now()
      if (leftMs > 0) leastMs = Math.min(leastMs, leftMs)
      else flushStream(stream)
    }
    if (leastMs === Infinity) return
    clearTimeout(gatherTimer)
    gatherTimer = setTimeout(flushDue, leastMs)
  }

  function flushStream (stream: Stream): void {
    withPending.delete(stream)
    if (stream.pending.length === 0) return
    const wires = stream.pending
    stream.pending = []
    stream.pendingChars = 0
    if (stream.live.size === 0) return
    const frame = entriesFrame(wires)
    const begun = stream.live.size >= crowd ? performance.now() : 0
    for (const reader of stream.live) reader.deliver(frame)
    if (begun === 0) { stream.followsUntil = 0; return }
    const ended = performance.now()
    stream.gatherMs = Math.min(maxGatherMs, ended - begun)
    stream.followsUntil = ended + stream.gatherMs * (wires.length > 1 ? followsSeveral : followsOne)
  }

  /** Reads what lies between the head and the target. Never throws: what it could not read, the next look finds. */
  async function fill (stream: Stream): Promise<void> {
    stream.state = 'filling'
    let emptyReads = 0
    try {
      while (stream.target > stream.head && (stream.state as LocalStream['state']) !== 'closed') {
        const docs = await readAfter(store, stream.id, stream.head, page)
        const fresh = docs.filter(doc => doc.seq > stream.head)
        for (const doc of fresh) pass(stream, doc, placeOfEntry(doc.key).prev)
        if (fresh.length > 0) { emptyReads = 0; continue }
        // What was heard of is durable; a majority read may show it a moment later.
        if (++emptyReads > maxEmptyReads) throw new Error('entries that were announced cannot be read')
        await new Promise(resolve => setTimeout(resolve, readAgainMs))
      }
    } catch (error) {
      log.warn({ err: error, stream: stream.id }, 'a gap could not be filled yet')
    }
    stream.target = stream.head
    if ((stream.state as LocalStream['state']) === 'filling') stream.state = 'live'
  }

  async function look (streams: readonly LocalStream[]): Promise<number> {
    const live = streams.filter(stream => stream.state === 'live') as Stream[]
    const found = await heads.fresh(live.map(stream => stream.id))
    let grown = 0
    for (const [i, stream] of live.entries()) {
      const head = found[i]!
      if (head <= stream.head || stream.state !== 'live') continue
      grown++
      stream.target = head
      void fill(stream)
    }
    return grown
  }

  function flushAll (): void {
    for (const stream of withPending) flushStream(stream)
  }

  return {
    open,
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
    accept,
    look,
    flush: flushAll,
    close: () => {
      flushAll()
      clearTimeout(gatherTimer)
      for (const stream of byId.values()) close(stream)
    }
  }
}
