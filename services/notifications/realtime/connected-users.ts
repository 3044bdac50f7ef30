/** The users with sockets on this node: who is here, what a join or leave means for their sockets, and what changes their unread numbers. */
import type { Log } from '../../../shared/platform/log.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc, LogDoc } from '../../../shared/store/store.js'
import { leavesIn } from '../log/leave-mark.js'
import { forgotten, parseChange, type StoredChange } from '../log/change.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub, LocalStream } from './hub.js'
import { Connection } from './connection.js'
import { createUnreadNotifier, UserNotifier } from './unread-notifier.js'

export interface ConnectedUsers {
  add: (connection: Connection) => void
  remove: (connection: Connection) => void
  connectionsOf: (user: UserId) => readonly Connection[]
  /** What one of the user's sockets was told, undefined where that is not known; it is told again if that is no more so. */
  told: (user: UserId, unreadJson: string | undefined) => void
  /** The hub passed this entry on. */
  accept: (stream: LocalStream, doc: EntryDoc) => void
  /** Compares what the sockets of a user take part in with what the user sees; how many had to be mended. */
  check: (own: LocalStream) => Promise<number>
  readonly users: number
  readonly connections: () => IterableIterator<Connection>
  readonly connectionCount: number
  close: () => void
}

interface LocalUser {
  readonly user: UserId
  readonly connections: Set<Connection>
  readonly turn: UserNotifier
  readonly unpin: () => void
}

export interface ConnectedUsersOptions {
  readonly hub: Hub
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly now: () => number
  readonly log: Log
  /** Looks whether a stream has grown unnoticed. */
  readonly lookAt: (stream: LocalStream) => void
}

const expiryRoundMs = 1_000

export function createConnectedUsers ({ hub, views, unread, now, log, lookAt }: ConnectedUsersOptions): ConnectedUsers {
  /** By the user's own stream. */
  const byStream = new Map<StreamId, LocalUser>()
  const connections = new Set<Connection>()
  const turns = createUnreadNotifier({ hub, views, unread, log })
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touchExpired (): void {
    for (const stream of unread.expire()) touchReaders(stream)
    const at = now()
    for (const { turn } of byStream.values()) if (turn.nextExpiryMs <= at) turns.touch(turn)
  }

  function touchReaders (stream: StreamId): void {
    for (const reader of hub.get(stream)?.readers ?? []) if (reader instanceof Connection && reader.turn !== undefined) turns.touch(reader.turn)
  }

  function acceptOwn (own: StreamId, doc: EntryDoc): void {
    const local = byStream.get(own)
    if (local === undefined) return
    if (doc.kind === 'change') followMembership(local, parseChange(doc))
    turns.touch(local.turn)
  }

  function followMembership ({ connections }: LocalUser, change: StoredChange): void {
    switch (change.type) {
      case 'membership': {
        const group = groupStream(change.group)
        for (const connection of [...connections]) {
          if (change.joined) connection.join(group, change.after ?? 0)
          else connection.leave(group)
        }
        return
      }
      case 'mark': case 'readTo': case 'recall': return // the connections get the entry, and their user's count
      default: forgotten(change)
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
      for (const connection of local.connections) connection.leave(stream)
      turns.touch(local.turn)
      lookAt(own)
    }
  }

  return {
    add: connection => {
      const own = userStream(connection.user)
      let local = byStream.get(own)
      if (local === undefined) {
        const ofUser = new Set<Connection>()
        byStream.set(own, local = { user: connection.user, connections: ofUser, turn: new UserNotifier(connection.user, ofUser, turns), unpin: views.pin(connection.user) })
      }
      local.connections.add(connection)
      connection.turn = local.turn
      connections.add(connection)
    },
    remove: connection => {
      const own = userStream(connection.user)
      const local = byStream.get(own)
      if (local?.connections.delete(connection) !== true) return
      connections.delete(connection)
      if (local.connections.size > 0) return
      byStream.delete(own)
      local.unpin()
    },
    connectionsOf: user => [...byStream.get(userStream(user))?.connections ?? []],
    told: (user, unreadJson) => {
      const local = byStream.get(userStream(user))
      if (local === undefined) return
      const { turn } = local
      if (local.connections.size === 1) turn.lastUnread = unreadJson
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
      return [...local.connections].filter(connection => connection.place(view)).length
    },
    get users () { return byStream.size },
    connections: () => connections.values(),
    get connectionCount () { return connections.size },
    close: () => {
      turns.close()
      clearInterval(expiryTimer)
    }
  }
}
