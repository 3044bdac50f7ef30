/**
 * What a user did to one message, and when: that it was done is in the user's state; when is said by the entry of the change in the user's
 * own stream, for as long as that is kept. Which node took the change is not stored.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { ticksPerMs, timeOfId, toMs } from '../../../../shared/contract/clock.js'
import type { ReaderTrace } from '../../../../shared/contract/node-rpc.js'
import type { GroupId, StreamId } from '../../../../shared/contract/names.js'
import type { MessageDoc, Store } from '../../../../shared/store/store.js'
import { forgotten, parseChange, type StoredChange } from '../../log/change.js'
import { readAfter } from '../../log/read.js'
import { flagsOf } from '../state/user-state.js'
import type { UserView } from '../state/user-view.js'

const pageEntries = 500
const maxPages = 20
/** Seqs of two streams are compared as times, and the clocks of two nodes differ. */
const clocksDifferBy = 5 * 60_000 * ticksPerMs

type Times = Pick<ReaderTrace, 'readAt' | 'archivedAt' | 'deletedAt' | 'actedAt'>
const noTimes: Times = { readAt: null, archivedAt: null, deletedAt: null, actedAt: null }

export async function traceReader (store: Store, view: UserView, stream: StreamId, doc: MessageDoc): Promise<ReaderTrace> {
  const { read, archived, deleted, acted } = flagsOf(view.state, stream, doc.seq, doc.category)
  // One's own copy is never unread, and nobody has read it.
  const isRead = read && doc.boxes !== 'sent'
  const isTouched = isRead || archived || deleted || acted !== undefined
  const { readAt, archivedAt, deletedAt, actedAt } = isTouched ? await timesOf(store, view, stream, doc) : noTimes
  return {
    sees: seesIt(view, stream, doc),
    read: isRead, archived, deleted, acted: acted ?? null,
    readAt: isRead ? readAt : null,
    archivedAt: archived ? archivedAt : null,
    deletedAt: deleted ? deletedAt : null,
    actedAt: acted === undefined ? null : actedAt
  }
}

function seesIt (view: UserView, stream: StreamId, doc: MessageDoc): boolean {
  if (!stream.startsWith('g:')) return true
  const membership = view.memberships.get(stream.slice(2) as GroupId)
  return membership?.isMember === true && doc.seq > membership.after
}

async function timesOf (store: Store, view: UserView, stream: StreamId, doc: MessageDoc): Promise<Times> {
  let times = noTimes
  let cursor = stream === view.stream ? doc.seq : Math.max(0, doc.seq - clocksDifferBy)
  for (let page = 0; page < maxPages; page++) {
    const entries = await readAfter(store, view.stream, cursor, pageEntries)
    for (const entry of entries) {
      if (entry.kind === 'change') times = timesAfter(times, parseChange(entry), stream, doc, toMs(timeOfId(entry.id)))
    }
    if (entries.length < pageEntries) return times
    cursor = entries.at(-1)!.seq
    await turn()
  }
  // It lies too far back: what was done later is not known.
  return noTimes
}

/** A time stands until what it tells of is undone. */
function timesAfter (times: Times, change: StoredChange, stream: StreamId, { id, seq, category }: MessageDoc, at: number): Times {
  switch (change.type) {
    case 'mark': {
      if (!change.messages.some(message => message.id === id)) return times
      const when = (was: number | null, now: boolean | undefined): number | null => now === undefined ? was : now ? was ?? at : null
      return { readAt: when(times.readAt, change.read), archivedAt: when(times.archivedAt, change.archived), deletedAt: when(times.deletedAt, change.deleted), actedAt: change.acted === undefined ? times.actedAt : at }
    }
    case 'readTo': {
      const isIn = (change.readTo[stream] ?? 0) >= seq && (change.category === undefined || change.category === category)
      return isIn ? { ...times, readAt: times.readAt ?? at } : times
    }
    case 'recall': case 'membership': return times
    default: return forgotten(change) ?? times
  }
}
