/** What other nodes hold of the sockets of the users that this node counts: each holding ends by itself unless it is renewed. */
import type { Member } from '../../dispatch/dispatch.js'

export interface SocketLeases {
  /** How many sockets of the user other nodes hold. */
  of: (user: string) => number
  /** Node `from` holds `sockets` of the user, this one `here`. Returns how many others than `from` hold. */
  take: (user: string, from: string, sockets: number, here: number) => number
  /** Forgets what has ended. */
  sweep: () => void
}

export interface SocketLeasesOptions {
  readonly maxSockets: number
  /** Ms that only grow. */
  readonly elapsed: () => number
  /** A node as it is now; undefined where it is not known. */
  readonly memberOf: (node: string) => Pick<Member, 'startedAt' | 'state' | 'isClockOff'> | undefined
}

/** `startedAt`: the life of the node that holds them. */
interface Lease { readonly sockets: number, readonly untilMs: number, readonly startedAt: number | undefined }
const leaseMs = 30_000

export function createSocketLeases ({ maxSockets, elapsed, memberOf }: SocketLeasesOptions): SocketLeases {
  const leases = new Map<string, Map<string, Lease>>()

  /** What a node held ends with its life. The users of one that is down or drains are on their way; one that drains since its clock is off goes on. */
  function isHeld (node: string, { untilMs, startedAt }: Lease): boolean {
    const member = memberOf(node)
    if (member?.startedAt !== startedAt || untilMs <= elapsed()) return false
    return member?.state === 'up' || member?.state === 'suspect' || (member?.state === 'draining' && member.isClockOff === true)
  }

  function sumOf (user: string, except?: string): number {
    let sum = 0
    for (const [node, lease] of leases.get(user) ?? []) {
      if (node !== except && isHeld(node, lease)) sum += lease.sockets
    }
    return sum
  }

  return {
    of: user => sumOf(user),
    take: (user, from, sockets, here) => {
      const elsewhere = here + sumOf(user, from)
      const nodes = leases.get(user) ?? new Map<string, Lease>()
      const startedAt = memberOf(from)?.startedAt
      const lease = nodes.get(from)
      const before = lease?.startedAt === startedAt ? lease?.sockets ?? 0 : 0
      // What is too many is refused there.
      const kept = Math.min(sockets, Math.max(before, maxSockets - elsewhere))
      if (kept > 0) leases.set(user, nodes.set(from, { sockets: kept, untilMs: elapsed() + leaseMs, startedAt }))
      else nodes.delete(from)
      return elsewhere
    },
    sweep: () => {
      for (const [user, nodes] of leases) {
        for (const [node, { untilMs }] of nodes) if (untilMs <= elapsed()) nodes.delete(node)
        if (nodes.size === 0) leases.delete(user)
      }
    }
  }
}
