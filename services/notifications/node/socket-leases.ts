/** What other nodes hold of the sockets of the users that this node counts: each holding ends by itself unless it is told again. */

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
  /** What a node held ends with it. */
  readonly isThere: (node: string) => boolean
}

interface Lease { readonly sockets: number, readonly untilMs: number }
const leaseMs = 30_000

export function createSocketLeases ({ maxSockets, elapsed, isThere }: SocketLeasesOptions): SocketLeases {
  const leases = new Map<string, Map<string, Lease>>()

  function sumOf (user: string, except?: string): number {
    let sum = 0
    for (const [node, { sockets, untilMs }] of leases.get(user) ?? []) {
      if (node !== except && untilMs > elapsed() && isThere(node)) sum += sockets
    }
    return sum
  }

  return {
    of: user => sumOf(user),
    take: (user, from, sockets, here) => {
      const elsewhere = here + sumOf(user, from)
      const nodes = leases.get(user) ?? new Map<string, Lease>()
      const before = nodes.get(from)?.sockets ?? 0
      // What is too many is refused there.
      const kept = Math.min(sockets, Math.max(before, maxSockets - elsewhere))
      if (kept > 0) leases.set(user, nodes.set(from, { sockets: kept, untilMs: elapsed() + leaseMs }))
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
