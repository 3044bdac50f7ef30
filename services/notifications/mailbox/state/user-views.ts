/**
 * The users that this node knows: each one's view in memory, loaded once. Live entries move a view on; `fresh` asks the store whether the
 * stream has grown, so what is answered to a request is never older than the request. Loading and storing are in user-store.ts.
 */
import type { Clock } from '../../../../shared/contract/clock.js'
import { userStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { InTurn } from '../../../../shared/platform/in-turn.js'
import { MeasuredCache } from '../../../../shared/platform/measured-cache.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../../shared/store/store.js'
import type { Heads } from '../../log/heads.js'
import type { CountLimits } from '../unread/counts.js'
import type { MarkLimits } from './user-state.js'
import { createUserStore } from './user-store.js'
import type { UserView } from './user-view.js'

export { groupsOf, type UserView } from './user-view.js'

export interface UserViews {
  /** The view, loaded, and as new as a read that begins now. */
  fresh: (user: UserId) => Promise<UserView>
  /** The view of the user whose own stream this is, if it is in memory, however old. */
  peek: (own: StreamId) => UserView | undefined
  /** Takes an entry of a user's own stream as it comes live. */
  accept: (stream: StreamId, doc: EntryDoc) => void
  /** The user has left this group by an entry of the own stream that may not be known here yet. */
  noteLeave: (own: StreamId, group: GroupId, seq: number) => void
  /** Resolves when the fold is stored up to at least this seq of the own stream, with a view that has come so far. */
  storeFold: (user: UserId, seq: number) => Promise<UserView>
  /** Keeps a view in memory while something of the user is open here; returns what ends it. */
  pin: (user: UserId) => () => void
}

export interface UserViewsOptions {
  readonly store: Store
  readonly heads: Heads
  readonly clock: Clock
  readonly limits?: MarkLimits & CountLimits
  /** By UserView.bytes; those of users with sockets are counted, and stay. */
  readonly maxBytes?: number
}

/** `loading` until the view is there: before that, live entries are left to the reading of the stream. */
interface Cached { loading: Promise<UserView> | undefined, view: UserView | undefined }

export function createUserViews ({ store, heads, clock, limits, maxBytes }: UserViewsOptions): UserViews {
  const users = createUserStore({ store, clock, limits })
  const pins = new Map<StreamId, number>()
  /** By the user's own stream. */
  const cache = new MeasuredCache<StreamId, Cached>({ maxBytes, bytesOf: ({ view }) => view?.bytes ?? 0, isHeld: own => pins.has(own) })
  /** Reading on and storing of one view come one after the other. */
  const inTurn = new InTurn()

  async function viewOf (user: UserId): Promise<UserView> {
    const own = userStream(user)
    const { view, loading } = cache.get(own) ?? cache.add(own, load(user, own))
    return view ?? await loading!
  }

  function load (user: UserId, own: StreamId): Cached {
    const loading = users.load(user)
    const cached: Cached = { loading, view: undefined }
    loading.then(view => {
      cached.view = view
      cached.loading = undefined
      cache.measure(own)
    }, () => { if (cache.peek(own) === cached) cache.delete(own) })
    return cached
  }

  const peek = (own: StreamId): UserView | undefined => cache.peek(own)?.view

  return {
    peek,
    accept: (own, doc) => {
      const view = peek(own)
      if (view === undefined || doc.seq <= view.head || placeOfEntry(doc.key).prev !== view.head) return // a hole: `fresh` reads on
      if (view.take(doc, clock.now)) void inTurn.run(own, async () => { await users.storeCounts(view) }).catch(() => {}) // only a cache
    },
    noteLeave: (own, group, seq) => { peek(own)?.takeMembership(group, { isMember: false, seq, after: 0 }) },
    fresh: async user => {
      const isLoadedNow = cache.peek(userStream(user)) === undefined
      const view = await viewOf(user)
      // It has read its stream to the end since it was asked for.
      if (isLoadedNow) return view
      const [head] = await heads.fresh([view.stream])
      if (head !== undefined && head > view.head) {
        await inTurn.run(view.stream, async () => { if (head > view.head) await users.readOn(view) })
      }
      return view
    },
    storeFold: async (user, seq) => {
      const view = await viewOf(user)
      await inTurn.run(view.stream, async () => {
        if (view.head < seq) await users.readOn(view)
        await users.storeFold(view, seq)
      })
      return view
    },
    pin: user => {
      const own = userStream(user)
      pins.set(own, (pins.get(own) ?? 0) + 1)
      return () => {
        const left = (pins.get(own) ?? 1) - 1
        if (left > 0) pins.set(own, left)
        else pins.delete(own)
      }
    }
  }
}
