/** The open sockets of this node by their users. While a user has one, the user's view stays in memory. */
import { userStream, type StreamId, type UserId } from '../../../shared/contract/names.js'
import { SmallSet, type Members } from '../../../shared/platform/small-collections.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Connection } from './connection.js'
import { UserNotifier, type NumberSender } from './user-notifier.js'

export interface ConnectedUser {
  readonly user: UserId
  readonly connections: Members<Connection>
  readonly notifier: UserNotifier
}

interface Held extends ConnectedUser {
  readonly connections: SmallSet<Connection>
  readonly unpin: () => void
}

export interface ConnectionsByUserOptions {
  readonly views: Pick<UserViews, 'pin'>
  /** Of the users' unread numbers. */
  readonly numbers: NumberSender
}

export class ConnectionsByUser {
  /** By the user's own stream. */
  readonly #users = new Map<StreamId, Held>()
  readonly #connections = new Set<Connection>()
  readonly #options: ConnectionsByUserOptions

  constructor (options: ConnectionsByUserOptions) { this.#options = options }

  get connections (): ReadonlySet<Connection> { return this.#connections }
  get userCount (): number { return this.#users.size }
  users (): IterableIterator<ConnectedUser> { return this.#users.values() }

  /** The user whose own stream this is, if it has a socket here. */
  get (own: StreamId): ConnectedUser | undefined { return this.#users.get(own) }

  add (connection: Connection): void {
    const { user } = connection
    const own = userStream(user)
    let held = this.#users.get(own)
    if (held === undefined) {
      const connections = new SmallSet<Connection>()
      held = { user, connections, notifier: new UserNotifier(user, connections, this.#options.numbers), unpin: this.#options.views.pin(user) }
      this.#users.set(own, held)
    }
    held.connections.add(connection)
    held.notifier.joined(connection)
    connection.turn = held.notifier
    this.#connections.add(connection)
  }

  remove (connection: Connection): void {
    const own = userStream(connection.user)
    const held = this.#users.get(own)
    if (held?.connections.delete(connection) !== true) return
    held.notifier.left(connection)
    this.#connections.delete(connection)
    if (held.connections.size > 0) return
    this.#users.delete(own)
    held.unpin()
  }
}
