/**
 * What a reader is sent of a stream after a cursor: its entries as this reader sees them, and `gone` for what it cannot
 * have (purged, expired, deleted by the reader).
 */
import type { StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type LogDoc, type MessageDoc, type Store } from '../../../shared/store/store.js'
import { flagsOf, type UserState } from './state/user-state.js'
import { parseChange } from '../log/change.js'
import { prevSeen } from '../log/entry.js'
import { wholeForm, type EntryForm } from '../log/entry-form.js'
import { erase, erasedDoc } from '../log/erase.js'
import { readAfter } from '../log/read.js'

export interface Recovered {
  /** JSON text of each entry, in order; the first follows the cursor that was asked for. */
  readonly wires: string[]
  readonly chars: number
  /** The cursor after them. */
  readonly cursor: number
  /** There may be more. */
  readonly hasMore: boolean
  /** The reader left the group here: nothing that follows is for it. */
  readonly hasLeft: boolean
}

export interface RecoverSources {
  readonly store: Store
  readonly now: () => number
  /** Whether this entry of a group marks that the reader has left it. */
  readonly isLeave?: (doc: LogDoc) => boolean
  /** 1 where none is given. */
  readonly form?: EntryForm
}

/**
 * `now`: what has expired by it is `gone`, which no reader comes back from. At most `limit` entries and about `maxChars` of text,
 * but at least one entry where there is one.
 */
export async function recover (
  { store, now, isLeave, form = wholeForm }: RecoverSources, state: UserState, stream: StreamId, cursor: number, limit: number, maxChars: number
): Promise<Recovered> {
  const docs = (await readAfter(store, stream, cursor, limit)).slice(0, limit)
  const recalls = await completeRecalls(store, stream, docs)
  const wires: string[] = []
  let chars = 0
  let at = cursor
  /** The seq that the reader had before what is gone; undefined: nothing is. */
  let goneSince: number | undefined
  const endGone = (): void => {
    if (goneSince === undefined) return
    wires.push(form.gone(stream, goneSince, at))
    goneSince = undefined
  }
  let taken = 0
  let hasLeft = false
  for (const doc of docs) {
    if (chars > maxChars) break
    taken++
    if (doc.kind === 'log' && isLeave?.(doc) === true) { hasLeft = true; break }
    const { prev } = placeOfEntry(doc.key)
    // prev 0 is a new beginning, which needs no word; below a prev that the reader has passed all is purged, or never was.
    if (prev > at) { goneSince ??= at; at = prev }
    if (isHidden(state, stream, doc, now())) { goneSince ??= at; at = doc.seq; continue }
    endGone()
    const seen = prevSeen(prev, at)
    const wire = doc.kind === 'message' ? form.entry(asRecalled(doc, recalls), stream, seen, flagsOf(state, stream, doc.seq, doc.category)) : form.entry(doc, stream, seen)
    wires.push(wire)
    chars += wire.length
    at = doc.seq
  }
  endGone()
  return { wires, chars, cursor: at, hasMore: taken < docs.length || docs.length >= limit, hasLeft }
}

/** The recalls among these entries, by the seqs of their messages, each of them complete. */
async function completeRecalls (store: Store, stream: StreamId, docs: readonly EntryDoc[]): Promise<ReadonlyMap<number, number>> {
  const recalls = new Map<number, number>()
  for (const doc of docs) {
    const change = doc.kind === 'change' ? parseChange(doc) : undefined
    if (change?.type === 'recall') recalls.set(change.message.seq, doc.seq)
  }
  await Promise.all([...recalls].map(async ([messageSeq, changeSeq]) => { await erase(store, stream, messageSeq, changeSeq) }))
  return recalls
}

function asRecalled (doc: MessageDoc, recalls: ReadonlyMap<number, number>): MessageDoc {
  const changeSeq = recalls.get(doc.seq)
  return changeSeq === undefined || doc.recalled > 0 ? doc : erasedDoc(doc, changeSeq)
}

const isHidden = (state: UserState, stream: StreamId, doc: EntryDoc, now: number): boolean =>
  doc.expiresAt <= now || doc.kind === 'log' || (doc.kind === 'message' && flagsOf(state, stream, doc.seq, doc.category).deleted)
