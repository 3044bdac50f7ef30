/**
 * How many sockets a user may have (GATEPOST_SOCKETS_PER_USER), over all nodes: counted by the node that the ring gives for the user's own
 * stream, where nearly all of them are. Another node tells that one what it holds, as leases: with each handshake, soon after one has
 * gone, and again before the lease ends. What a node held ends with it (socket-leases.ts). While the counting node gives no answer, each node counts its own.
 */
import { createCountingNode, type CountingNodeOptions } from '../../../shared/contract/counting-node.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { NodeId, UserId } from '../../../shared/contract/names.js'
import { groupBy } from '../../../shared/platform/group-by.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { ConnectedUsers } from '../realtime/connected-users.js'
import { createSocketLeases } from './socket-leases.js'

export interface SocketPlaces {
  /** Throws GP_RATE_LIMIT where one more would be too many, as far as this node knows. */
  require: (user: UserId) => void
  /** After a socket was added here: rejects with GP_RATE_LIMIT where the counting node knows of too many. Undefined where this node counts. */
  confirm: (user: UserId) => Promise<void> | undefined
  /** A socket of the user has gone. */
  released: (user: UserId) => void
  /** Answers another node. */
  serve: (holdings: Holdings, from: string) => Elsewhere
  close: () => void
}

/** What a node holds now, by user. */
export interface Holdings { readonly held: ReadonlyArray<readonly [user: string, sockets: number]> }
/** How many sockets other nodes hold, for each user in order. */
export interface Elsewhere { readonly elsewhere: readonly number[] }

export const socketsKind = 'hold-sockets'

export interface SocketPlacesOptions extends CountingNodeOptions<UserId> {
  readonly nodeId: NodeId
  readonly maxSockets: number
  readonly users: Pick<ConnectedUsers, 'connectionsOf' | 'connections'>
  readonly dispatch: Pick<Dispatch, 'ask' | 'isResponsive' | 'members'>
}

const renewMs = 10_000
const soonMs = 250
const mostAtOnce = 500

const tooMany = (maxSockets: number): GatepostError =>
  new GatepostError('GP_RATE_LIMIT', `sockets: got one more than ${maxSockets} of this user; takes that many (GATEPOST_SOCKETS_PER_USER)`, { retryAfterSeconds: 5 })

export function createSocketPlaces ({ nodeId, maxSockets, users, dispatch, ownerOf, elapsed }: SocketPlacesOptions): SocketPlaces {
  const leases = createSocketLeases({ maxSockets, elapsed, memberOf: node => dispatch.members().find(({ id }) => id === node) })
  const counting = createCountingNode(socketsKind, { nodeId, dispatch, ownerOf, elapsed })
  const counterOf = counting.of
  /** Users whose counting node, another one, knows that sockets are held here. */
  const notified = new Set<UserId>()
  const gone = new Set<UserId>()
  let soon: NodeJS.Timeout | undefined

  const held = (user: string): number => users.connectionsOf(user as UserId).length

  /** Undefined where there was no answer. */
  async function tell (counter: NodeId, of: readonly UserId[]): Promise<readonly number[] | undefined> {
    const holdings: Holdings = { held: of.map(user => [user, held(user)]) }
    for (const [user, sockets] of holdings.held) {
      if (sockets > 0) notified.add(user as UserId)
      else notified.delete(user as UserId)
    }
    return (await counting.ask(counter, holdings) as Elsewhere | undefined)?.elsewhere
  }

  function tellAll (of: Iterable<UserId>): void {
    for (const [counter, all] of groupBy(of, counterOf)) {
      if (counter === undefined) {
        for (const user of all) if (held(user) === 0) notified.delete(user) // no node needs to hear of it
        continue
      }
      for (let at = 0; at < all.length; at += mostAtOnce) void tell(counter, all.slice(at, at + mostAtOnce))
    }
  }

  function tellGone (): void {
    clearTimeout(soon)
    soon = undefined
    tellAll(gone)
    gone.clear()
  }

  const renewal = setInterval(() => {
    leases.sweep()
    const here = new Set(notified)
    for (const { user } of users.connections()) here.add(user)
    tellAll(here)
  }, renewMs).unref()

  return {
    require: user => {
      if (held(user) + (counterOf(user) === undefined ? leases.of(user) : 0) >= maxSockets) throw tooMany(maxSockets)
    },
    confirm: user => {
      const counter = counterOf(user)
      if (counter === undefined) return undefined
      const sockets = held(user)
      return tell(counter, [user]).then(elsewhere => { if (sockets + (elsewhere?.[0] ?? 0) > maxSockets) throw tooMany(maxSockets) })
    },
    released: user => {
      if (!notified.has(user)) return
      gone.add(user)
      soon ??= setTimeout(tellGone, soonMs).unref()
    },
    serve: ({ held: holdings }, from) => ({ elsewhere: holdings.map(([user, sockets]) => leases.take(user, from, sockets, held(user))) }),
    close: () => {
      clearInterval(renewal)
      tellGone()
    }
  }
}
