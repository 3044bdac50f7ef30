/**
 * One stream that this node has readers for, as the hub keeps it. `become` alone changes its state.
 *
 * | state | means | left by |
 * | --- | --- | --- |
 * | `opening` | its head is not known yet | the head was read → `live` |
 * | `live` | the next entry is the one whose `prev` is the head | an entry came that is not the next → `filling` |
 * | `filling` | what lies between the head and the target is read from the store | all of it was passed on → `live` |
 * | `closed` | its last reader has left, or the hub has closed: from any state | nothing |
 */
import { streamToken } from '../../../shared/contract/subjects.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { SmallSet, type Members } from '../../../shared/platform/small-collections.js'
import type { Dispatch, Listening } from '../../dispatch/dispatch.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { prevSeen } from '../log/entry.js'
import type { Burst, EntryForm } from '../log/entry-form.js'
import type { BatchWindow } from './fan-out-policy.js'
import type { Frame } from './transport/frame.js'

/** What gets a stream's frames: a connection. */
export interface StreamReader {
  /** In which it has them. */
  readonly form: EntryForm
  /** The next entries of a stream at whose end this reader stands. */
  readonly deliver: (frame: Frame) => void
}

/** What waits for its frame: an entry, or undefined for what is gone. */
interface Pending { readonly doc: EntryDoc | undefined, readonly prev: number, readonly seq: number }

/** Of the text of an entry beside what is stored as text, about. */
const entryChars = 200

/** What a reader sees of it. */
export interface LocalStream {
  readonly id: StreamId
  readonly token: string
  readonly state: 'opening' | 'live' | 'filling' | 'closed'
  /** The seq of the last entry that was passed on; once `opened`, true. */
  readonly head: number
  /** Resolves once the head is known. Rejects where it could not be read: who asks again has it read again. */
  readonly opened: Promise<void>
  readonly readers: Members<StreamReader>
  /** Makes a reader live that has been sent everything up to `head`; call without a pause after looking at `head`. */
  readonly goLive: (reader: StreamReader) => void
  readonly leaveLive: (reader: StreamReader) => void
  /** Whether it has been passed all up to `head`, but for what waits for its frame. */
  readonly isLive: (reader: StreamReader) => boolean
}

type State = LocalStream['state']

const arrows: Readonly<Record<State, readonly State[]>> = {
  opening: ['live', 'closed'],
  live: ['filling', 'closed'],
  filling: ['live', 'closed'],
  closed: []
}

/** What a stream needs of its hub. */
export interface StreamOwner {
  readonly readHead: (stream: HubStream) => Promise<void>
  /** Sends what is pending, now. */
  readonly flush: (stream: HubStream) => void
}

/** Already over: one for all streams whose head is known. */
const over = Promise.resolve()

export class HubStream implements LocalStream {
  readonly id: StreamId
  readonly token: string
  readonly readers = new SmallSet<StreamReader>()
  readonly live = new SmallSet<StreamReader>()
  /** What waits for its frame, and about how long that will be. */
  pending: Pending[] = []
  pendingChars = 0
  /** `performance.now()` at which what is pending is due; 0: at the end of this turn. */
  dueAt = 0
  /** While a crowd reads. */
  batchWindow: BatchWindow | undefined
  /** Where what others append must be listened to. */
  readonly #listening: Listening | undefined
  #state: State = 'opening'
  #head = 0
  /** The last entry that readers were sent, as it is or as gone: entries that no reader is shown may lie between it and the head. */
  #shownTo = 0
  #target = 0
  #opening: Promise<void> | undefined
  readonly #owner: StreamOwner

  constructor (id: StreamId, owner: StreamOwner, listen?: Dispatch['listen']) {
    this.id = id
    this.token = streamToken(id)
    this.#owner = owner
    this.#listening = listen?.(id, seq => this.hears(seq))
  }

  get state (): State { return this.#state }
  get head (): number { return this.#head }
  /** The highest seq heard of. */
  get target (): number { return this.#target }

  get opened (): Promise<void> {
    if (this.#state !== 'opening') return over
    this.#opening ??= this.#open().finally(() => { this.#opening = undefined })
    return this.#opening
  }

  async #open (): Promise<void> {
    // What is appended after the head is read must come by itself.
    const comes = this.#listening?.comes
    if (comes !== undefined) await comes
    await this.#owner.readHead(this)
  }

  become (state: State): void {
    if (!arrows[this.#state].includes(state)) throw new Error(`stream ${this.id}: ${this.#state} does not lead to ${state}`)
    this.#state = state
    if (state === 'closed') this.#listening?.stop()
  }

  openAt (head: number): void {
    this.#head = this.#shownTo = head
    this.become('live')
  }

  /** Whether an entry with this `prev` follows the head. The first of all follows whatever expired before it. */
  isNext (prev: number): boolean {
    return this.#state !== 'opening' && (prev === this.#head || (prev === 0 && this.#state === 'live'))
  }

  /** The stream goes up to at least this seq. */
  hearOf (seq: number): void { if (seq > this.#target) this.#target = seq }

  /** Another node has appended up to this seq, here or to a stream of the same mark. False where the store must say. */
  hears (seq: number): boolean {
    if (seq <= this.#head) return true
    if (this.#state === 'live') return false
    this.hearOf(seq)
    return true
  }

  /** What was heard of beyond the head does not exist. */
  forgetTarget (): void { this.#target = this.#head }

  /** The next entry is for the node alone: readers hear with the one after it that something lay between. */
  passOver (doc: EntryDoc): false {
    this.#head = doc.seq
    return false
  }

  /** The next entry, for the live readers: true where it goes as it is, false as gone, where it has expired by `now`. */
  push (doc: EntryDoc, prev: number, now: number): boolean {
    const seen = prevSeen(prev, this.#head)
    const isShown = doc.expiresAt > now
    if (seen > this.#shownTo) this.pending.push({ doc: undefined, prev: this.#shownTo, seq: seen })
    this.pending.push({ doc: isShown ? doc : undefined, prev: seen, seq: doc.seq })
    this.pendingChars += doc.text.length + entryChars
    this.#head = this.#shownTo = doc.seq
    return isShown
  }

  takePending (): readonly Pending[] {
    const taken = this.pending
    this.pending = []
    this.pendingChars = 0
    return taken
  }

  /** What was taken, as readers of this form are sent it. */
  burstOf (taken: readonly Pending[], form: EntryForm): Burst {
    const wires = taken.map(({ doc, prev, seq }) => doc === undefined ? form.gone(this.id, prev, seq) : form.entry(doc, this.id, prev))
    return { stream: this.id, prev: taken[0]!.prev, wires }
  }

  goLive (reader: StreamReader): void {
    this.#owner.flush(this)
    if (this.readers.has(reader)) this.live.add(reader)
  }

  leaveLive (reader: StreamReader): void { this.live.delete(reader) }
  isLive (reader: StreamReader): boolean { return this.live.has(reader) }
}
