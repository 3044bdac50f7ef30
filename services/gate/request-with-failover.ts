/**
 * One question, put to one node after the other until one answers. Only for questions that may be answered twice with no
 * harm (a message has its id before it is handed over the first time): when no answer comes, nobody knows what was done.
 *
 * So a node that is well is waited for, as long as it may try by itself (an append of unknown outcome: half a minute): to say
 * "refused" while it is at work could turn out wrong. Should its answer have been lost on the way, the same question
 * is put to it again now and then, and when a link that broke is back. One that falls silent is left as soon as dispatch
 * calls it suspect.
 *
 * Once a node that may have been reached is left, what others refuse may be stored by it: GP_OUTCOME_UNKNOWN.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { deadlines } from '../../shared/contract/deadlines.js'
import { GatepostError, halfDone, isInDoubt, isSurelyNotStored, type ErrorCode } from '../../shared/contract/errors.js'
import { askNode, readKinds, type NodeAnswer, type NodeRequest, type NodeRequestKind } from '../../shared/contract/node-rpc.js'
import type { NodeId } from '../../shared/contract/names.js'
import type { Dispatch, MemberState } from '../dispatch/dispatch.js'

export const maxNodesAsked = 3
const { againMs, goOnWithinMs, longestMs } = deadlines.gate
/** What others need to be connected again when this process is. */
const settleMs = 1_000

/** Another node may be able to, or this one did nothing. */
const goesOn: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GP_DISPATCH_UNAVAILABLE', 'GP_STORE_UNAVAILABLE', 'GP_DRAINING', 'GP_OUTCOME_UNKNOWN'])

const badness: Record<MemberState, number> = { up: 0, draining: 1, suspect: 2, down: 3 }

export interface Asked<A> {
  readonly answer: A
  /** Who is left to be asked. */
  readonly others: readonly NodeId[]
  /** A node that was asked before may have done it: what this one refuses may be stored. */
  readonly isInDoubt: boolean
}

/**
 * `workMs`: how long a node may take for it where it is much. Rejects with GP_NO_NODE where there is nobody to ask, GP_OUTCOME_UNKNOWN
 * where a node may have done it (never for what only reads), with the last refusal, or with that of the first node that meant it.
 */
export type RequestWithFailover = <K extends NodeRequestKind>(nodes: readonly NodeId[], kind: K, body: NodeRequest<K>, workMs?: number) => Promise<Asked<NodeAnswer<K>>>

/** One for all: an abortion without a reason makes an error, with its stack, for each question. */
const over = new Error('the question is over')

interface Waiting { readonly node: NodeId, readonly badness: number, readonly giveUp: () => void }

const fellSilent = (): GatepostError => new GatepostError('GP_OUTCOME_UNKNOWN', 'the node fell silent; what it did is not known')
/** Surely nothing of it has arrived. */
const wasNotAsked = (error: unknown): boolean => error instanceof GatepostError && error.code === 'GP_DISPATCH_UNAVAILABLE'

export function createRequestWithFailover (dispatch: Pick<Dispatch, 'ask' | 'members' | 'onMembers' | 'isConnected' | 'onConnected'>): RequestWithFailover {
  const waiting = new Set<Waiting>()

  const badnessByNode = (): Map<NodeId, number> => new Map(dispatch.members().map(({ id, state }) => [id, badness[state]]))
  dispatch.onMembers(() => {
    if (waiting.size === 0) return
    const now = badnessByNode()
    for (const { node, badness: before, giveUp } of waiting) {
      const after = now.get(node) ?? badness.down
      // One that begins to drain finishes what it was asked.
      if (after > before && after >= badness.suspect) giveUp()
    }
  })

  async function askWhileWell<K extends NodeRequestKind> (node: NodeId, kind: K, body: NodeRequest<K>, workMs: number): Promise<NodeAnswer<K>> {
    const state = dispatch.members().find(({ id }) => id === node)?.state ?? 'down'
    const endMs = performance.now() + longestMs + workMs
    const leftMs = (): number => endMs - performance.now()
    const ended = new AbortController()
    let leave: () => void = () => {}
    let isWaitingForLink = false
    /** Questions that may have arrived. */
    let asked = 0
    try {
      return await new Promise<NodeAnswer<K>>((resolve, reject) => {
        const refuse = (error: Error): void => { reject(asked > 0 && wasNotAsked(error) ? fellSilent() : error) }
        const giveUp = (): void => { refuse(new GatepostError('GP_DISPATCH_UNAVAILABLE', 'the node is silent')) }
        const entry: Waiting = { node, badness: badness[state], giveUp }
        waiting.add(entry)
        const ask = (): void => {
          const timeoutMs = Math.min(leftMs(), 2 * againMs + workMs)
          const askedMs = performance.now()
          asked++
          askNode(dispatch, node, kind, body, timeoutMs).then(resolve, async (error: Error) => {
            if (wasNotAsked(error)) asked--
            const isLate = performance.now() - askedMs > timeoutMs - 10
            if (isLate && leftMs() > againMs) return // asked again since
            if (isLate || dispatch.isConnected || ended.signal.aborted || leftMs() <= againMs) { refuse(error); return }
            // The link broke under the question: what became of it is asked when it is back.
            if (isWaitingForLink) return
            isWaitingForLink = true
            await linked(ended.signal, leftMs())
            isWaitingForLink = false
            if (!ended.signal.aborted) ask()
          })
        }
        ask()
        const timer = setInterval(() => { if (dispatch.isConnected && leftMs() > againMs) ask() }, againMs + workMs).unref()
        leave = () => { waiting.delete(entry); clearInterval(timer) }
      })
    } finally {
      leave()
      ended.abort(over)
    }
  }

  /** Until this process, and most likely the others, are connected again; or so long. */
  async function linked (signal: AbortSignal, ms: number): Promise<void> {
    const end = new AbortController()
    const stop = dispatch.onConnected(isConnected => { if (isConnected) end.abort() })
    if (!dispatch.isConnected) await sleep(ms, undefined, { signal: AbortSignal.any([signal, end.signal]), ref: false }).catch(() => undefined)
    stop()
    if (dispatch.isConnected) await sleep(settleMs, undefined, { signal, ref: false }).catch(() => undefined)
  }

  return async (nodes, kind, body, workMs = 0) => {
    const begunMs = performance.now()
    const hasLeft = (ms: number): boolean => performance.now() - begunMs < ms + workMs
    let refusal: GatepostError | undefined
    let doubt = false
    for (const [i, node] of nodes.slice(0, maxNodesAsked).entries()) {
      if ((refusal?.code === 'GP_STORE_UNAVAILABLE' && !hasLeft(goOnWithinMs)) || !hasLeft(longestMs)) break
      try {
        const answer = await askWhileWell(node, kind, body, workMs)
        return { answer, others: nodes.slice(i + 1), isInDoubt: doubt }
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
