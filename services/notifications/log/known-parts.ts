/**
 * What was read of streams in search of messages, remembered as one contiguous part of each stream: in it an id is there or not without
 * reading. A part of a stream never changes but by purging: what is found in it is read before it is answered.
 */
import type { StreamId } from '../../../shared/contract/names.js'
import { ticksPerMs } from '../../../shared/contract/clock.js'
import { lives } from '../../../shared/contract/deadlines.js'
import { firstIndex } from '../../../shared/platform/sorted.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'

/** An entry lands at most so long after its id's time, or leaves a late pointer. */
const landsWithin = lives.landsWithinMs * ticksPerMs
const firstPage = 16
const largestPage = 256
const mostInPart = 20_000
const mostRemembered = 200_000

/** Every entry whose `prev` is at least `from` and below `to` is in here; `to` is the seq of the last of them. */
export class Part {
  from: number
  to: number
  readonly seqs: number[] = []
  readonly ids: string[] = []
  readonly seqOf = new Map<string, number>()
  #page = firstPage

  /** Begins with the entry one step back from `time`, where there is one. */
  constructor (time: number, stepBack: EntryDoc | undefined) {
    this.from = stepBack === undefined ? 0 : stepBack.seq > time ? placeOfEntry(stepBack.key).prev : stepBack.seq
    this.to = stepBack?.seq ?? 0
    if (stepBack !== undefined && stepBack.seq > time) this.#push(stepBack)
  }

  /** Whether what follows this time begins in here, or right behind the last of it. */
  reaches (time: number, stepBack: EntryDoc | undefined): boolean {
    return this.from <= time && (time <= this.to || stepBack?.seq === this.to)
  }

  /** Whether an entry of this time would be in here if it lies behind at most `depth` others. */
  covers (time: number, depth: number): boolean {
    return this.from <= time && time <= this.to && (this.to >= time + landsWithin || this.seqs.length - firstIndex(this.seqs.length, at => this.seqs[at]! <= time) >= depth)
  }

  /** Takes what follows, some of which another reader may have brought meanwhile. */
  take (docs: readonly EntryDoc[]): void {
    for (const doc of docs) if (placeOfEntry(doc.key).prev >= this.to) this.#push(doc)
    const over = this.seqs.length - mostInPart
    if (over <= 0) return
    this.from = this.seqs[over - 1]!
    for (const id of this.ids.splice(0, over)) this.seqOf.delete(id)
    this.seqs.splice(0, over)
  }

  /** How many entries to read next: ever more. */
  takePage (): number {
    const page = this.#page
    this.#page = Math.min(largestPage, page * 2)
    return page
  }

  #push ({ id, seq }: EntryDoc): void {
    this.ids.push(id)
    this.seqs.push(seq)
    this.seqOf.set(id, seq)
    this.to = seq
  }
}

/** The parts of many streams; with too much in all, the least lately used go. */
export class KnownParts {
  readonly #parts = new Map<StreamId, Part>()
  #remembered = 0

  of (stream: StreamId): Part | undefined { return this.#parts.get(stream) }

  /** This part of the stream is remembered from here on, with what follows it. */
  remember (stream: StreamId, part: Part, docs: readonly EntryDoc[]): void {
    this.#forget(stream)
    part.take(docs)
    this.#parts.set(stream, part)
    this.#remembered += part.ids.length
    for (const oldest of this.#parts.keys()) {
      if (this.#remembered <= mostRemembered || oldest === stream) break
      this.#forget(oldest)
    }
  }

  #forget (stream: StreamId): void {
    this.#remembered -= this.#parts.get(stream)?.ids.length ?? 0
    this.#parts.delete(stream)
  }
}
