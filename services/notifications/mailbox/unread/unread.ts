/** Exact unread counts: the user's own stream, every group of the user's, and all. */
import { allStream, groupStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { MeasuredCache } from '../../../../shared/platform/measured-cache.js'
import type { Store } from '../../../../shared/store/store.js'
import type { Heads } from '../../log/heads.js'
import { toUnread, type Places, type Unread } from './counts.js'
import { nextOwnExpiry, ownPlaces, ownUnread, refreshCounts } from './own-counts.js'
import { SharedStreamIndex, unreadFloor } from './shared-stream-index.js'
import { marksByStream, noMarks } from '../state/user-state.js'
import { groupsOf, type UserView, type UserViews } from '../state/user-views.js'
import type { EntryDoc } from '../../../../shared/store/store.js'

/** A stream that a user sees, and the seq after which. */
export interface VisibleStream { readonly stream: StreamId, readonly after: number }

/** Own stream first, then the groups, then all: the order in which a reader is brought up to date. */
export function visibleStreams (view: UserView): VisibleStream[] {
  return [
    { stream: view.stream, after: 0 },
    ...groupsOf(view).map(group => ({ stream: groupStream(group), after: view.memberships.get(group)!.after })),
    { stream: allStream, after: 0 }
  ]
}

/**
 * The heads of some of the streams that the user sees, as true as a read that begins now. The view is fresh (UserViews.fresh): how far
 * the own stream goes it knows.
 */
export async function headsSeen (heads: Pick<Heads, 'fresh'>, view: UserView, streams: readonly StreamId[]): Promise<number[]> {
  const { head } = view
  const others = await heads.fresh(streams.filter(stream => stream !== view.stream))
  let at = 0
  return streams.map(stream => stream === view.stream ? head : others[at++]!)
}

/** What of this stream the user sees, undefined where it is none of the user's. */
export function afterIn (view: UserView, stream: StreamId): number | undefined {
  if (stream === view.stream || stream === allStream) return 0
  const membership = stream.startsWith('g:') ? view.memberships.get(stream.slice(2) as GroupId) : undefined
  return membership?.isMember === true ? membership.after : undefined
}

/** Counts, and when they change by themselves (ms since 1970). */
export interface CountedUnread { readonly unread: Unread, readonly nextExpiryMs: number }

export interface UnreadCounter {
  /** The counts as true as a read that begins now. */
  of: (user: UserId) => Promise<Unread>
  /** The counts of a view as of these heads; a promise only where something must be read. */
  count: (view: UserView, headOf: (stream: StreamId) => number) => CountedUnread | Promise<CountedUnread>
  /** Those of the user's streams that may hold messages of this category that the user has not read, and where. */
  holding: (view: UserView, category: string) => Promise<Map<StreamId, Places>>
  /** Takes an entry of a group or of all as it comes live. */
  accept: (stream: StreamId, doc: EntryDoc) => void
  /** Streams in whose lists something has expired since the last call. */
  expire: () => StreamId[]
}

/** A stream that a user shares with others, after where the user's part of it begins. */
interface Shared { readonly after: number, readonly index: SharedStreamIndex }

export interface UnreadCounterOptions {
  readonly store: Store
  readonly views: UserViews
  readonly heads: Heads
  readonly now: () => number
  /** How many entries of a shared stream are read at once. */
  readonly page?: number
  /** By SharedStreamIndex.bytes, of all shared streams. */
  readonly maxBytes?: number
}

export function createUnreadCounter ({ store, views, heads, now, page, maxBytes }: UnreadCounterOptions): UnreadCounter {
  const indexes = new MeasuredCache<StreamId, SharedStreamIndex>({ maxBytes, bytesOf: ({ bytes }) => bytes })

  function indexOf (stream: StreamId, head: number): SharedStreamIndex {
    return indexes.get(stream) ?? indexes.add(stream, new SharedStreamIndex(stream, head, page))
  }

  /** What there is to count from, and the reads after which it covers what the user has not read. */
  function prepare (view: UserView, headOf: (stream: StreamId) => number): { shared: Shared[], reads: Array<Promise<void>> } {
    const { state } = view
    const marks = marksByStream(state)
    const shared: Shared[] = []
    const reads: Array<Promise<void>> = []
    for (const { stream, after } of visibleStreams(view)) {
      if (stream === view.stream) continue
      const head = headOf(stream)
      const index = indexOf(stream, head)
      shared.push({ after, index })
      const from = unreadFloor(state, stream, after, marks.get(stream) ?? noMarks)
      if (!index.covers(head, from, now())) reads.push(index.cover(store, head, from, now()))
    }
    const refreshing = refreshCounts(view.counts, () => view.state, store, now)
    if (refreshing !== undefined) reads.push(refreshing)
    return { shared, reads }
  }

  const count: UnreadCounter['count'] = (view, headOf) => {
    const { shared, reads } = prepare(view, headOf)
    const addUp = (): CountedUnread => {
      const marks = marksByStream(view.state) // as it is by now
      const total = ownUnread(view.counts, view.state, now())
      let nextExpiryMs = nextOwnExpiry(view.counts, view.state, now())
      for (const { after, index } of shared) {
        index.expire(now())
        index.addUnread(total, view.state, view.stream, after, marks.get(index.stream) ?? noMarks) // `u:NAME`, as a message names its sender
        nextExpiryMs = Math.min(nextExpiryMs, index.nextExpiryMs)
      }
      return { unread: toUnread(total), nextExpiryMs }
    }
    return reads.length === 0 ? addUp() : Promise.all(reads).then(addUp)
  }

  async function freshHeads (view: UserView): Promise<(stream: StreamId) => number> {
    const streams = visibleStreams(view).slice(1).map(({ stream }) => stream)
    const found = await heads.fresh(streams)
    const byStream = new Map(streams.map((stream, i) => [stream, found[i]!]))
    return stream => byStream.get(stream) ?? 0
  }

  return {
    count,
    of: async user => {
      const view = await views.fresh(user)
      return (await count(view, await freshHeads(view))).unread
    },
    holding: async (view, category) => {
      // The lists of before the reads: one that is known by now may be another one, which covers less.
      const { shared, reads } = prepare(view, await freshHeads(view))
      await Promise.all(reads)
      const places = shared.map(({ index }): [StreamId, Places] => [index.stream, { ranges: [], seqs: index.seqsOf(category) }])
      places.unshift([view.stream, ownPlaces(view.counts, view.state, category)])
      return new Map(places.filter(([, { ranges, seqs }]) => ranges.length > 0 || seqs.length > 0))
    },
    accept: (stream, doc) => { indexes.peek(stream)?.accept(doc) },
    expire: () => indexes.values().filter(index => index.expire(now())).map(({ stream }) => stream)
  }
}
