/**
 * What an entry, a leave or passing time means for the users with sockets on this node: their sockets join and leave streams, and their
 * unread numbers are sent again. Who is here, connections-by-user.ts knows.
 */
import type { Log } from '../../../shared/platform/log.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc, LogDoc, MessageDoc } from '../../../shared/store/store.js'
import { leavesIn } from '../log/leave-mark.js'
import { forgotten, parseChange, type StoredChange } from '../log/change.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub, LocalStream } from './hub.js'
import { Connection } from './connection.js'
import { ConnectionsByUser, type ConnectedUser } from './connections-by-user.js'
import { createUnreadNotifier, type UserNotifier } from './unread-notifier.js'

export interface ConnectedUsers {
  add: (connection: Connection) => void
  remove: (connection: Connection) => void
  connectionsOf: (user: UserId) => readonly Connection[]
  /** What one of the user's sockets was sent as its number, undefined where that is not known. A number that has changed since is sent again. */
  notified: (user: UserId, unreadJson: string | undefined) => void
  /** The hub passed this entry on; `isShown`: to readers as it is. */
  accept: (stream: LocalStream, doc: EntryDoc, isShown: boolean) => void
  /** Compares what the sockets of a user take part in with what the user sees; how many had to be mended. */
  check: (own: LocalStream) => Promise<number>
  readonly users: number
  readonly connections: () => IterableIterator<Connection>
  readonly connectionCount: number
  close: () => void
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
  const notifier = createUnreadNotifier({ hub, views, unread, log })
  const here = new ConnectionsByUser({ views, numbers: notifier })
  /** How many entries were passed on. */
  let passes = 0
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touchExpired (): void {
    for (const stream of unread.expire()) touchReaders(stream)
    const at = now()
    for (const user of here.users()) if (user.notifier.nextExpiryMs <= at) notifier.touch(user.notifier)
  }

  function touchReaders (stream: StreamId): void {
    for (const reader of hub.get(stream)?.readers ?? []) if (reader instanceof Connection && reader.turn !== undefined) notifier.touch(reader.turn)
  }

  function acceptOwn (own: StreamId, doc: EntryDoc, isShown: boolean): void {
    views.accept(own, doc)
    const local = here.get(own)
    if (local === undefined) return
    if (doc.kind === 'message') { arrive(local.notifier, doc, isShown); return }
    if (doc.kind === 'change') followMembership(local, parseChange(doc))
    notifier.touch(local.notifier)
  }

  function acceptShared (stream: LocalStream, doc: EntryDoc, isShown: boolean): void {
    unread.accept(stream.id, doc)
    if (doc.kind === 'log') acceptLeaves(stream.id, doc)
    else if (doc.kind === 'change') touchReaders(stream.id)
    else for (const reader of stream.readers) if (reader instanceof Connection && reader.turn !== undefined) arrive(reader.turn, doc, isShown)
  }

  /** What a client that counts by itself adds is in docs/protocol.md, "Counting along". */
  function arrive (number: UserNotifier, doc: MessageDoc, isShown: boolean): void {
    if (isShown && doc.boxes === 'inbox' && doc.recalled === 0 && doc.sender !== number.own) number.add(doc.category, passes)
    notifier.arrived(number)
  }

  /**
   * Who left this group stops getting it now, though the leave has not arrived here in the user's own stream yet. Where it has, the sockets
   * followed it, and those that take part again have joined again.
   */
  function acceptLeaves (stream: StreamId, mark: LogDoc): void {
    for (const { token, seq } of leavesIn(mark)) {
      const own = hub.byToken(token)
      const local = own === undefined ? undefined : here.get(own.id)
      if (own === undefined || local === undefined || own.head >= seq) continue
      views.noteLeave(own.id, stream.slice(2) as GroupId, seq)
      for (const connection of local.connections) connection.leave(stream)
      notifier.touch(local.notifier)
      lookAt(own)
    }
  }

  return {
    add: connection => { here.add(connection) },
    remove: connection => { here.remove(connection) },
    connectionsOf: user => [...here.get(userStream(user))?.connections ?? []],
    notified: (user, unreadJson) => {
      const local = here.get(userStream(user))
      if (local === undefined) return
      if (unreadJson === undefined) local.notifier.forget()
      else local.notifier.welcomed(unreadJson)
      notifier.touch(local.notifier)
    },
    accept: (stream, doc, isShown) => {
      const { id } = stream
      passes++
      if (id.startsWith('u:')) acceptOwn(id, doc, isShown)
      else if (id === allStream || id.startsWith('g:')) acceptShared(stream, doc, isShown)
    },
    check: async own => {
      const local = here.get(own.id)
      if (local === undefined || own.state !== 'live') return 0
      const known = views.peek(own.id)
      const view = known === undefined || known.head < own.head ? await views.fresh(local.user) : known
      // A view that has read further than what the sockets were sent is compared another time.
      if (view.head !== own.head) return 0
      return [...local.connections].filter(connection => connection.place(view)).length
    },
    get users () { return here.userCount },
    connections: () => here.connections.values(),
    get connectionCount () { return here.connections.size },
    close: () => {
      notifier.close()
      clearInterval(expiryTimer)
    }
  }
}

/** The sockets take part in what their user joined, and in what was left no more. */
function followMembership ({ connections }: ConnectedUser, change: StoredChange): void {
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
