/**
 * Something of a user, or of a producer, is counted at one place for all processes: by the node that the ring gives for the owner's name (of
 * a user: where nearly all of the user's sockets are). Each thing that is counted has a counting node of its own, since versions differ
 * in what they count.
 */
import type { NodeId } from './names.js'

export interface CountingNodeOptions<Owner extends string> {
  /** This node; undefined in a Gate. */
  readonly nodeId?: NodeId | undefined
  readonly dispatch: {
    readonly isResponsive: boolean
    readonly ask: (node: NodeId, kind: string, body: unknown, timeoutMs?: number) => Promise<unknown>
  }
  /** The node that the ring gives. */
  readonly ownerOf: (owner: Owner) => NodeId | undefined
  /** Ms that only grow, whatever the wall clock does. */
  readonly elapsed: () => number
}

export interface CountingNode<Owner extends string> {
  /** The node to ask; undefined where this process counts. */
  of: (owner: Owner) => NodeId | undefined
  /** Undefined where there was no answer: the node is away, or of a version that does not count. It is not asked again for a while. */
  ask: (counter: NodeId, body: unknown) => Promise<unknown>
}

const askMs = 500
const silenceMs = 5_000

export function createCountingNode<Owner extends string> (kind: string, { nodeId, dispatch, ownerOf, elapsed }: CountingNodeOptions<Owner>): CountingNode<Owner> {
  const silentUntilMs = new Map<NodeId, number>()
  return {
    of: owner => {
      const node = ownerOf(owner)
      if (node === undefined || node === nodeId || !dispatch.isResponsive) return undefined
      return (silentUntilMs.get(node) ?? 0) > elapsed() ? undefined : node
    },
    ask: async (counter, body) => {
      try {
        return await dispatch.ask(counter, kind, body, askMs)
      } catch {
        silentUntilMs.set(counter, elapsed() + silenceMs)
        return undefined
      }
    }
  }
}
