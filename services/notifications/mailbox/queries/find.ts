/** A user's messages by their ids, wherever the user may see them. */
import { homeTag, parseMessageId } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import { allStream, groupStream, type StreamId } from '../../../../shared/contract/names.js'
import type { MessageDoc } from '../../../../shared/store/store.js'
import { entryWire } from '../../log/entry.js'
import type { MessageFinder } from '../../log/find-messages.js'
import { flagsOf } from '../state/user-state.js'
import { groupsOf, type UserView } from '../state/user-views.js'
import type { ChangedMessage } from '../../log/change.js'

export interface Found { readonly stream: StreamId, readonly doc: MessageDoc }

export interface FindSources { readonly finder: MessageFinder, readonly now: () => number }

interface Candidate { readonly stream: StreamId, readonly after: number }

/** Those of these ids that are there for the user, by id: not expired, not deleted by the user, the user's business. */
export async function findAllVisible ({ finder, now }: FindSources, view: UserView, ids: readonly string[]): Promise<Map<string, Found>> {
  const found = new Map<string, Found>()
  const isVisible = ({ stream, after }: Candidate, doc: MessageDoc): boolean => {
    if (doc.seq <= after || doc.expiresAt <= now()) return false
    // The sender of a group's message has a copy of it; that one is listed.
    if (stream !== view.stream && doc.sender === view.stream) return false
    return !flagsOf(view.state, stream, doc.seq, doc.category).deleted
  }
  const lookIn = async (candidate: Candidate, ids: readonly string[]): Promise<void> => {
    for (const [id, doc] of await finder.find(candidate.stream, ids)) if (isVisible(candidate, doc)) found.set(id, { stream: candidate.stream, doc })
  }
  const groups = groupsByTag(view, ids)
  const byStream = new Map<StreamId, { candidate: Candidate, ids: string[] }>()
  for (const id of ids) {
    for (const candidate of homesOf(view, id, groups)) {
      const known = byStream.get(candidate.stream)
      if (known === undefined) byStream.set(candidate.stream, { candidate, ids: [id] })
      else known.ids.push(id)
    }
  }
  await Promise.all([...byStream.values()].map(async ({ candidate, ids }) => { await lookIn(candidate, ids) }))
  const copies = ids.filter(id => isOfGroup(id) && !found.has(id))
  if (copies.length > 0) await lookIn({ stream: view.stream, after: 0 }, copies)
  return found
}

export const findVisible = async (sources: FindSources, view: UserView, id: string): Promise<Found | undefined> =>
  (await findAllVisible(sources, view, [id])).get(id)

const isOfGroup = (id: string): boolean => parseMessageId(id)?.home.startsWith('g') === true

/** The user's groups by the tail of their messages' ids: a hash for each group, not for each group and id. */
function groupsByTag (view: UserView, ids: readonly string[]): ReadonlyMap<string, readonly Candidate[]> {
  const byTag = new Map<string, Candidate[]>()
  if (!ids.some(isOfGroup)) return byTag
  for (const group of groupsOf(view)) {
    const stream = groupStream(group)
    const candidate = { stream, after: view.memberships.get(group)!.after }
    const tag = homeTag(stream)
    byTag.set(tag, [...byTag.get(tag) ?? [], candidate])
  }
  return byTag
}

/** An id says where its message lies; the sender's own copy of one to a group lies in the own stream all the same. */
function homesOf (view: UserView, id: string, groups: ReadonlyMap<string, readonly Candidate[]>): readonly Candidate[] {
  const home = parseMessageId(id)?.home
  if (home === undefined) return []
  if (home === 'u') return [{ stream: view.stream, after: 0 }]
  if (home === 'a') return [{ stream: allStream, after: 0 }]
  return groups.get(home) ?? []
}

export async function requireVisible (sources: FindSources, view: UserView, id: string): Promise<Found> {
  const found = await findVisible(sources, view, id)
  if (found === undefined) throw notFound()
  return found
}

export const notFound = (): GatepostError => new GatepostError('GP_NOT_FOUND', 'id: no message of this user has it')

export const changedMessage = ({ stream, doc }: Found): ChangedMessage =>
  ({ id: doc.id, stream, seq: doc.seq, category: doc.category, expiresAt: doc.expiresAt })

/** The message as this user is shown it. */
export const shownTo = (view: UserView, { stream, doc }: Found): string =>
  entryWire(doc, flagsOf(view.state, stream, doc.seq, doc.category))
