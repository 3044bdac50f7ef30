/**
 * One question, put to one node after the other until one answers. Only for questions that may be answered twice with no
 * harm (a message has its id before it is handed over the first time): when no answer comes, nobody knows what was done.
 */
import { GatepostError, type ErrorCode } from '../../shared/errors.js'
import { askNode, type NodeAnswer, type NodeRequest, type NodeRequestKind } from '../../shared/contract/node-requests.js'
import type { NodeId } from '../../shared/names.js'
import type { Dispatch } from '../dispatch/dispatch.js'

export const maxNodesAsked = 3
/** For all tries together. */
const budgetMs = 10_000
/** A node that has not answered by then is less likely to than the next one. */
const answerMs = 4_000

/** Another node may be able to, or this one did nothing. */
const goesOn: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GP_DISPATCH_UNAVAILABLE', 'GP_STORE_UNAVAILABLE', 'GP_DRAINING'])

export type AskInTurn = <K extends NodeRequestKind>(nodes: readonly NodeId[], kind: K, body: NodeRequest<K>) => Promise<NodeAnswer<K>>

/** Rejects with GP_NO_NODE where there is nobody to ask, with the last refusal, or with that of the first node that meant it. */
export function createAskInTurn (dispatch: Pick<Dispatch, 'ask'>): AskInTurn {
  return async (nodes, kind, body) => {
    const endMs = performance.now() + budgetMs
    let refusal = new GatepostError('GP_NO_NODE', 'no node is healthy')
    for (const node of nodes.slice(0, maxNodesAsked)) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0) break
      try {
        return await askNode(dispatch, node, kind, body, Math.min(answerMs, leftMs))
      } catch (error) {
        if (!(error instanceof GatepostError) || !goesOn.has(error.code)) throw error
        refusal = error
      }
    }
    // A draining node is Gate's matter, not its client's, who could only ask here again.
    throw refusal.code === 'GP_DRAINING' ? new GatepostError('GP_NO_NODE', 'every node is draining', { cause: refusal }) : refusal
  }
}
