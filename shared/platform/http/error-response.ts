/** The one normaliser: whatever was thrown on the way of a request becomes docs/protocol.md's body, status and headers. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Type, type Static } from 'typebox'
import { errorCatalogue, GatepostError, refusal, type ErrorCode } from '../../contract/errors.js'

export const ErrorBody = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String({ description: 'A code that never changes; the text may.' }),
  error: Type.String({ description: "The status's own name." }),
  message: Type.String({ description: 'The field, what it got and what it takes.' })
}, { title: 'Error' })
export type ErrorBody = Static<typeof ErrorBody>

export interface ErrorResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: ErrorBody
  /** What someone must look at: set where the fault is this side's. */
  readonly fault: unknown
}

/** Fastify writes a status and a code onto what a validator gives back; GatepostError's are fixed, so it travels inside. */
export class SchemaRefusal extends Error {
  statusCode = 400
  constructor (cause: unknown) { super('refused by a schema', { cause }) }
}

/** A refusal by the web server itself, with a 4xx that is no code's own: a method, a media type. */
export class RefusedRequest extends Error {
  constructor (readonly statusCode: number, field: string, got: unknown, takes: string) { super(refusal(field, got, takes).message) }
}

export function toErrorResponse (thrown: unknown): ErrorResponse {
  const error = thrown instanceof SchemaRefusal ? thrown.cause : thrown
  if (error instanceof GatepostError) {
    const { code, message, statusCode, retryAfterSeconds } = error
    const isFault = statusCode === 500
    return response(statusCode, code, isFault ? internalText : message, retryAfterSeconds, isFault ? error : undefined)
  }
  // What Fastify, its parser and its plugins refuse: `statusCode` is theirs to choose, 4xx texts are about the request alone.
  const { statusCode, message } = (typeof error === 'object' && error !== null ? error : {}) as { statusCode?: unknown, message?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return response(statusCode, codeOfStatus(statusCode), typeof message === 'string' ? message : 'refused', undefined, undefined)
  }
  return response(500, 'GP_INTERNAL', internalText, undefined, error)
}

const internalText = 'internal error; the log has the cause'

function codeOfStatus (statusCode: number): ErrorCode {
  if (statusCode === 404) return 'GP_NOT_FOUND'
  if (statusCode === 413) return 'GP_TOO_LARGE'
  if (statusCode === 429) return 'GP_RATE_LIMIT'
  return 'GP_VALIDATION'
}

function response (statusCode: number, code: ErrorCode, message: string, retryAfterSeconds: number | undefined, fault: unknown): ErrorResponse {
  const headers: Record<string, string> = {}
  if (retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterSeconds)))
    headers['access-control-expose-headers'] = 'Retry-After'
  }
  if (statusCode === 401) headers['www-authenticate'] = 'Bearer'
  return { statusCode, headers, body: { statusCode, code, error: STATUS_CODES[statusCode] ?? 'Error', message }, fault }
}

const RetryAfter = { 'Retry-After': { type: 'integer', minimum: 1, description: 'Seconds to wait before the same is sent again.' } }

/**
 * Response schemas of a route's refusals, for its OpenAPI entry: `refusals('GP_SCOPE', 'GP_NO_NODE')`. Codes of one
 * status share an entry. GP_VALIDATION and GP_INTERNAL need not be named.
 */
export function refusals (...codes: ErrorCode[]): Record<number, typeof ErrorBody> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of ['GP_VALIDATION', ...codes, 'GP_INTERNAL'] as const) {
    const { status } = errorCatalogue[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, { ...ErrorBody, 'x-response-description': of.join(', '), ...(status === 429 || status === 503) && { headers: RetryAfter } }]))
}

/** For bytes that are no HTTP request: there is no request to route, only a socket. */
export function answerBrokenRequest (error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const statusCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const text = statusCode === 408 ? 'the request took too long to arrive' : statusCode === 431 ? 'the headers are too large' : 'not an HTTP request'
  const payload = JSON.stringify(response(statusCode, 'GP_VALIDATION', text, undefined, undefined).body)
  // An answer may be on its way already: then the connection can only be ended.
  const hasAnswered = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent === true
  if (socket.writable && !hasAnswered) {
    socket.write(`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(payload)}\r\nConnection: close\r\n\r\n${payload}`)
  }
  socket.destroy(error)
}
