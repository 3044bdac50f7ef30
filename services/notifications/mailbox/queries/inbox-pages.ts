/**
 * A page of messages, newest first, merged from every stream that the user sees. A stream is read only once the merge
 * has come down to its newest entry below the cursor, and backwards from there, so a page costs the same however much
 * lies behind it and however many streams have nothing in it.
 */
import { refusal } from '../../../../shared/contract/errors.js'
import { entriesBefore } from '../../../../shared/store/keys.js'
import { parseStream, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type MessageDoc, type Store } from '../../../../shared/store/store.js'
import { entryWire, messageContent } from '../../log/entry.js'
import type { Heads } from '../../log/heads.js'
import { readBefore } from '../../log/read.js'
import { flagsOf } from '../state/user-state.js'
import { headsSeen, visibleStreams } from '../unread/unread.js'
import type { UserView, UserViews } from '../state/user-views.js'
import type { Target } from '../../../../shared/contract/message.js'

export type Box = 'inbox' | 'sent' | 'archived'

export interface PageQuery {
  readonly limit: number
  readonly before: Position | undefined
  readonly box: Box
  readonly onlyUnread: boolean
  readonly category: string | undefined
  readonly with: string | undefined
  /** Told the length of each message that the page has; may throw, which ends the page. */
  readonly count?: ((chars: number) => void) | undefined
  /** Told how many entries were looked at. */
  readonly looked?: ((entries: number) => void) | undefined
}

/** A place in the merge: by seq, ties by stream. */
export interface Position { readonly seq: number, readonly stream: string }

/** A page looks at no more entries than this; a filtered one may come back short, with a `next`. */
const defaultMaxLooked = 2_000
const minRead = 16
const maxRead = 256

export const encodePosition = ({ seq, stream }: Position): string => Buffer.from(JSON.stringify([seq, stream])).toString('base64url')

export function decodePosition (text: string): Position {
  let parts: unknown
  try { parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) } catch { /* said below */ }
  if (Array.isArray(parts) && parts.length === 2) {
    const [seq, stream] = parts as unknown[]
    if (Number.isSafeInteger(seq) && (seq as number) >= 0 && typeof stream === 'string' && parseStream(stream) !== undefined) return { seq: seq as number, stream }
  }
  throw refusal('before', text, 'the `next` of an earlier page')
}

interface Source {
  readonly stream: StreamId
  readonly after: number
  /** Entries of this stream with a seq below this are still to come. */
  below: number
  /** Read and not yet taken, newest first. */
  readonly docs: EntryDoc[]
  /** Nothing lies below what is in `docs`. */
  isRead: boolean
  /** How many entries the next read asks for. */
  want: number
}

export interface InboxPages {
  /** `{messages, next}` as JSON text. */
  page: (user: UserId, query: PageQuery) => Promise<string>
}

export interface InboxPagesOptions {
  readonly store: Store
  readonly heads: Heads
  readonly views: UserViews
  readonly now: () => number
  readonly maxLooked?: number
}

export function createInboxPages ({ store, heads, views, now, maxLooked = defaultMaxLooked }: InboxPagesOptions): InboxPages {
  return {
    page: async (user, query) => {
      const view = await views.fresh(user)
      const sources = await sourcesOf(view, query)
      const wires: string[] = []
      let last: Position | undefined
      let looked = 0
      while (wires.length < query.limit && looked < maxLooked) {
        const source = newest(sources)
        if (source === undefined) break
        const doc = source.docs.shift()
        if (doc === undefined) { await readOn(source); continue }
        looked++
        last = { seq: doc.seq, stream: source.stream }
        if (doc.kind === 'message' && isListed(view, source.stream, doc, query, now())) {
          const wire = entryWire(doc, flagsOf(view.state, source.stream, doc.seq, doc.category))
          query.count?.(wire.length)
          wires.push(wire)
        }
      }
      query.looked?.(looked)
      return answer(wires, newest(sources) === undefined ? undefined : last)
    }
  }

  async function sourcesOf (view: UserView, { box, before, limit }: PageQuery): Promise<Source[]> {
    const visible = visibleStreams(view).filter(({ stream }) => box !== 'sent' || stream === view.stream)
    const found = await headsSeen(heads, view, visible.map(({ stream }) => stream))
    const want = Math.min(maxRead, Math.max(minRead, Math.ceil(2 * limit / visible.length)))
    const sources = visible.map(({ stream, after }, i): Source => {
      const bound = before === undefined ? Infinity : stream < before.stream ? before.seq + 1 : before.seq
      return { stream, after, below: Math.min(bound, found[i]! + 1), docs: [], isRead: false, want }
    })
    const cut = sources.filter(({ below }, i) => below <= found[i]!)
    if (cut.length > 1) await lower(cut)
    return sources.filter(({ below, after }) => below > after + 1)
  }

  /** Brings `below` down to just above the newest entry below it, for streams that the cursor cuts through. */
  async function lower (sources: readonly Source[]): Promise<void> {
    const docs = await store.lasts('entries', sources.map(({ stream, below }) => entriesBefore(stream, below)))
    for (const [i, source] of sources.entries()) {
      const doc = docs[i]
      // The last one whose prev is below is either below itself, or the first that is not.
      source.below = 1 + (doc === undefined ? 0 : doc.seq < source.below ? doc.seq : placeOfEntry(doc.key).prev)
    }
  }

  async function readOn (source: Source): Promise<void> {
    const docs = await readBefore(store, source.stream, source.below, source.want)
    const seen = docs.filter(doc => doc.seq > source.after)
    source.isRead = docs.length < source.want || seen.length < docs.length
    source.below = docs.at(-1)?.seq ?? source.below
    source.want = Math.min(maxRead, source.want * 2)
    source.docs.push(...seen)
  }
}

const answer = (wires: readonly string[], next: Position | undefined): string =>
  `{"messages":[${wires.join(',')}],"next":${next === undefined ? 'null' : `"${encodePosition(next)}"`}}`

/** The source whose next entry is the newest, as far as is known before it is read; undefined when all are done. */
function newest (sources: readonly Source[]): Source | undefined {
  let best: Source | undefined
  let bestSeq = -1
  for (const source of sources) {
    const first = source.docs[0]
    if (first === undefined && source.isRead) continue
    const seq = first?.seq ?? source.below - 1
    // What is not read yet goes first among equals: it may turn out to be older.
    if (seq > bestSeq || (seq === bestSeq && best !== undefined && (first === undefined || (best.docs.length > 0 && source.stream > best.stream)))) {
      best = source
      bestSeq = seq
    }
  }
  return best
}

function isListed (view: UserView, stream: StreamId, doc: MessageDoc, query: PageQuery, now: number): boolean {
  if (doc.expiresAt <= now) return false
  const isOwn = doc.sender === view.stream
  if (isOwn && stream !== view.stream) return false // the copy is listed
  if (query.box === 'sent' ? doc.boxes === 'inbox' : doc.boxes === 'sent') return false
  if (query.category !== undefined && doc.category !== query.category) return false
  const { read, archived, deleted } = flagsOf(view.state, stream, doc.seq, doc.category)
  if (deleted) return false
  if (query.box !== 'sent' && archived !== (query.box === 'archived')) return false
  if (query.onlyUnread && (read || isOwn || doc.recalled > 0)) return false
  return query.with === undefined || isWith(doc, isOwn, query.with)
}

/** Between the user and this other one: received from, or sent to. */
function isWith (doc: MessageDoc, isOwn: boolean, other: string): boolean {
  if (!isOwn) return doc.sender === `u:${other}`
  const to = messageContent(doc).to as Target
  return 'user' in to ? to.user === other : 'users' in to && to.users.includes(other)
}
