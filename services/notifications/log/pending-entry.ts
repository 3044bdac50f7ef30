/**
 * An entry on its way into a stream, and what is known of its fate:
 *
 *   open → over                  no try can have stored it, until one has
 *   open → inDoubt → over        a try had no outcome: whatever came after it, the entry may be stored
 *
 * The answer "not stored" would be false of an entry in doubt. So it is asked after for longer, and tried again as the same document at
 * the same position for as long as nothing else is seen there: at another seq it would be another entry.
 */
import type { ChainOutcome, EntryDoc } from '../../../shared/store/store.js'
import { begin, refuse, type AtomicGroup } from './atomic-group.js'
import type { EntryDraft } from './entry.js'

/** `isNew` is false where the entry was there already, by an earlier try. */
export interface Appended { readonly doc: EntryDoc, readonly isNew: boolean }

export type Fate =
  | { readonly is: 'open' }
  /** `doc` is what is tried again; undefined where its position turned out to be taken. */
  | { readonly is: 'inDoubt', readonly doc: EntryDoc | undefined }
  /** Stored, found or refused, and said so. */
  | { readonly is: 'over' }

const open: Fate = { is: 'open' }
const over: Fate = { is: 'over' }

export class PendingEntry {
  readonly draft: EntryDraft
  /** The logical time of its id. */
  readonly time: number
  /** By `clock.elapsed`. */
  readonly since: number
  /** What it belongs to. */
  group: AtomicGroup | undefined
  /** No entry with a seq from `time` up to here is this one. */
  searchedTo: number
  fate: Fate = open
  readonly promise: Promise<Appended>
  #isUnderWay = false
  #resolve!: (appended: Appended) => void
  #reject!: (error: Error) => void

  constructor (draft: EntryDraft, time: number, since: number, group: AtomicGroup | undefined) {
    this.draft = draft
    this.time = time
    this.since = since
    this.group = group
    this.searchedTo = time
    this.promise = new Promise<Appended>((resolve, reject) => { this.#resolve = resolve; this.#reject = reject })
  }

  /** One more sender wants it stored, as part of this group. */
  join (group: AtomicGroup | undefined): void {
    if (this.group !== undefined || group === undefined) return
    this.group = group
    if (this.#isUnderWay) group.tries++
    if (this.fate.is === 'inDoubt') begin(group)
  }

  startTry (): void {
    this.#isUnderWay = true
    if (this.group !== undefined) this.group.tries++
  }

  endTry (): void {
    this.#isUnderWay = false
    if (this.group !== undefined) this.group.tries--
  }

  /** No entry of the stream up to this seq is it. */
  searched (upTo: number): void { this.searchedTo = Math.max(this.searchedTo, upTo) }

  /** The document of a try that may have stored it. */
  get doubtful (): EntryDoc | undefined { return this.fate.is === 'inDoubt' ? this.fate.doc : undefined }

  /** Its sender must not get "not stored": it may be stored, or another entry of its group is or may be. */
  get mayBeStored (): boolean { return this.fate.is === 'inDoubt' || this.group?.state === 'begun' }

  /** A try as this document has ended so. */
  tried (doc: EntryDoc, stopped: NonNullable<ChainOutcome['stopped']>): void {
    if (stopped === 'unknown') begin(this.group)
    else if (this.fate.is !== 'inDoubt') return
    this.fate = { is: 'inDoubt', doc: stopped === 'exists' ? undefined : doc }
  }

  /** It is stored. Its group has begun; its sender is answered by `answer`, after those who must know before. */
  stored (): void {
    this.fate = over
    begin(this.group)
  }

  answer (appended: Appended): void { this.#resolve(appended) }

  /** It is given up, with its group. */
  refuse (error: Error): void {
    this.fate = over
    refuse(this.group)
    this.#reject(error)
  }
}
