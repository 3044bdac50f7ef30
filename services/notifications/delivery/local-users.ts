/** The users with sockets on this node: who is here, what a join or leave means for their sockets, and what changes their unread numbers. */
import type { Log } from '../../../shared/log.js'
import { allStream, groupStream, type StreamId, type UserId } from '../../../shared/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { parseChange } from '../stream/change.js'
import type { UnreadCounter } from '../state/unread.js'
import type { UserViews } from '../state/user-views.js'
import type { Hub, LocalStream } from './hub.js'
import { Session } from './session.js'
import { createUnreadTurns, UnreadTurn } from './unread-turns.js'

export interface LocalUsers {
  add: (session: Session) => void
  remove: (session: Session) => void
  sessionsOf: (user: UserId) => readonly Session[]
  /** What one of the user's sockets was told, undefined where that is not known; it is told again if that is no more so. */
  told: (user: UserId, unreadJson: string | undefined) => void
  /** The hub passed an entry on. */
  accept: (stream: LocalStream, doc: EntryDoc) => void
  readonly users: number
  readonly sessions: () => IterableIterator<Session>
  readonly sessionCount: number
  close: () => void
}

interface LocalUser {
  readonly sessions: Set<Session>
  readonly turn: UnreadTurn
  readonly unpin: () => void
}

export interface LocalUsersOptions {
  readonly hub: () => Hub
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly now: () => number
  readonly log: Log
}

const expiryRoundMs = 1_000

export function createLocalUsers ({ hub, views, unread, now, log }: LocalUsersOptions): LocalUsers {
  const byUser = new Map<UserId, LocalUser>()
  const sessions = new Set<Session>()
  const turns = createUnreadTurns({ hub, views, unread, log })
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touch (user: UserId): void {
    const local = byUser.get(user)
    if (local !== undefined) turns.touch(local.turn)
  }

  function touchExpired (): void {
    for (const stream of unread.expire()) touchReaders(stream)
    const at = now()
    for (const { turn } of byUser.values()) if (turn.nextExpiryMs <= at) turns.touch(turn)
  }

  function touchReaders (stream: StreamId): void {
    for (const reader of hub().get(stream)?.readers ?? []) if (reader instanceof Session && reader.turn !== undefined) turns.touch(reader.turn)
  }

  function acceptOwn (stream: LocalStream, doc: EntryDoc): void {
    const user = stream.id.slice(2) as UserId
    if (doc.kind === 'change') {
      const change = parseChange(doc)
      if (change.type === 'membership') {
        const group = groupStream(change.group)
        for (const session of [...byUser.get(user)?.sessions ?? []]) {
          if (change.joined) session.join(group, change.after ?? 0)
          else session.leave(group)
        }
      }
    }
    touch(user)
  }

  return {
    add: session => {
      const { user } = session
      let local = byUser.get(user)
      if (local === undefined) {
        const own = new Set<Session>()
        byUser.set(user, local = { sessions: own, turn: new UnreadTurn(user, own, turns), unpin: views.pin(user) })
      }
      local.sessions.add(session)
      session.turn = local.turn
      sessions.add(session)
    },
    remove: session => {
      const local = byUser.get(session.user)
      if (local?.sessions.delete(session) !== true) return
      sessions.delete(session)
      if (local.sessions.size > 0) return
      byUser.delete(session.user)
      local.unpin()
    },
    sessionsOf: user => [...byUser.get(user)?.sessions ?? []],
    told: (user, unreadJson) => {
      const local = byUser.get(user)
      if (local === undefined) return
      const { turn } = local
      if (local.sessions.size === 1) turn.lastUnread = unreadJson
      else if (turn.lastUnread !== unreadJson) turn.lastUnread = undefined
      turns.touch(turn)
    },
    accept: (stream, doc) => {
      if (stream.id.startsWith('u:')) {
        views.accept(stream.id, doc)
        acceptOwn(stream, doc)
        return
      }
      if (stream.id === allStream || stream.id.startsWith('g:')) {
        unread.accept(stream.id, doc)
        touchReaders(stream.id)
      }
    },
    get users () { return byUser.size },
    sessions: () => sessions.values(),
    get sessionCount () { return sessions.size },
    close: () => {
      turns.close()
      clearInterval(expiryTimer)
    }
  }
}
