/**
 * System messages on their way to the nodes. Each goes to the node of its target's stream, and keeps the id that it was
 * given here over all tries. Those to one node travel together, as many as dispatch takes at once, one request after the
 * other, so that messages to one target arrive in the order of the batch; different nodes work at the same time.
 */
import { createMessageId, type Clock } from '../../shared/clock.js'
import { GatepostError } from '../../shared/errors.js'
import type { MessageDraft } from '../../shared/contract/message.js'
import { isAppended, type AppendedMessage, type HandedMessage, type MessageResult } from '../../shared/contract/node-requests.js'
import type { NodeId } from '../../shared/names.js'
import { ringName } from '../../shared/ring.js'
import { nodesInTurn, type Rings } from './assignment.js'
import { maxNodesAsked, type AskInTurn } from './ask-in-turn.js'
import { placeOfTarget } from './target-stream.js'

export interface Draft {
  readonly message: MessageDraft
  readonly idempotencyKey: string | undefined
}

export interface HandOver {
  /** Rejects with the refusal, or GP_DISPATCH_UNAVAILABLE, GP_NO_NODE. */
  one: (sender: string, draft: Draft) => Promise<AppendedMessage>
  /** One result for each draft, in their order. Rejects only where nothing was handed over: GP_DISPATCH_UNAVAILABLE, GP_NO_NODE. */
  many: (sender: string, drafts: readonly Draft[]) => Promise<MessageResult[]>
}

export interface HandOverOptions {
  readonly dispatch: { readonly isConnected: boolean, readonly maxPayloadBytes: number }
  readonly rings: () => Rings
  readonly clock: Clock
  readonly askInTurn: AskInTurn
}

/** For what dispatch puts around a request, and its sender. */
const headroomBytes = 8 * 1024

const workPerCopyMs = 10

interface Parcel { readonly at: number, readonly handed: HandedMessage, readonly bytes: number }
interface Route { readonly nodes: readonly NodeId[], readonly parcels: Parcel[] }

export function createHandOver ({ dispatch, rings, clock, askInTurn }: HandOverOptions): HandOver {
  const prepare = (current: Rings, { message, idempotencyKey }: Draft): { nodes: readonly NodeId[], handed: HandedMessage } => {
    const { home, stream } = placeOfTarget(message.to)
    const handed = { id: createMessageId(clock.tick(), home), message, ...idempotencyKey !== undefined && { idempotencyKey } }
    return { nodes: nodesInTurn(current, ringName(stream), maxNodesAsked), handed }
  }
  const checkLink = (): void => {
    if (!dispatch.isConnected) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no connection to the nodes')
  }

  return {
    async one (sender, draft) {
      checkLink()
      const { nodes, handed } = prepare(rings(), draft)
      const { results: [result] } = await askInTurn(nodes, 'append-messages', { sender, messages: [handed] }, workMs([handed]))
      if (result === undefined) throw new GatepostError('GP_INTERNAL', 'the node gave no result')
      if (!isAppended(result)) throw new GatepostError(result.code, result.message)
      return result
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
          // One that failed has used up its time: what comes after it in this line would only wait as long again.
          if (refusal === undefined) {
            try {
              const messages = load.map(({ handed }) => handed)
              const answer = await askInTurn(nodes, 'append-messages', { sender, messages }, workMs(messages))
              load.forEach(({ at }, i) => { results[at] = answer.results[i] ?? unanswered })
              continue
            } catch (error) {
              refusal = toResult(error)
            }
          }
          for (const { at } of load) results[at] = refusal
        }
      }))
      return results
    }
  }
}

/** A copy for each receiver: a thousand of them keep a slow store busy for seconds. */
const workMs = (messages: readonly HandedMessage[]): number =>
  workPerCopyMs * messages.reduce((copies, { message: { to } }) => copies + ('users' in to ? to.users.length : 1), 0)

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

const unanswered: MessageResult = { status: 500, code: 'GP_INTERNAL', message: 'the node gave no result' }

function toResult (error: unknown): MessageResult {
  if (!(error instanceof GatepostError)) throw error
  return { status: error.statusCode, code: error.code, message: error.message }
}
