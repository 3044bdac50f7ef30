/**
 * One request to one node, for as long as the node is well and may try by itself (an append of unknown outcome: half a minute):
 * to say "refused" while it is at work could turn out wrong. Should its answer have been lost on the way, the same request
 * goes to it again now and then, and when a link that broke is back. A node that falls silent is left as soon as
 * dispatch calls it suspect. So a node may get a request twice: only for requests that do no harm then.
 *
 * A node may refuse what it did for an earlier request: a refusal counts only where each earlier request has its reply.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { deadlines } from '../../shared/contract/deadlines.js'
import { GatepostError, isInDoubt, isSurelyNotStored } from '../../shared/contract/errors.js'
import { askNode, readKinds, type NodeAnswer, type NodeRequest, type NodeRequestKind } from '../../shared/contract/node-rpc.js'
import type { NodeId } from '../../shared/contract/names.js'
import type { Dispatch, MemberState } from '../dispatch/dispatch.js'

export interface Answered<A> {
  readonly answer: A
  /** The node may have done it when it was asked before: what it refuses now may be stored. */
  readonly isInDoubt: boolean
}

/** Rejects with GP_OUTCOME_UNKNOWN where the node may have got the request and nobody knows what it did. */
export type AskWhileWell = <K extends NodeRequestKind>(node: NodeId, kind: K, body: NodeRequest<K>, workMs: number) => Promise<Answered<NodeAnswer<K>>>

export type AskingDispatch = Pick<Dispatch, 'ask' | 'members' | 'onMembers' | 'isConnected' | 'onConnected'>

const { againMs, longestMs } = deadlines.gate
/** What others need to be connected again when this process is. */
const settleMs = 1_000

const badness: Record<MemberState, number> = { up: 0, draining: 1, suspect: 2, down: 3 }

/** One for all: an abortion without a reason makes an error, with its stack, for each request. */
const over = new Error('the request is over')

interface Waiting { readonly node: NodeId, readonly badness: number, readonly giveUp: () => void }

const leftUnanswered = (cause: Error): GatepostError => new GatepostError('GP_OUTCOME_UNKNOWN', 'the node left a request without a reply; what it did is not known', { cause })

export function createAskWhileWell (dispatch: AskingDispatch): AskWhileWell {
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

  return async function askWhileWell<K extends NodeRequestKind> (node: NodeId, kind: K, body: NodeRequest<K>, workMs: number): Promise<Answered<NodeAnswer<K>>> {
    const state = dispatch.members().find(({ id }) => id === node)?.state ?? 'down'
    const endMs = performance.now() + longestMs + workMs
    const leftMs = (): number => endMs - performance.now()
    const ended = new AbortController()
    let leave: () => void = () => {}
    let isWaitingForLink = false
    let requests = 0
    /** Those that may have arrived and had no answer, by number. */
    const open = new Set<number>()
    const mayBeDoneBefore = (request: number): boolean => !readKinds.has(kind) && [...open].some(one => one < request)
    try {
      return await new Promise<Answered<NodeAnswer<K>>>((resolve, reject) => {
        const refuse = (error: Error, request = Infinity): void => { reject(isSurelyNotStored(error) && mayBeDoneBefore(request) ? leftUnanswered(error) : error) }
        const giveUp = (): void => { refuse(new GatepostError('GP_DISPATCH_UNAVAILABLE', 'the node is silent')) }
        const entry: Waiting = { node, badness: badness[state], giveUp }
        waiting.add(entry)
        const ask = (): void => {
          const timeoutMs = Math.min(leftMs(), 2 * againMs + workMs)
          const askedMs = performance.now()
          const request = ++requests
          open.add(request)
          askNode(dispatch, node, kind, body, timeoutMs).then(answer => { resolve({ answer, isInDoubt: mayBeDoneBefore(request) }) }, async (error: Error) => {
            if (!isInDoubt(error)) open.delete(request)
            const isLate = performance.now() - askedMs > timeoutMs - 10
            if (isLate && leftMs() > againMs) return // asked again since
            if (isLate || dispatch.isConnected || ended.signal.aborted || leftMs() <= againMs) { refuse(error, request); return }
            // The link broke under the request: what became of it is asked when it is back.
            if (isWaitingForLink) return
            isWaitingForLink = true
            await linked(dispatch, ended.signal, leftMs())
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
}

/** Until this process, and most likely the others, are connected again; or so long. */
async function linked (dispatch: AskingDispatch, signal: AbortSignal, ms: number): Promise<void> {
  const end = new AbortController()
  const stop = dispatch.onConnected(isConnected => { if (isConnected) end.abort() })
  if (!dispatch.isConnected) await sleep(ms, undefined, { signal: AbortSignal.any([signal, end.signal]), ref: false }).catch(() => undefined)
  stop()
  if (dispatch.isConnected) await sleep(settleMs, undefined, { signal, ref: false }).catch(() => undefined)
}
