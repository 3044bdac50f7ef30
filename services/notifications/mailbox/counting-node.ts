/**
 * Something of a user is counted at one place for all nodes: by the node that the ring gives for the user's own stream, where nearly all
 * of the user's sockets are. Each thing that is counted has a counting node of its own, since versions differ in what they count.
 */
import { userStream, type NodeId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { Dispatch } from '../../dispatch/dispatch.js'

export interface CountingNodeOptions {
  readonly nodeId: NodeId
  readonly dispatch: Pick<Dispatch, 'ask' | 'isResponsive'>
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Ms that only grow, whatever the wall clock does. */
  readonly elapsed: () => number
}

export interface CountingNode {
  /** The node to ask; undefined where this one counts. */
  of: (user: UserId) => NodeId | undefined
  /** Undefined where there was no answer: the node is away, or of a version that does not count. It is not asked again for a while. */
  ask: (counter: NodeId, body: unknown) => Promise<unknown>
}

const askMs = 500
const silenceMs = 5_000

export function createCountingNode (kind: string, { nodeId, dispatch, ownerOf, elapsed }: CountingNodeOptions): CountingNode {
  const silentUntilMs = new Map<NodeId, number>()
  return {
    of: user => {
      const owner = ownerOf(userStream(user))
      if (owner === undefined || owner === nodeId || !dispatch.isResponsive) return undefined
      return (silentUntilMs.get(owner) ?? 0) > elapsed() ? undefined : owner
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
