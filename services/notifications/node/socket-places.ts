/**
 * How many sockets a user may have (GATEPOST_SOCKETS_PER_USER), over all nodes: counted by the node that the ring gives for the user's own
 * stream, where nearly all of them are. Another node tells that one what it holds, as leases: with each handshake, soon after one has
 * gone, and again before the lease ends. What a node held ends with it: one that is down or drains is not counted, since its users
 * are on their way. While the counting node gives no answer, each node counts its own.
 */
import { GatepostError } from '../../../shared/contract/errors.js'
import { userStream, type NodeId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { ConnectedUsers } from '../realtime/connected-users.js'

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

export interface SocketPlacesOptions {
  readonly nodeId: NodeId
  readonly maxSockets: number
  readonly users: Pick<ConnectedUsers, 'connectionsOf' | 'connections'>
  readonly dispatch: Pick<Dispatch, 'ask' | 'isResponsive' | 'members'>
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Ms that only grow, whatever the wall clock does. */
  readonly elapsed: () => number
}

const leaseMs = 30_000
const renewMs = 10_000
const soonMs = 250
const askMs = 500
/** A node that gave no answer is not asked again before. */
const silenceMs = 5_000
const mostAtOnce = 500

export function createSocketPlaces ({ nodeId, maxSockets, users, dispatch, ownerOf, elapsed }: SocketPlacesOptions): SocketPlaces {
  const leases = new Map<string, Map<string, { sockets: number, untilMs: number }>>()
  const silentUntilMs = new Map<NodeId, number>()
  /** Users of whom another node was told that this one holds sockets. */
  const told = new Set<UserId>()
  const gone = new Set<UserId>()
  let soon: NodeJS.Timeout | undefined

  const held = (user: string): number => users.connectionsOf(user as UserId).length

  /** The node to tell; undefined where this one counts. */
  function counterOf (user: UserId): NodeId | undefined {
    const owner = ownerOf(userStream(user))
    if (owner === undefined || owner === nodeId || !dispatch.isResponsive) return undefined
    return (silentUntilMs.get(owner) ?? 0) > elapsed() ? undefined : owner
  }

  function leased (user: string, except?: string): number {
    let sum = 0
    for (const [node, { sockets, untilMs }] of leases.get(user) ?? []) {
      if (node !== except && untilMs > elapsed() && isThere(node)) sum += sockets
    }
    return sum
  }

  const isThere = (node: string): boolean => dispatch.members().some(({ id, state }) => id === node && (state === 'up' || state === 'suspect'))

  /** Undefined where there was no answer. */
  async function tell (counter: NodeId, of: readonly UserId[]): Promise<readonly number[] | undefined> {
    const holdings: Holdings = { held: of.map(user => [user, held(user)]) }
    for (const [user, sockets] of holdings.held) {
      if (sockets > 0) told.add(user as UserId)
      else told.delete(user as UserId)
    }
    try {
      return (await dispatch.ask(counter, socketsKind, holdings, askMs) as Elsewhere).elsewhere
    } catch {
      // Away, or of a version that does not count.
      silentUntilMs.set(counter, elapsed() + silenceMs)
      return undefined
    }
  }

  function tellAll (of: Iterable<UserId>): void {
    const byCounter = new Map<NodeId, UserId[]>()
    for (const user of of) {
      const counter = counterOf(user)
      if (counter === undefined) {
        if (held(user) === 0) told.delete(user) // nobody to be told of it
        continue
      }
      const known = byCounter.get(counter)
      if (known === undefined) byCounter.set(counter, [user])
      else known.push(user)
    }
    for (const [counter, all] of byCounter) {
      for (let at = 0; at < all.length; at += mostAtOnce) void tell(counter, all.slice(at, at + mostAtOnce))
    }
  }

  const renewal = setInterval(() => {
    for (const [user, nodes] of leases) {
      for (const [node, { untilMs }] of nodes) if (untilMs <= elapsed()) nodes.delete(node)
      if (nodes.size === 0) leases.delete(user)
    }
    const here = new Set(told)
    for (const { user } of users.connections()) here.add(user)
    tellAll(here)
  }, renewMs).unref()

  const tooMany = (): GatepostError =>
    new GatepostError('GP_RATE_LIMIT', `sockets: got one more than ${maxSockets} of this user; takes that many (GATEPOST_SOCKETS_PER_USER)`, { retryAfterSeconds: 5 })

  return {
    require: user => {
      if (held(user) + (counterOf(user) === undefined ? leased(user) : 0) >= maxSockets) throw tooMany()
    },
    confirm: user => {
      const counter = counterOf(user)
      if (counter === undefined) return undefined
      const sockets = held(user)
      return tell(counter, [user]).then(elsewhere => { if (sockets + (elsewhere?.[0] ?? 0) > maxSockets) throw tooMany() })
    },
    released: user => {
      if (!told.has(user)) return
      gone.add(user)
      soon ??= setTimeout(() => {
        soon = undefined
        tellAll(gone)
        gone.clear()
      }, soonMs).unref()
    },
    serve: ({ held: holdings }, from) => {
      const untilMs = elapsed() + leaseMs
      return {
        elsewhere: holdings.map(([user, sockets]) => {
          const elsewhere = held(user) + leased(user, from)
          const nodes = leases.get(user) ?? new Map<string, { sockets: number, untilMs: number }>()
          const before = nodes.get(from)?.sockets ?? 0
          // What is too many is refused there.
          const kept = Math.min(sockets, Math.max(before, maxSockets - elsewhere))
          if (kept > 0) leases.set(user, nodes.set(from, { sockets: kept, untilMs }))
          else nodes.delete(from)
          return elsewhere
        })
      }
    },
    close: () => {
      clearInterval(renewal)
      clearTimeout(soon)
    }
  }
}
