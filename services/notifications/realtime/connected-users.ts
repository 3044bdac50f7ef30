/**
 * The users with sockets on this node: who is here (connections-by-user.ts), what entries mean for them (arrivals.ts), and what passing time and a look at
 * what they take part in do.
 */
import type { Log } from '../../../shared/platform/log.js'
import { userStream, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub, LocalStream } from './hub.js'
import type { Connection } from './connection.js'
import { createArrivals } from './arrivals.js'
import { ConnectionsByUser } from './connections-by-user.js'
import { createUnreadNotifier } from './unread-notifier.js'

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
  const arrivals = createArrivals({ hub, views, unread, here, numbers: notifier, lookAt })
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touchExpired (): void {
    for (const stream of unread.expire()) arrivals.touchReaders(stream)
    const at = now()
    for (const user of here.users()) if (user.notifier.nextExpiryMs <= at) notifier.touch(user.notifier)
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
    accept: arrivals.accept,
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
