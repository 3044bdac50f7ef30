/**
 * System messages on their way to the nodes. Each goes to the node of its target's stream, and keeps the id that it was
 * given here over all tries. Those to one node travel together, as many as dispatch takes at once, one request after the
 * other, so that messages to one target arrive in the order of the batch; different nodes work at the same time. What a node does not
 * know the outcome of the next one is asked for, under the same ids, before the sender gets GP_OUTCOME_UNKNOWN.
 */
import { createMessageId, type Clock } from '../../shared/contract/clock.js'
import { deadlines } from '../../shared/contract/deadlines.js'
import { GatepostError, isErrorCode, isInDoubt, outcomeUnknown } from '../../shared/contract/errors.js'
import type { MessageDraft } from '../../shared/contract/message.js'
import { isAppended, mayBeStored, type AppendedMessage, type HandedMessage, type MessageResult, type NodeAnswer } from '../../shared/contract/node-rpc.js'
import type { NodeId } from '../../shared/contract/names.js'
import { ringName } from '../../shared/contract/ring.js'
import { homeOf, leadStreamOf } from '../../shared/contract/target.js'
import { nodesInTurn, type Rings } from './assignment.js'
import { maxNodesAsked, type Asked, type RequestWithFailover } from './request-with-failover.js'

export interface Draft {
  readonly message: MessageDraft
  readonly idempotencyKey: string | undefined
}

export interface Submit {
  /** Rejects with the refusal, or GP_DISPATCH_UNAVAILABLE, GP_NO_NODE, GP_OUTCOME_UNKNOWN. */
  one: (sender: string, draft: Draft) => Promise<AppendedMessage>
  /** One result for each draft, in their order. Rejects only where nothing was handed over: GP_DISPATCH_UNAVAILABLE, GP_NO_NODE. */
  many: (sender: string, drafts: readonly Draft[]) => Promise<MessageResult[]>
}

export interface SubmitOptions {
  readonly dispatch: { readonly isConnected: boolean, readonly maxPayloadBytes: number }
  readonly rings: () => Rings
  readonly clock: Clock
  readonly requestWithFailover: RequestWithFailover
}

/** For what dispatch puts around a request, and its sender. */
const headroomBytes = 8 * 1024

const workPerCopyMs = 10

interface Parcel { readonly at: number, readonly handed: HandedMessage, readonly bytes: number }
interface Route { readonly nodes: readonly NodeId[], readonly parcels: Parcel[] }

export function createSubmit ({ dispatch, rings, clock, requestWithFailover }: SubmitOptions): Submit {
  const prepare = (current: Rings, { message, idempotencyKey }: Draft): { nodes: readonly NodeId[], handed: HandedMessage } => {
    const handed = { id: createMessageId(clock.tick(), homeOf(message.to)), message, ...idempotencyKey !== undefined && { idempotencyKey } }
    return { nodes: nodesInTurn(current, ringName(leadStreamOf(message.to)), maxNodesAsked), handed }
  }
  /** Rejects where no node answered. */
  async function store (nodes: readonly NodeId[], sender: string, messages: readonly HandedMessage[]): Promise<MessageResult[]> {
    const first = await ask(nodes, sender, messages)
    const results = messages.map((_, i) => toldInDoubt(first.answer.results[i] ?? unanswered, first.isInDoubt))
    const open = [...messages.keys()].filter(i => mayBeStored(results[i]!))
    if (open.length === 0 || first.others.length === 0) return results
    const again = await ask(first.others, sender, open.map(i => messages[i]!)).catch((error: unknown) => { if (!(error instanceof GatepostError)) throw error })
    if (again !== undefined) for (const [n, i] of open.entries()) results[i] = toldInDoubt(again.answer.results[n] ?? unanswered, true)
    return results
  }

  async function ask (nodes: readonly NodeId[], sender: string, messages: readonly HandedMessage[]): Promise<Asked<NodeAnswer<'append-messages'>>> {
    try {
      return await requestWithFailover(nodes, 'append-messages', { sender, messages }, workMs(messages))
    } catch (error) { throw isInDoubt(error) ? outcomeUnknown('the nodes that were asked did not say what became of it', error) : error }
  }

  const checkLink = (): void => {
    if (!dispatch.isConnected) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no connection to the nodes')
  }

  return {
    async one (sender, draft) {
      checkLink()
      const { nodes, handed } = prepare(rings(), draft)
      const [result = unanswered] = await store(nodes, sender, [handed])
      if (isAppended(result)) return result
      throw new GatepostError(isErrorCode(result.code) ? result.code : 'GP_INTERNAL', result.message)
    },

    async many (sender, drafts) {
      checkLink()
      const current = rings()
      const routes = new Map<NodeId, Route>()
      drafts.forEach((draft, at) => {
        const { nodes, handed } = prepare(current, draft)
        const [first] = nodes
        if (first === undefined) throw new GatepostError('GP_NO_NODE', 'no node is healthy')
        const parcel = { at, handed, bytes: Buffer.byteLength(JSON.stringify(handed)) + 1 }
        // By the first node alone: what may follow it only matters where it fails.
        const route = routes.get(first)
        if (route === undefined) routes.set(first, { nodes, parcels: [parcel] })
        else route.parcels.push(parcel)
      })

      const results: MessageResult[] = []
      const limitBytes = dispatch.maxPayloadBytes - headroomBytes
      await Promise.all([...routes.values()].map(async ({ nodes, parcels }) => {
        let refusal: MessageResult | undefined
        for (const load of splitLoads(parcels, limitBytes)) {
          let found: readonly MessageResult[] = []
          if (refusal === undefined) {
            try {
              found = await store(nodes, sender, load.map(({ handed }) => handed))
            } catch (error) {
              const failed = toResult(error)
              found = load.map(() => failed)
              // It has used up its time: what comes after it in this line would only wait as long again, and is not asked for.
              refusal = isInDoubt(error) ? notAsked : failed
            }
          }
          load.forEach(({ at }, i) => { results[at] = found[i] ?? refusal ?? unanswered })
        }
      }))
      return results
    }
  }
}

/** A copy for each receiver: a thousand of them keep a slow store busy for seconds. */
const workMs = (messages: readonly HandedMessage[]): number =>
  Math.min(deadlines.gate.longestWorkMs, workPerCopyMs * messages.reduce((copies, { message: { to } }) => copies + ('users' in to ? to.users.length : 1), 0))

function * splitLoads (parcels: readonly Parcel[], limitBytes: number): Generator<Parcel[]> {
  let load: Parcel[] = []
  let bytes = 0
  for (const parcel of parcels) {
    if (load.length > 0 && bytes + parcel.bytes > limitBytes) {
      yield load
      load = []
      bytes = 0
    }
    load.push(parcel)
    bytes += parcel.bytes
  }
  if (load.length > 0) yield load
}

/** `isInDoubt`: a node that was asked before may have stored it, whatever another one says that it did not. */
function toldInDoubt (answer: MessageResult, isInDoubt: boolean): MessageResult {
  // The message has been checked here: an older node that calls it invalid does so by its clock.
  const result = !isAppended(answer) && answer.code === 'GP_VALIDATION' ? toResult(new GatepostError('GP_STORE_UNAVAILABLE', answer.message)) : answer
  if (!mayBeStored(result) && !(isInDoubt && result.status === 503)) return result
  return toResult(outcomeUnknown('the nodes that were asked did not say what became of it'))
}

const notAsked: MessageResult = { status: 503, code: 'GP_DISPATCH_UNAVAILABLE', message: 'not handed over: the nodes did not answer what came before it' }
const unanswered: MessageResult = { status: 500, code: 'GP_INTERNAL', message: 'the node gave no result' }

function toResult (error: unknown): MessageResult {
  if (!(error instanceof GatepostError)) throw error
  return { status: error.statusCode, code: error.code, message: error.message }
}
