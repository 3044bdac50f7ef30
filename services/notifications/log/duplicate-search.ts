/**
 * Whether an entry is stored already, where memory does not reach (placing.ts says where to search). An entry that lands late leaves a
 * late pointer first: a document under its id that says behind which entry it was tried. What is read of a stretch of a stream is
 * kept for the next search (`Tail.past`).
 *
 * A pointer names the stream's last stored entry at the time of the try, and not the entry that the same try puts before its own: that
 * one is not stored yet. It may never be, and what stands there in its place may have a lower seq.
 */
import { decodeTime, encodeTime } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { entriesBefore, entryKey, latePointerKey } from '../../../shared/store/keys.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import { PastIds, type Span } from './past-ids.js'
import type { PendingEntry } from './pending-entry.js'
import type { Found, SearchPlan } from './placing.js'
import type { Tail } from './tails.js'

/** Called for each entry that is found, once. */
export type OnFound = (pending: PendingEntry, doc: EntryDoc) => void

/** An entry lies behind the one with this seq, which is stored and was the last one. */
export interface LatePointer { readonly stream: StreamId, readonly doc: EntryDoc, readonly behind: number }

export interface DuplicateSearch {
  /** After it, what was not found is known not to be there. Rejects where the store cannot be read. */
  search: (stream: StreamId, tail: Tail, plan: SearchPlan, onFound: OnFound) => Promise<void>
  /** Reads entries whose seqs are known. */
  read: (stream: StreamId, found: readonly Found[], onFound: OnFound) => Promise<void>
  /** Leaves late pointers to entries that are about to be stored. Rejects where that fails. */
  leavePointers: (late: readonly LatePointer[]) => Promise<void>
}

const page = 1_000
/** A stream with more entries in a minute is read again for each group. */
const maxPastIds = 65_536

export function createDuplicateSearch ({ store, landsWithin }: { store: Pick<Store, 'get' | 'lasts' | 'range' | 'insertChains'>, landsWithin: number }): DuplicateSearch {
  /** In a busy stream that is ahead, each append would read the same minute again: what it reads is remembered. */
  async function searchSpans (stream: StreamId, tail: Tail, { spans, sought }: SearchPlan, onFound: OnFound): Promise<void> {
    for (const span of spans) {
      const past = tail.past ??= new PastIds()
      for (const missing of past.missingOf(span)) await searchIn(stream, missing, sought, onFound, past)
      if (!sought.some(isOpen)) return // and not all of it was read
      past.cover(span, landsWithin)
      await read(stream, sought.filter(isOpen).flatMap(pending => {
        const seq = past.seqOf(pending.draft.id)
        return seq === undefined ? [] : { pending, seq }
      }), onFound)
      if (past.size > maxPastIds) tail.past = undefined
    }
  }

  /** Those that were tried late before lie behind the entry that their pointer names. */
  async function followPointers (stream: StreamId, { late, upTo }: SearchPlan, onFound: OnFound): Promise<void> {
    const pointers = await store.get('claims', late.map(({ draft }) => latePointerKey(stream, draft.id)))
    const tried = late.filter((_, i) => pointers[i] !== undefined)
    if (tried.length === 0) return
    const from = Math.min(...pointers.map(pointer => pointer === undefined ? Infinity : decodeTime(pointer.text)))
    await searchIn(stream, { from, to: upTo }, tried, onFound)
  }

  /** Reads the entries with from < seq <= to, as long as something is not found. */
  async function searchIn (stream: StreamId, { from, to }: Span, sought: readonly PendingEntry[], onFound: OnFound, past?: PastIds): Promise<void> {
    const byId = new Map(sought.map(pending => [pending.draft.id, pending]))
    const see = (doc: EntryDoc): void => {
      past?.add(doc.id, doc.seq)
      const pending = byId.get(doc.id)
      if (pending !== undefined && isOpen(pending)) onFound(pending, doc)
    }
    const [before] = await store.lasts('entries', [entriesBefore(stream, from)])
    if (before !== undefined) see(before)
    const end = entryKey(stream, to)
    for (let at = from; at < to && sought.some(isOpen);) {
      const docs = await store.range('entries', { from: entryKey(stream, at), to: end }, { limit: page })
      for (const doc of docs) { see(doc); at = doc.seq }
      if (docs.length < page) break
    }
  }

  async function read (stream: StreamId, found: readonly Found[], onFound: OnFound): Promise<void> {
    if (found.length === 0) return
    // The entry with seq s is the last one whose prev is below s.
    const docs = await store.lasts('entries', found.map(({ seq }) => entriesBefore(stream, seq)))
    for (const [i, { pending }] of found.entries()) {
      const doc = docs[i]
      if (doc?.id !== pending.draft.id) throw new GatepostError('GP_STORE_UNAVAILABLE', 'an entry that is in the stream could not be read')
      // The pointers may have led to it meanwhile.
      if (isOpen(pending)) onFound(pending, doc)
    }
  }

  return {
    read,
    search: async (stream, tail, plan, onFound) => {
      await Promise.all([plan.late.length > 0 && followPointers(stream, plan, onFound), searchSpans(stream, tail, plan, onFound)])
      for (const pending of plan.sought) pending.searched(plan.upTo)
    },
    leavePointers: async late => {
      const pointers = late.map(({ stream, doc, behind }) => ({ key: latePointerKey(stream, doc.id), v: 0, purgeAt: doc.purgeAt, text: encodeTime(behind) }))
      const outcomes = await store.insertChains('claims', pointers.map(pointer => [pointer]))
      // One that exists names an earlier end of the stream: reading on from there finds the entry as well.
      if (outcomes.some(({ stopped }) => stopped === 'refused' || stopped === 'unknown')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'a late pointer could not be stored')
    }
  }
}

const isOpen = ({ fate }: PendingEntry): boolean => fate.is !== 'over'
