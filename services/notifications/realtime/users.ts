/** The users with sockets on this node: who is here, what a join or leave means for their sockets, and what changes their unread numbers. */
import type { Log } from '../../../shared/platform/log.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc, LogDoc } from '../../../shared/store/store.js'
import { leavesIn } from '../log/leave-mark.js'
import { parseChange, type StoredChange } from '../log/change.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub, LocalStream } from './hub.js'
import { Session } from './connection.js'
import { createUnreadTurns, UnreadTurn } from './unread-notifier.js'

export interface LocalUsers {
  add: (session: Session) => void
  remove: (session: Session) => void
  sessionsOf: (user: UserId) => readonly Session[]
  /** What one of the user's sockets was told, undefined where that is not known; it is told again if that is no more so. */
  told: (user: UserId, unreadJson: string | undefined) => void
  /** The hub passed this entry on. */
  accept: (stream: LocalStream, doc: EntryDoc) => void
  /** Compares what the sockets of a user take part in with what the user sees; how many had to be mended. */
  check: (own: LocalStream) => Promise<number>
  readonly users: number
  readonly sessions: () => IterableIterator<Session>
  readonly sessionCount: number
  close: () => void
}

interface LocalUser {
  readonly user: UserId
  readonly sessions: Set<Session>
  readonly turn: UnreadTurn
  readonly unpin: () => void
}

export interface LocalUsersOptions {
  readonly hub: Hub
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly now: () => number
  readonly log: Log
  /** Looks whether a stream has grown unnoticed. */
  readonly lookAt: (stream: LocalStream) => void
}

const expiryRoundMs = 1_000

export function createLocalUsers ({ hub, views, unread, now, log, lookAt }: LocalUsersOptions): LocalUsers {
  /** By the user's own stream. */
  const byStream = new Map<StreamId, LocalUser>()
  const sessions = new Set<Session>()
  const turns = createUnreadTurns({ hub, views, unread, log })
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touchExpired (): void {
    for (const stream of unread.expire()) touchReaders(stream)
    const at = now()
    for (const { turn } of byStream.values()) if (turn.nextExpiryMs <= at) turns.touch(turn)
  }

  function touchReaders (stream: StreamId): void {
    for (const reader of hub.get(stream)?.readers ?? []) if (reader instanceof Session && reader.turn !== undefined) turns.touch(reader.turn)
  }

  function acceptOwn (own: StreamId, doc: EntryDoc): void {
    const local = byStream.get(own)
    if (local === undefined) return
    if (doc.kind === 'change') followMembership(local, parseChange(doc))
    turns.touch(local.turn)
  }

  function followMembership ({ sessions }: LocalUser, change: StoredChange): void {
    if (change.type !== 'membership') return
    const group = groupStream(change.group)
    for (const session of [...sessions]) {
      if (change.joined) session.join(group, change.after ?? 0)
      else session.leave(group)
    }
  }

  /**
   * Who left this group stops getting it now, though the user's own stream has not told of the leave here yet. Where it has, the sockets
   * followed it, and those that take part again have joined again.
   */
  function acceptLeaves (stream: StreamId, mark: LogDoc): void {
    for (const { token, seq } of leavesIn(mark)) {
      const own = hub.byToken(token)
      const local = own === undefined ? undefined : byStream.get(own.id)
      if (own === undefined || local === undefined || own.head >= seq) continue
      views.noteLeave(own.id, stream.slice(2) as GroupId, seq)
      for (const session of local.sessions) session.leave(stream)
      turns.touch(local.turn)
      lookAt(own)
    }
  }

  return {
    add: session => {
      const own = userStream(session.user)
      let local = byStream.get(own)
      if (local === undefined) {
        const ofUser = new Set<Session>()
        byStream.set(own, local = { user: session.user, sessions: ofUser, turn: new UnreadTurn(session.user, ofUser, turns), unpin: views.pin(session.user) })
      }
      local.sessions.add(session)
      session.turn = local.turn
      sessions.add(session)
    },
    remove: session => {
      const own = userStream(session.user)
      const local = byStream.get(own)
      if (local?.sessions.delete(session) !== true) return
      sessions.delete(session)
      if (local.sessions.size > 0) return
      byStream.delete(own)
      local.unpin()
    },
    sessionsOf: user => [...byStream.get(userStream(user))?.sessions ?? []],
    told: (user, unreadJson) => {
      const local = byStream.get(userStream(user))
      if (local === undefined) return
      const { turn } = local
      if (local.sessions.size === 1) turn.lastUnread = unreadJson
      else if (turn.lastUnread !== unreadJson) turn.lastUnread = undefined
      turns.touch(turn)
    },
    accept: ({ id }, doc) => {
      if (id.startsWith('u:')) {
        views.accept(id, doc)
        acceptOwn(id, doc)
      } else if (id === allStream || id.startsWith('g:')) {
        unread.accept(id, doc)
        if (doc.kind === 'log') acceptLeaves(id, doc)
        else touchReaders(id)
      }
    },
    check: async own => {
      const local = byStream.get(own.id)
      if (local === undefined || own.state !== 'live') return 0
      const known = views.peek(own.id)
      const view = known === undefined || known.head < own.head ? await views.fresh(local.user) : known
      // A view that has read further than the sockets were given is compared another time.
      if (view.head !== own.head) return 0
      return [...local.sessions].filter(session => session.place(view)).length
    },
    get users () { return byStream.size },
    sessions: () => sessions.values(),
    get sessionCount () { return sessions.size },
    close: () => {
      turns.close()
      clearInterval(expiryTimer)
    }
  }
}
