/** A user's message by its id, wherever the user may see it. */
import { homeTag, parseMessageId } from '../../../shared/clock.js'
import { GatepostError } from '../../../shared/errors.js'
import { allStream, groupStream, type StreamId } from '../../../shared/names.js'
import type { MessageDoc, Store } from '../../../shared/store/store.js'
import { entryWire } from '../stream/entry.js'
import { findMessage } from '../stream/read.js'
import { flagsOf } from '../state/user-state.js'
import { groupsOf, type UserView } from '../state/user-views.js'
import type { ChangedMessage } from '../stream/change.js'

export interface Found { readonly stream: StreamId, readonly doc: MessageDoc }

/** Undefined: not there, expired, deleted by the user, or none of the user's business. */
export async function findVisible ({ store, now }: { store: Store, now: () => number }, view: UserView, id: string): Promise<Found | undefined> {
  const home = parseMessageId(id)?.home
  if (home === undefined) return undefined
  for (const { stream, after } of candidates(view, home)) {
    const doc = await findMessage(store, stream, id)
    if (doc === undefined || doc.seq <= after || doc.expiresAt <= now()) continue
    // The sender of a group's message has a copy of it; that one is listed.
    if (stream !== view.stream && doc.sender === view.stream) continue
    if (flagsOf(view.state, stream, doc.seq, doc.category).deleted) continue
    return { stream, doc }
  }
  return undefined
}

/** An id says where its message lies; the sender's own copy lies in the own stream all the same. */
function candidates (view: UserView, home: string): Array<{ stream: StreamId, after: number }> {
  const own = { stream: view.stream, after: 0 }
  if (home === 'u') return [own]
  if (home === 'a') return [{ stream: allStream, after: 0 }]
  const groups = groupsOf(view).map(group => ({ stream: groupStream(group), after: view.memberships.get(group)!.after }))
  return [...groups.filter(({ stream }) => homeTag(stream) === home), own]
}

export async function requireVisible (sources: { store: Store, now: () => number }, view: UserView, id: string): Promise<Found> {
  const found = await findVisible(sources, view, id)
  if (found === undefined) throw new GatepostError('GP_NOT_FOUND', 'id: no message of this user has it')
  return found
}

export const changedMessage = ({ stream, doc }: Found): ChangedMessage =>
  ({ id: doc.id, stream, seq: doc.seq, category: doc.category, expiresAt: doc.expiresAt })

/** The message as this user is shown it. */
export const shownTo = (view: UserView, { stream, doc }: Found): string =>
  entryWire(doc, flagsOf(view.state, stream, doc.seq, doc.category))
