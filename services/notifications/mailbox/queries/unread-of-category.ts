/** The messages of one category that a user has not read in a stream, found where the counts say that they may lie. */
import { entriesBefore } from '../../../../shared/store/keys.js'
import type { StreamId } from '../../../../shared/contract/names.js'
import type { EntryDoc, MessageDoc, Store } from '../../../../shared/store/store.js'
import type { Places } from '../unread/counts.js'
import { afterIn } from '../unread/unread.js'
import { flagsOf } from '../state/user-state.js'
import type { UserView } from '../state/user-views.js'
import { readAfter } from '../../log/read.js'

/** So many are read, and handed on, at once. */
const slice = 250

export interface Wanted {
  readonly stream: StreamId
  readonly category: string
  /** Up to this seq. */
  readonly to: number
  readonly places: Places
}

/** In slices, each looked at in the turn in which it is handed on. */
export async function * unreadOfCategory ({ store, now }: { store: Store, now: () => number }, view: UserView, wanted: Wanted): AsyncGenerator<MessageDoc[]> {
  const after = afterIn(view, wanted.stream) ?? Infinity
  const isDue = (seq: number): boolean => seq > after && seq <= wanted.to && !isDone(view, wanted, seq)
  for await (const docs of docsAt(store, wanted, isDue)) {
    const unread = docs.filter((doc): doc is MessageDoc => doc.kind === 'message' && isDue(doc.seq) && isReceived(view, wanted, doc) && doc.expiresAt > now())
    if (unread.length > 0) yield unread
  }
}

function isDone (view: UserView, { stream, category }: Wanted, seq: number): boolean {
  const { read, deleted } = flagsOf(view.state, stream, seq, category)
  return read || deleted
}

const isReceived = (view: UserView, { stream, category }: Wanted, doc: MessageDoc): boolean =>
  doc.category === category && doc.recalled === 0 && (stream === view.stream ? doc.boxes === 'inbox' : doc.sender !== view.stream)

async function * docsAt (store: Store, { stream, to, places: { ranges, seqs } }: Wanted, isDue: (seq: number) => boolean): AsyncGenerator<EntryDoc[]> {
  for (const range of ranges) {
    const end = Math.min(range.to, to)
    for (let at = range.after; at < end;) {
      const docs = await readAfter(store, stream, at, slice)
      const last = docs.at(-1)
      if (last === undefined) break
      yield docs
      at = last.seq
    }
  }
  const due = seqs.filter(isDue)
  for (let at = 0; at < due.length; at += slice) {
    const wanted = due.slice(at, at + slice)
    const docs = await store.lasts('entries', wanted.map(seq => entriesBefore(stream, seq)))
    yield docs.filter((doc, i): doc is EntryDoc => doc?.seq === wanted[i])
  }
}
