/**
 * One request, put to one node after the other until one answers (ask-while-well.ts). Only for requests that may be answered
 * twice with no harm: a message has its id before it is submitted the first time.
 *
 * Once a node that may have been reached is left, what others refuse may be stored by it: GP_OUTCOME_UNKNOWN.
 */
import { deadlines } from '../../shared/contract/deadlines.js'
import { GatepostError, halfDone, isInDoubt, isSurelyNotStored, type ErrorCode } from '../../shared/contract/errors.js'
import { readKinds, type NodeAnswer, type NodeRequest, type NodeRequestKind } from '../../shared/contract/node-rpc.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createAskWhileWell, type Answered, type AskingDispatch } from './ask-while-well.js'

export const maxNodesAsked = 3
const { goOnWithinMs, longestMs } = deadlines.gate

/** Another node may be able to, or this one did nothing. */
const goesOn: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GP_DISPATCH_UNAVAILABLE', 'GP_STORE_UNAVAILABLE', 'GP_DRAINING', 'GP_OUTCOME_UNKNOWN'])

/** `isInDoubt`: a node that was asked before, or the same one, may have done it: what is refused may be stored. */
export interface Asked<A> extends Answered<A> {
  /** Who is left to be asked. */
  readonly others: readonly NodeId[]
}

/**
 * `workMs`: how long a node may take for it where it is much. Rejects with GP_NO_NODE where there is nobody to ask, GP_OUTCOME_UNKNOWN
 * where a node may have done it (never for what only reads), with the last refusal, or with that of the first node that meant it.
 */
export type RequestWithFailover = <K extends NodeRequestKind>(nodes: readonly NodeId[], kind: K, body: NodeRequest<K>, workMs?: number) => Promise<Asked<NodeAnswer<K>>>

export function createRequestWithFailover (dispatch: AskingDispatch): RequestWithFailover {
  const askWhileWell = createAskWhileWell(dispatch)

  return async (nodes, kind, body, workMs = 0) => {
    const begunMs = performance.now()
    const hasLeft = (ms: number): boolean => performance.now() - begunMs < ms + workMs
    let refusal: GatepostError | undefined
    let doubt = false
    for (const [i, node] of nodes.slice(0, maxNodesAsked).entries()) {
      if ((refusal?.code === 'GP_STORE_UNAVAILABLE' && !hasLeft(goOnWithinMs)) || !hasLeft(longestMs)) break
      try {
        const answered = await askWhileWell(node, kind, body, workMs)
        return { ...answered, others: nodes.slice(i + 1), isInDoubt: doubt || answered.isInDoubt }
      } catch (error) {
        if (!(error instanceof GatepostError)) throw error
        refusal = error
        doubt ||= isInDoubt(error)
        if (!goesOn.has(error.code)) break
      }
    }
    throw refusalOf(refusal, kind, doubt)
  }
}

function refusalOf (last: GatepostError | undefined, kind: NodeRequestKind, doubt: boolean): GatepostError {
  if (last === undefined) return new GatepostError('GP_NO_NODE', 'no node is healthy')
  if (isInDoubt(last) || (doubt && isSurelyNotStored(last))) {
    return readKinds.has(kind) ? new GatepostError('GP_DISPATCH_UNAVAILABLE', 'the nodes that were asked did not answer', { cause: last }) : halfDone(last)
  }
  // A draining node is Gate's matter, not its client's, who could only ask here again.
  return last.code === 'GP_DRAINING' ? new GatepostError('GP_NO_NODE', 'every node is draining', { cause: last }) : last
}
