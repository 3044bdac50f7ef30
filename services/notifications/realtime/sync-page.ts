/** One page of what lies after a reader's cursors, over all streams that the user sees. */
import type { StreamId } from '../../../shared/contract/names.js'
import type { LogDoc, Store } from '../../../shared/store/store.js'
import type { Heads } from '../log/heads.js'
import type { Burst, EntryForm, PageOfForm } from '../log/entry-form.js'
import { recover } from '../mailbox/replay.js'
import type { UserView } from '../mailbox/state/user-views.js'
import { headsSeen, visibleStreams } from '../mailbox/unread/unread.js'

export interface SyncPage {
  readonly bursts: readonly Burst[]
  /** By stream: where it stood when the page was read. A group that the user has left is in neither map. */
  readonly heads: Record<string, number>
  /** By stream: up to where the page brings the reader. */
  readonly reached: ReadonlyMap<StreamId, number>
  readonly more: boolean
}

/** As the client gets it, with the entries in its form. */
export interface SyncAnswer extends PageOfForm { readonly heads: Record<string, number>, readonly more: boolean }

export interface SyncPageSources {
  readonly store: Store
  readonly heads: Pick<Heads, 'fresh'>
  /** By what entries end, in ms since 1970. */
  readonly now: () => number
  /** Whether a mark in a stream says that the user has left it. */
  readonly isLeave: (stream: StreamId, mark: LogDoc) => boolean
  readonly form: EntryForm
  /** The page has what lies beyond `after`, up to `upTo`. */
  readonly noteRead: (stream: StreamId, after: number, upTo: number) => void
  /** Where the reader stands in a stream, given where the user's part of it begins, and its head. */
  readonly cursorOf: (stream: StreamId, after: number, head: number) => number
}

const maxChars = 512 * 1024

export async function readSyncPage ({ store, heads, now, isLeave, form, noteRead, cursorOf }: SyncPageSources, view: UserView, limit: number): Promise<SyncPage> {
  const visible = visibleStreams(view)
  const found = await headsSeen(heads, view, visible.map(({ stream }) => stream))
  const bursts: Burst[] = []
  let count = 0
  const shownHeads: Record<string, number> = {}
  const reached = new Map<StreamId, number>()
  let chars = 0
  let more = false
  for (const [i, { stream, after }] of visible.entries()) {
    const head = found[i]!
    let cursor = cursorOf(stream, after, head)
    let hasLeft = false
    while (cursor < head && !hasLeft) {
      if (count >= limit || chars > maxChars) { more = true; break }
      const page = await recover({ store, now, isLeave: mark => isLeave(stream, mark), form }, view.state, stream, cursor, limit - count, maxChars - chars)
      hasLeft = page.hasLeft
      if (page.cursor === cursor) break
      if (page.wires.length > 0) {
        bursts.push({ stream, prev: cursor, wires: page.wires })
        noteRead(stream, cursor, page.cursor)
      }
      count += page.wires.length
      chars += page.chars
      cursor = page.cursor
    }
    if (hasLeft) continue
    shownHeads[stream] = head
    reached.set(stream, cursor)
  }
  return { bursts, heads: shownHeads, reached, more }
}
