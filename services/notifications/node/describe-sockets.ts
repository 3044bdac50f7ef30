/** A user's open sockets as an operator asks for them. */
import { performance } from 'node:perf_hooks'
import type { SocketDetails } from '../../../shared/contract/node-rpc.js'
import type { StreamId, UserId } from '../../../shared/contract/names.js'
import type { Realtime } from '../realtime/create-realtime.js'

/** An entry, of which is asked whether it was passed on: by its place. */
interface Asked { readonly user: string, readonly stream?: string, readonly seq?: number }

export function describeSockets ({ users, hub }: Pick<Realtime, 'users' | 'hub'>, { user, stream, seq }: Asked, elapsed: () => number = () => performance.now()): SocketDetails[] {
  const local = stream === undefined ? undefined : hub.get(stream as StreamId)
  return users.connectionsOf(user as UserId).map(connection => ({
    openedAgoMs: Math.round(elapsed() - connection.openedAt),
    state: connection.state,
    waitingBytes: connection.waitingBytes,
    ...stream !== undefined && seq !== undefined && { wasPassedOn: local !== undefined && local.head >= seq && local.isLive(connection) }
  }))
}
