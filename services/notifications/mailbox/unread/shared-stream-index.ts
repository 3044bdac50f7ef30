/**
 * What counting needs to know of a group's stream, or of that of all: one list for all users of this node.
 * It covers the stream from some seq on, as far back as somebody's count has needed. A count looks up how many there
 * are above a watermark in each category, so its time does not grow with what is unread.
 */
import type { StreamId } from '../../../../shared/contract/names.js'
import { addTo } from '../../../../shared/platform/group-by.js'
import { firstIndex } from '../../../../shared/platform/sorted.js'
import { placeOfEntry, type ChangeDoc, type EntryDoc, type Store } from '../../../../shared/store/store.js'
import { forgotten, parseChange } from '../../log/change.js'
import { readAfter, readBefore } from '../../log/read.js'
import { add, type Counts } from './counts.js'
import { clocksDifferMs } from './own-counts.js'
import { isBelowWatermark, marksIn, type Mark, type UserState } from '../state/user-state.js'

interface Item { readonly seq: number, readonly category: string, readonly expiresAt: number, readonly sender: string }

const defaultPage = 500

export class SharedStreamIndex {
  readonly stream: StreamId
  /** The seq up to which entries were taken. */
  head: number
  /** Every countable message with a seq above this is in `items`. */
  #coveredFrom: number
  /** Ascending by seq. */
  #items: Item[] = []
  /** Their seqs, ascending. */
  readonly #byCategory = new Map<string, number[]>()
  readonly #bySender = new Map<string, number[]>()
  readonly #recalled = new Set<number>()
  #nextExpiryMs = Infinity
  /** Wall time by which something was left out as expired. */
  #expiredAtMs = -Infinity
  #reading: Promise<void> = Promise.resolve()

  readonly #page: number

  constructor (stream: StreamId, head: number, page = defaultPage) {
    this.stream = stream
    this.#page = page
    this.head = head
    this.#coveredFrom = head
  }

  get nextExpiryMs (): number { return this.#nextExpiryMs }

  /** What it takes in memory, about. */
  get bytes (): number { return 1_000 + this.#items.length * 150 + (this.#byCategory.size + this.#bySender.size) * 100 + this.#recalled.size * 40 }

  /** Takes a live entry if it is the next one; otherwise `cover` reads on later. */
  accept (doc: EntryDoc): void {
    if (doc.seq > this.head && placeOfEntry(doc.key).prev === this.head) this.#take(doc)
  }

  #take (doc: EntryDoc): void {
    this.head = doc.seq
    if (doc.kind === 'message') {
      if (doc.recalled > 0) return
      const item = pickItem(doc)
      this.#items.push(item)
      this.#index(item)
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, item.expiresAt)
    } else if (doc.kind === 'change') {
      this.#noteChange(doc)
    }
  }

  #noteChange (doc: ChangeDoc): void {
    const change = parseChange(doc)
    switch (change.type) {
      case 'recall':
        this.#noteRecall(change.message.seq)
        return
      case 'mark': case 'readTo': case 'membership': return // in users' own streams only
      default: forgotten(change)
    }
  }

  #noteRecall (seq: number): void {
    if (seq <= this.#coveredFrom) this.#recalled.add(seq)
    const at = this.#indexAfter(seq) - 1
    const item = this.#items[at]
    if (item?.seq !== seq) return
    this.#items.splice(at, 1)
    this.#indexAll()
  }

  /** The newest item. */
  #index ({ seq, category, sender }: Item): void {
    addTo(this.#byCategory, category, seq)
    addTo(this.#bySender, sender, seq)
  }

  #indexAll (): void {
    this.#byCategory.clear()
    this.#bySender.clear()
    for (const item of this.#items) this.#index(item)
  }

  /** The seqs of all messages of this category. */
  seqsOf (category: string): readonly number[] { return this.#byCategory.get(category) ?? [] }

  /** Whether every message above `from` is in the list, up to `head`. */
  covers (head: number, from: number, now: number): boolean {
    return this.head >= head && this.#coveredFrom <= from && !this.#wasAhead(now)
  }

  /** The clock was ahead: what has been left out may live. */
  #wasAhead (now: number): boolean { return this.#expiredAtMs > now + clocksDifferMs }

  #forget (): void {
    this.#items = []
    this.#coveredFrom = this.head
    this.#expiredAtMs = -Infinity
    this.#nextExpiryMs = Infinity
    this.#indexAll()
  }

  /** Reads on to `head`, then back to `from`, so that every message above `from` is in the list. */
  async cover (store: Store, head: number, from: number, now: number): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(async () => {
      if (this.head === 0) {
        // Made before the head was known: begins there, not with everything that the stream ever held.
        this.head = head
        this.#coveredFrom = head
      }
      if (this.#wasAhead(now)) this.#forget()
      while (this.head < head) {
        const docs = await readAfter(store, this.stream, this.head, this.#page)
        if (docs.length === 0) break
        for (const doc of docs) if (doc.seq > this.head) this.#take(doc)
        this.expire(now)
      }
      while (this.#coveredFrom > from) {
        const docs = await readBefore(store, this.stream, this.#coveredFrom + 1, this.#page)
        const older: Item[] = []
        for (const doc of docs) {
          if (doc.kind === 'change') this.#noteChange(doc)
          else if (doc.kind === 'message' && doc.recalled === 0 && !this.#recalled.has(doc.seq)) {
            if (doc.expiresAt > now) older.push(pickItem(doc))
            else this.#expiredAtMs = Math.max(this.#expiredAtMs, now)
          }
        }
        const last = docs.at(-1)
        this.#items = [...older.reverse(), ...this.#items]
        this.#indexAll()
        for (const item of older) this.#nextExpiryMs = Math.min(this.#nextExpiryMs, item.expiresAt)
        this.#coveredFrom = last === undefined || docs.length < this.#page ? 0 : last.seq - 1
      }
      // A recall may be known long before its message is read, and the message not be erased by then.
      for (const seq of this.#recalled) if (seq > this.#coveredFrom) this.#recalled.delete(seq)
    })
    await this.#reading
  }

  /** Drops what has expired; true when something had. */
  expire (now: number): boolean {
    if (this.#nextExpiryMs > now) return false
    this.#nextExpiryMs = Infinity
    this.#items = this.#items.filter(item => {
      if (item.expiresAt <= now) { this.#expiredAtMs = Math.max(this.#expiredAtMs, now); return false }
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, item.expiresAt)
      return true
    })
    this.#indexAll()
    return true
  }

  /** Index of the first item with a seq above this. */
  #indexAfter (seq: number): number {
    return firstIndex(this.#items.length, at => this.#items[at]!.seq <= seq)
  }

  /**
   * Adds to `total` what this user has unread here: above `after` (where the user joined), above the watermarks, not
   * the user's own, corrected by the marks of single messages. Call `expire` and `cover(unreadFloor(...))` first.
   */
  addUnread (total: Counts, state: UserState, sender: string, after: number, marks: readonly Mark[] = marksIn(state, this.stream)): void {
    const readTo = state.readTo.get(this.stream)
    const floor = Math.max(after, readTo?.seq ?? 0)
    for (const [category, seqs] of this.#byCategory) {
      const n = seqs.length - firstAbove(seqs, Math.max(floor, readTo?.byCategory.get(category) ?? 0))
      if (n > 0) add(total, category, n)
    }
    const isCounted = (item: Item): boolean => item.seq > floor && item.sender !== sender && !isBelowWatermark(state, this.stream, item.seq, item.category)
    const own = this.#bySender.get(sender) ?? []
    for (let i = firstAbove(own, floor); i < own.length; i++) {
      const { seq, category } = this.#items[this.#indexAfter(own[i]!) - 1]!
      if (!isBelowWatermark(state, this.stream, seq, category)) add(total, category, -1)
    }
    for (const mark of marks) {
      const item = this.#items[this.#indexAfter(mark.seq) - 1]
      if (item?.seq !== mark.seq || item.seq <= after || item.sender === sender) continue
      const isUnread = !mark.archived && !mark.deleted && !(mark.read ?? isBelowWatermark(state, this.stream, item.seq, item.category))
      if (isUnread !== isCounted(item)) add(total, item.category, isUnread ? 1 : -1)
    }
  }
}

/** From which seq on a digest must cover its stream for this user's count. */
export function unreadFloor (state: UserState, stream: StreamId, after: number, marks: readonly Mark[]): number {
  let floor = Math.max(after, state.readTo.get(stream)?.seq ?? 0)
  for (const mark of marks) if (mark.read === false) floor = Math.min(floor, mark.seq - 1)
  return floor
}

const pickItem = ({ seq, category, expiresAt, sender }: Item): Item => ({ seq, category, expiresAt, sender })

const firstAbove = (seqs: readonly number[], seq: number): number => firstIndex(seqs.length, at => seqs[at]! <= seq)
