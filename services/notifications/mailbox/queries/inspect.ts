/** What an operator may know of a user and of a message: where they are and what became of them, never what a message says. */
import type { MessageDetails, MessageTrace, UserDetails } from '../../../../shared/contract/node-rpc.js'
import { homeTag, parseMessageId, timeOfId, toMs } from '../../../../shared/contract/clock.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import type { MessageDoc, Store } from '../../../../shared/store/store.js'
import type { MessageFinder } from '../../log/find-messages.js'
import { groupsOf, type UserView, type UserViews } from '../state/user-views.js'
import type { UnreadCounter } from '../unread/unread.js'
import { notFound } from './find.js'
import type { Box, InboxPages } from './inbox-pages.js'
import { traceReader } from './trace-reader.js'

export interface Inspect {
  /** With so many of the last messages. */
  user: (user: UserId, messages: number) => Promise<UserDetails>
  /** In the stream of all, of the group, of the user, or of a group of the user: as the id says. GP_NOT_FOUND. */
  message: (id: string, user: UserId | undefined, group: GroupId | undefined) => Promise<MessageTrace>
}

export interface InspectOptions {
  readonly store: Store
  readonly finder: MessageFinder
  readonly views: UserViews
  readonly unread: Pick<UnreadCounter, 'of'>
  readonly pages: InboxPages
}

const boxes: readonly Box[] = ['inbox', 'archived', 'sent']
const maxGroups = 100

interface ListedMessage extends Omit<MessageDetails, 'from' | 'createdAt'> {
  readonly createdAt: string
  readonly from: { readonly user: string } | { readonly producer: string }
}

export function createInspect ({ store, finder, views, unread, pages }: InspectOptions): Inspect {
  async function lastMessages (user: UserId, limit: number): Promise<MessageDetails[]> {
    const texts = await Promise.all(boxes.map(async box => await pages.page(user, { limit, before: undefined, box, onlyUnread: false, category: undefined, with: undefined })))
    const listed = texts.flatMap(text => (JSON.parse(text) as { messages: ListedMessage[] }).messages)
    // A mail to oneself is in two boxes.
    const byPlace = new Map(listed.map(message => [`${message.stream} ${message.seq}`, detailsOf(message)]))
    return [...byPlace.values()].sort((one, other) => other.seq - one.seq).slice(0, limit)
  }

  async function find (id: string, streams: readonly StreamId[]): Promise<{ stream: StreamId, doc: MessageDoc } | undefined> {
    for (const stream of streams) {
      const doc = (await finder.find(stream, [id])).get(id)
      if (doc !== undefined) return { stream, doc }
    }
    return undefined
  }

  return {
    user: async (user, limit) => {
      const [view, numbers, messages] = await Promise.all([views.fresh(user), unread.of(user), lastMessages(user, limit)])
      const groups = groupsOf(view).sort()
      return { groups: groups.slice(0, maxGroups), groupCount: groups.length, unread: numbers.unread, byCategory: numbers.byCategory, messages }
    },
    message: async (id, user, group) => {
      const view = user === undefined ? undefined : await views.fresh(user)
      const found = await find(id, streamsOf(id, view, group))
      if (found === undefined) throw notFound()
      const { stream, doc } = found
      return {
        stream,
        seq: doc.seq,
        from: doc.sender,
        category: doc.category,
        createdAt: toMs(timeOfId(id)),
        storedAt: toMs(doc.seq),
        expiresAt: doc.expiresAt,
        recalledAt: doc.recalled > 0 ? toMs(doc.recalled) : null,
        reader: view === undefined ? null : await traceReader(store, view, stream, doc)
      }
    }
  }
}

function detailsOf ({ id, stream, seq, from, category, createdAt, boxes, read, archived, recalled, acted }: ListedMessage): MessageDetails {
  return { id, stream, seq, from: 'user' in from ? `u:${from.user}` : `p:${from.producer}`, category, createdAt: Date.parse(createdAt), boxes, read, archived, recalled, acted }
}

/** Where a message of this id may lie, for this user, or in this group. */
function streamsOf (id: string, view: UserView | undefined, group: GroupId | undefined): StreamId[] {
  const home = parseMessageId(id)?.home
  if (home === undefined) return []
  if (home === 'a') return [allStream]
  const own = view === undefined ? [] : [userStream(view.user)]
  if (home === 'u') return own
  // Left ones too: what a user saw before.
  const groups = group === undefined ? [...view?.memberships.keys() ?? []] : [group]
  return [...groups.map(groupStream).filter(stream => homeTag(stream) === home), ...own]
}
