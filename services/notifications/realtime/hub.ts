/**
 * The streams that this node has readers for. A local stream passes its entries on in order, each once:
 *
 *   opening → live → filling → live → … → closed
 *
 * opening: its head is not known yet; live: the next entry is the one whose `prev` is the head; filling: an entry came
 * that is not the next, so what lies between is read from the store, again and again until it can be. While it is not live,
 * what comes in out of order only says how far there is to go. Entries of one turn of the event loop leave together, encoded once for all readers. Where a
 * crowd reads and entries follow each other closely, they gather for as long as the last frame took to hand out.
 *
 * A reader that stands at the head of its stream is live: it gets the frames. Any other is brought up by connection.ts.
 */
import type { Log } from '../../../shared/platform/log.js'
import type { RetryStoreWork } from './retry-store-work.js'
import { streamToken } from '../../../shared/contract/subjects.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { goneWire, placedWire, prevSeen } from '../log/entry.js'
import type { Heads } from '../log/heads.js'
import { readAfter } from '../log/read.js'
import { entriesFrame, type Frame } from './transport/frame.js'

/** What gets a stream's frames: a connection. */
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
  /** Resolves once the head is known. Rejects where it could not be read: who asks again has it read again. */
  readonly opened: Promise<void>
  readonly readers: ReadonlySet<StreamReader>
  /** Makes a reader live that has been sent everything up to `head`; call without a pause after looking at `head`. */
  readonly goLive: (reader: StreamReader) => void
  readonly leaveLive: (reader: StreamReader) => void
}

export interface Hub {
  /** Called for every entry that is passed on, in the order of its stream, before its frame is sent. One handler: a later one takes its place. */
  onEntry: (handler: (stream: LocalStream, doc: EntryDoc) => void) => void
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
  /** Sends what has gathered, now. */
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
}

const page = 200
const maxFrameChars = 256 * 1024
/** What was announced and cannot be read is waited for, ever longer, for half a minute in all. */
const maxEmptyReads = 45
const readAgainMs = 50
const longestReadAgainMs = 1_000
/** From so many readers on a frame takes long enough to be worth gathering for. */
const crowd = 100
const maxGatherMs = 20
/** The next entry follows closely when it comes within so many times what the last frame took: after one of several, and of one. */
const isBurst = 10
const followsOne = 0.5

/** Already over: one for all streams whose head is known. */
const over = Promise.resolve()

/** What a stream in it does with the hub. */
interface StreamRules {
  readonly readHead: (stream: Stream) => Promise<void>
  readonly flush: (stream: Stream) => void
}

class Stream implements LocalStream {
  readonly id: StreamId
  readonly token: string
  state: LocalStream['state'] = 'opening'
  head = 0
  /** The last entry that readers were given or told to be gone: entries that no reader is shown may lie between it and the head. */
  shownTo = 0
  /** The highest seq heard of. */
  target = 0
  readonly readers = new Set<StreamReader>()
  readonly live = new Set<StreamReader>()
  pending: string[] = []
  pendingChars = 0
  /** `performance.now()` at which what is pending is due, until when an entry follows closely, and how long it waits then. */
  dueAt = 0
  followsUntil = 0
  batchWindowMs = 0
  #opening: Promise<void> | undefined
  readonly #rules: StreamRules

  constructor (id: StreamId, rules: StreamRules) {
    this.id = id
    this.token = streamToken(id)
    this.#rules = rules
  }

  get opened (): Promise<void> {
    if (this.state !== 'opening') return over
    this.#opening ??= this.#rules.readHead(this).finally(() => { this.#opening = undefined })
    return this.#opening
  }

  goLive (reader: StreamReader): void {
    this.#rules.flush(this)
    if (this.readers.has(reader)) this.live.add(reader)
  }

  leaveLive (reader: StreamReader): void { this.live.delete(reader) }
}

export function createHub ({ store, heads, now, log, retryStoreWork }: HubOptions): Hub {
  const byId = new Map<StreamId, Stream>()
  const byToken = new Map<string, Stream>()
  const withPending = new Set<Stream>()
  let passed: (stream: LocalStream, doc: EntryDoc) => void = () => {}
  let isFlushScheduled = false
  let gatherTimer: NodeJS.Timeout | undefined

  const rules: StreamRules = { readHead, flush: flushStream }

  function open (id: StreamId, reader: StreamReader): LocalStream {
    let stream = byId.get(id)
    if (stream === undefined) {
      stream = new Stream(id, rules)
      byId.set(id, stream)
      byToken.set(stream.token, stream)
      stream.opened.catch(() => {}) // whoever opens awaits it
    }
    stream.readers.add(reader)
    return stream
  }

  async function readHead (stream: Stream): Promise<void> {
    const [head] = await heads.fresh([stream.id])
    if (stream.state !== 'opening') return
    stream.head = stream.shownTo = head ?? 0
    stream.state = 'live'
    if (stream.target > stream.head) void fill(stream)
  }

  function close (stream: Stream): void {
    stream.state = 'closed'
    if (byId.get(stream.id) === stream) byId.delete(stream.id)
    if (byToken.get(stream.token) === stream) byToken.delete(stream.token)
  }

  function accept (id: StreamId, doc: EntryDoc): void {
    const stream = byId.get(id)
    if (stream === undefined) return
    if (stream.state === 'opening') { stream.target = Math.max(stream.target, doc.seq); return }
    if (doc.seq <= stream.head) return
    const { prev } = placeOfEntry(doc.key)
    if (prev === stream.head || (prev === 0 && stream.state === 'live')) { pass(stream, doc, prev); return }
    stream.target = Math.max(stream.target, doc.seq)
    if (stream.state === 'live') void fill(stream)
  }

  function pass (stream: Stream, doc: EntryDoc, prev: number): void {
    if (doc.kind === 'log') {
      // For the node alone: readers are told with the next entry that something lay between.
      stream.head = doc.seq
      passed(stream, doc)
      return
    }
    const seen = prevSeen(prev, stream.head)
    const wire = doc.expiresAt > now() ? placedWire(doc, stream.id, seen) : goneWire(stream.id, seen, doc.seq)
    if (stream.pending.length === 0) stream.dueAt = stream.followsUntil === 0 ? 0 : gatheringEnd(stream, performance.now())
    if (seen > stream.shownTo) stream.pending.push(goneWire(stream.id, stream.shownTo, seen))
    stream.pending.push(wire)
    stream.pendingChars += wire.length
    stream.head = stream.shownTo = doc.seq
    // Before it is acted upon: what that leads to may need it to be sent first.
    withPending.add(stream)
    passed(stream, doc)
    if (stream.pendingChars > maxFrameChars) flushStream(stream)
    if (!isFlushScheduled) {
      isFlushScheduled = true
      setImmediate(flushDue)
    }
  }

  const gatheringEnd = ({ followsUntil, batchWindowMs }: Stream, at: number): number => at < followsUntil ? at + batchWindowMs : 0

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
    stream.batchWindowMs = Math.min(maxGatherMs, ended - begun)
    stream.followsUntil = ended + stream.batchWindowMs * (wires.length > 1 ? isBurst : followsOne)
  }

  /** Reads what lies between the head and the target. Never rejects. */
  async function fill (stream: Stream): Promise<void> {
    stream.state = 'filling'
    const isFilling = (): boolean => stream.state === 'filling'
    await retryStoreWork(async () => {
      for (let emptyReads = 0; isFilling() && stream.target > stream.head;) {
        const docs = await readAfter(store, stream.id, stream.head, page)
        const fresh = docs.filter(doc => doc.seq > stream.head)
        for (const doc of fresh) if (isFilling()) pass(stream, doc, placeOfEntry(doc.key).prev)
        if (fresh.length > 0) { emptyReads = 0; continue }
        // What was heard of is durable; a majority read may show it a moment later.
        if (++emptyReads > maxEmptyReads) {
          log.warn({ stream: stream.id, seq: stream.target }, 'an entry that was announced cannot be found')
          stream.target = stream.head
        }
        await new Promise(resolve => setTimeout(resolve, Math.min(longestReadAgainMs, readAgainMs * emptyReads)))
      }
    }, isFilling)
    if (isFilling()) stream.state = 'live'
  }

  function reach (local: LocalStream, head: number): boolean {
    const stream = local as Stream
    if (head <= stream.head || stream.state !== 'live') return false
    stream.target = head
    void fill(stream)
    return true
  }

  function flushAll (): void {
    for (const stream of withPending) flushStream(stream)
  }

  return {
    onEntry: handler => { passed = handler },
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
    reach,
    flush: flushAll,
    close: () => {
      flushAll()
      clearTimeout(gatherTimer)
      for (const stream of byId.values()) close(stream)
    }
  }
}
