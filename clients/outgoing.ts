import { GatepostError } from './errors.js'
import { byteLength, maxMessageBytes } from './key.js'
import type { OutgoingMessage } from './protocol.js'

/** The message as it is now: a change that the application makes to it later would turn a retry into a conflict. */
export function encodeMessage (message: OutgoingMessage): { text: string, bytes: number } {
  let text: string | undefined
  try { text = JSON.stringify(message) } catch (cause) {
    throw new GatepostError('GP_VALIDATION', 'message: cannot be written as JSON', { cause })
  }
  if (text === undefined || !text.startsWith('{')) throw new GatepostError('GP_VALIDATION', 'message: takes an object')
  const bytes = byteLength(text)
  if (bytes > maxMessageBytes) throw new GatepostError('GP_TOO_LARGE', `message: got ${bytes} bytes; takes at most 65536`)
  return { text, bytes }
}

/**
 * What a failed try means for the message: `refused` ends it, `again` keeps it for another try under the same key,
 * `unknown` ends it because another try could double it.
 */
export function judgeFailure (error: GatepostError, { volatile, internalErrors }: { volatile: boolean, internalErrors: number }): 'refused' | 'again' | 'unknown' {
  // Says something of the connection, not of the message.
  if (/^GP_(TOKEN|TICKET)_/.test(error.code)) return 'again'
  if (error.retry === 'never') return 'refused'
  // Volatile messages are not stored, so no key tells the server that it has had this one.
  if (volatile && (error.code === 'GP_UNREACHABLE' || error.code === 'GP_OUTCOME_UNKNOWN')) return 'unknown'
  // An internal error that comes back may be the message's own: it must not hold up the others for ever.
  if (error.code === 'GP_INTERNAL' && internalErrors >= 5) return 'refused'
  return 'again'
}

/** Given up: the key's time is over, or there is none. */
export const outcomeUnknown = (cause?: unknown): GatepostError =>
  new GatepostError('GP_OUTCOME_UNKNOWN', 'no answer came, and another try could send the message twice', { cause, retry: 'never' })

export interface SendOptions {
  /** Of the application's own, where it may start again and send the same. */
  idempotencyKey?: string | undefined
  /** After this time in ms it rejects, and is tried no more: GP_UNREACHABLE = not sent, GP_OUTCOME_UNKNOWN = it may be stored. None = it is tried for a day. */
  deadlineMs?: number | undefined
}

export const lateError = (deadlineMs: number, wasTried: boolean): GatepostError => wasTried
  ? outcomeUnknown(new Error(`no answer within ${deadlineMs} ms`))
  : new GatepostError('GP_UNREACHABLE', `not sent within ${deadlineMs} ms`)

/** Not Gate's word, but that of something before it which has looked at the request: the same request gets the same answer. */
export const isProxyRefusal = ({ code, status }: GatepostError): boolean =>
  code === 'GP_UNREACHABLE' && status !== undefined && [400, 403, 406, 413, 415, 422, 451].includes(status)
