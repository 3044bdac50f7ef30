/**
 * One question, put to one node after the other until one answers. Only for questions that may be answered twice with no
 * harm (a message has its id before it is handed over the first time): when no answer comes, nobody knows what was done.
 *
 * A node that is well is given nearly all of the time: it is at work, and a second one asked meanwhile would only do the
 * same work again. One that falls silent is left as soon as dispatch calls it suspect.
 */
import { GatepostError, type ErrorCode } from '../../shared/errors.js'
import { askNode, type NodeAnswer, type NodeRequest, type NodeRequestKind } from '../../shared/contract/node-requests.js'
import type { NodeId } from '../../shared/names.js'
import type { Dispatch, MemberState } from '../dispatch/dispatch.js'

export const maxNodesAsked = 3
/** For all tries together, beside what the work itself is allowed. */
const budgetMs = 10_000
/** Of it, what is kept for the next node, should an answer be lost on its way. */
const reserveMs = 2_500

/** Another node may be able to, or this one did nothing. */
const goesOn: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GP_DISPATCH_UNAVAILABLE', 'GP_STORE_UNAVAILABLE', 'GP_DRAINING'])

const badness: Record<MemberState, number> = { up: 0, draining: 1, suspect: 2, down: 3 }

/**
 * `workMs`: how long a node may take for it where it is much. Rejects with GP_NO_NODE where there is nobody to ask, with the last
 * refusal, or with that of the first node that meant it.
 */
export type AskInTurn = <K extends NodeRequestKind>(nodes: readonly NodeId[], kind: K, body: NodeRequest<K>, workMs?: number) => Promise<NodeAnswer<K>>

interface Waiting { readonly node: NodeId, readonly badness: number, readonly giveUp: (error: Error) => void }

export function createAskInTurn (dispatch: Pick<Dispatch, 'ask' | 'members' | 'onMembers'>): AskInTurn {
  const waiting = new Set<Waiting>()

  const badnessByNode = (): Map<NodeId, number> => new Map(dispatch.members().map(({ id, state }) => [id, badness[state]]))
  dispatch.onMembers(() => {
    if (waiting.size === 0) return
    const now = badnessByNode()
    for (const { node, badness: before, giveUp } of waiting) {
      const after = now.get(node) ?? badness.down
      // One that begins to drain finishes what it was asked.
      if (after > before && after >= badness.suspect) giveUp(new GatepostError('GP_DISPATCH_UNAVAILABLE', 'the node fell silent'))
    }
  })

  async function askWhileWell<K extends NodeRequestKind> (node: NodeId, kind: K, body: NodeRequest<K>, timeoutMs: number): Promise<NodeAnswer<K>> {
    const state = dispatch.members().find(({ id }) => id === node)?.state ?? 'down'
    return await new Promise((resolve, reject) => {
      const entry: Waiting = { node, badness: badness[state], giveUp: reject }
      waiting.add(entry)
      askNode(dispatch, node, kind, body, timeoutMs).then(resolve, reject).finally(() => { waiting.delete(entry) })
    })
  }

  return async (nodes, kind, body, workMs = 0) => {
    const endMs = performance.now() + budgetMs + workMs
    let refusal = new GatepostError('GP_NO_NODE', 'no node is healthy')
    const asked = nodes.slice(0, maxNodesAsked)
    for (const [at, node] of asked.entries()) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0) break
      const isLast = at === asked.length - 1
      try {
        return await askWhileWell(node, kind, body, isLast ? leftMs : Math.max(leftMs - reserveMs, leftMs / 2))
      } catch (error) {
        if (!(error instanceof GatepostError) || !goesOn.has(error.code)) throw error
        refusal = error
      }
    }
    // A draining node is Gate's matter, not its client's, who could only ask here again.
    throw refusal.code === 'GP_DRAINING' ? new GatepostError('GP_NO_NODE', 'every node is draining', { cause: refusal }) : refusal
  }
}
