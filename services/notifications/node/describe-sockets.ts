/** A user's open sockets, and what was written to them, as an operator asks for it. */
import { performance } from 'node:perf_hooks'
import type { RecentTimesOfEntry, SocketDetails } from '../../../shared/contract/node-rpc.js'
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

/** With `user`: of what was written, what went to that user's sockets. */
export function recentTimes ({ users, hub, times }: Pick<Realtime, 'users' | 'hub' | 'times'>, { user, stream, seq }: { readonly stream: string, readonly seq: number, readonly user?: string }): RecentTimesOfEntry {
  if (user === undefined) return times.of(stream as StreamId, seq)
  const local = hub.get(stream as StreamId)
  // From the monotonic clock of a socket to the wall time of a record.
  const lead = Date.now() - performance.now()
  const live = users.connectionsOf(user as UserId).filter(connection => local?.isLive(connection) === true).map(({ liveSince }) => ({ liveSince: lead + liveSince }))
  return times.of(stream as StreamId, seq, { user: user as UserId, live })
}
