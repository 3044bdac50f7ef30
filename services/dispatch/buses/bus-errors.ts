/** The refusals that every bus adapter makes, worded once. */
import { GatepostError } from '../../../shared/contract/errors.js'

export const noLink = (cause?: unknown): GatepostError => unavailable('dispatch has no link', cause)
export const nobodyListens = (cause?: unknown): GatepostError => unavailable('nobody listens on dispatch for this', cause)
/** The request may have arrived. */
export const noAnswer = (timeoutMs: number, cause?: unknown): GatepostError => unknown(`the node asked did not answer within ${Math.round(timeoutMs)} ms; what it did is not known`, cause)
export const lostLink = (cause?: unknown): GatepostError => unknown('dispatch lost its link before the answer came; what the node asked did is not known', cause)

export function checkPayload (payload: Uint8Array, maxPayloadBytes: number): void {
  if (payload.byteLength <= maxPayloadBytes) return
  throw new GatepostError('GP_TOO_LARGE', `payload: got ${payload.byteLength} bytes; dispatch takes at most ${maxPayloadBytes}`)
}

const unavailable = (text: string, cause: unknown): GatepostError => new GatepostError('GP_DISPATCH_UNAVAILABLE', text, { cause })
const unknown = (text: string, cause: unknown): GatepostError => new GatepostError('GP_OUTCOME_UNKNOWN', text, { cause })
