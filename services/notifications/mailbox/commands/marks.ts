/**
 * What a user does to messages as often as wanted: read, archive, delete. Each is a change in the user's own stream.
 * GP_OUTCOME_UNKNOWN where it is not known whether it is stored.
 */
import { InTurn } from '../../../../shared/platform/in-turn.js'
import { parseStream, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import type { Store } from '../../../../shared/store/store.js'
import type { MessageFinder } from '../../log/find-messages.js'
import type { Heads } from '../../log/heads.js'
import { flagsOf } from '../state/user-state.js'
import { afterIn, headsSeen, visibleStreams, type UnreadCounter } from '../unread/unread.js'
import type { UserViews } from '../state/user-views.js'
import { changedMessage, findAllVisible, notFound, requireVisible, shownTo, type Found } from '../queries/find.js'
import { unreadOfCategory, type Wanted } from '../queries/unread-of-category.js'
import { refusal } from '../../../../shared/contract/errors.js'
import { planReadTo } from './read-to.js'
import type { RecordChange } from './record-change.js'

export interface Marks {
  /** The message as it is, as JSON text. Rejects with GP_NOT_FOUND. */
  show: (user: UserId, id: string) => Promise<string>
  /** The message after the change, as JSON text. Rejects with GP_NOT_FOUND. */
  change: (user: UserId, id: string, marks: { read?: boolean | undefined, archived?: boolean | undefined }) => Promise<string>
  remove: (user: UserId, id: string) => Promise<void>
  /** All of these become read; GP_NOT_FOUND (and nothing is changed) where one is not the user's. */
  read: (user: UserId, ids: readonly string[]) => Promise<void>
  /** All up to these seqs becomes read, or all there is; a category narrows it. Resolves with how many messages were marked one by one. */
  readTo: (user: UserId, upTo: Readonly<Record<string, number>> | undefined, category: string | undefined) => Promise<number>
}

export interface MarksOptions {
  readonly store: Store
  readonly finder: MessageFinder
  /** By what messages expire, in ms since 1970. */
  readonly now: () => number
  readonly heads: Heads
  readonly views: UserViews
  readonly unread: Pick<UnreadCounter, 'holding'>
  readonly record: RecordChange
  readonly maxCategoryWatermarks?: number
}

/** See read-to.ts. */
const mostCategoryWatermarks = 200

export function createMarks ({ store, finder, now, heads, views, unread, record, maxCategoryWatermarks = mostCategoryWatermarks }: MarksOptions): Marks {
  const sources = { finder, now }
  /** By user. */
  const inTurn = new InTurn()

  const needs = (view: Awaited<ReturnType<UserViews['fresh']>>, { stream, doc }: Found, marks: { read?: boolean | undefined, archived?: boolean | undefined }): boolean => {
    const flags = flagsOf(view.state, stream, doc.seq, doc.category)
    return (marks.read !== undefined && marks.read !== flags.read) || (marks.archived !== undefined && marks.archived !== flags.archived)
  }

  return {
    show: async (user, id) => {
      const view = await views.fresh(user)
      return shownTo(view, await requireVisible(sources, view, id))
    },
    change: async (user, id, marks) => {
      const view = await views.fresh(user)
      const found = await requireVisible(sources, view, id)
      if (!needs(view, found, marks)) return shownTo(view, found)
      const { read, archived } = marks
      return shownTo(await record(user, { type: 'mark', messages: [changedMessage(found)], ...read !== undefined && { read }, ...archived !== undefined && { archived } }), found)
    },
    remove: async (user, id) => {
      const found = await requireVisible(sources, await views.fresh(user), id)
      await record(user, { type: 'mark', messages: [changedMessage(found)], deleted: true })
    },
    read: async (user, ids) => {
      const view = await views.fresh(user)
      const wanted = [...new Set(ids)]
      const found = await findAllVisible(sources, view, wanted)
      if (found.size < wanted.length) throw notFound()
      const due = [...found.values()].filter(one => needs(view, one, { read: true }))
      if (due.length > 0) await record(user, { type: 'mark', messages: due.map(changedMessage), read: true })
    },
    // In turn where it is of a category: many at once would each find the same room for a watermark, and each do the work of all.
    readTo: async (user, upTo, category) => category === undefined ? await readTo(user, upTo, undefined) : await inTurn.run(user, async () => await readTo(user, upTo, category))
  }

  async function readTo (user: UserId, upTo: Readonly<Record<string, number>> | undefined, category: string | undefined): Promise<number> {
    const view = await views.fresh(user)
    const named = upTo === undefined ? visibleStreams(view).map(({ stream }) => stream) : seenStreams(view, upTo)
    // A watermark of a category is kept for good: only where it says something.
    const holding = category === undefined ? undefined : await unread.holding(view, category)
    const asked = holding === undefined ? named : named.filter(stream => holding.has(stream))
    const found = await headsSeen(heads, view, asked)
    const { readTo, crowded } = planReadTo(view.state, asked, found, { upTo, category, holding, maxCategoryWatermarks })
    if (Object.keys(readTo).length > 0) await record(user, { type: 'readTo', readTo, ...category !== undefined && { category } })
    return await readOneByOne(user, crowded)
  }

  async function readOneByOne (user: UserId, crowded: readonly Wanted[]): Promise<number> {
    let count = 0
    for (const wanted of crowded) {
      for await (const docs of unreadOfCategory({ store, now }, await views.fresh(user), wanted)) {
        await record(user, { type: 'mark', messages: docs.map(doc => changedMessage({ stream: wanted.stream, doc })), read: true })
        count += docs.length
      }
    }
    return count
  }

  /** The streams named that the user sees; one that the user sees no longer is passed over, one that cannot be is refused. */
  function seenStreams (view: Awaited<ReturnType<UserViews['fresh']>>, upTo: Readonly<Record<string, number>>): StreamId[] {
    return (Object.keys(upTo) as StreamId[]).filter(stream => {
      if (parseStream(stream) === undefined) throw refusal(`upTo.${stream}`, stream, 'u:NAME, g:NAME or all')
      return afterIn(view, stream) !== undefined
    })
  }
}
