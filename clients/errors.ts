/**
 * `never`: the request itself is wrong. `later`: the same again, after a while. `elsewhere`: ask Gate for
 * a node again, then the same.
 */
export type Retry = 'never' | 'later' | 'elsewhere'

/** What the servers answer; test/contract/client-types.ts compares it with their catalogue. */
export const retryOfServerCode = {
  GP_VALIDATION: 'never',
  GP_TOKEN_MISSING: 'never',
  GP_TOKEN_INVALID: 'never',
  GP_TOKEN_EXPIRED: 'never',
  GP_TOKEN_REVOKED: 'never',
  GP_TICKET_EXPIRED: 'elsewhere',
  GP_TICKET_WRONG_NODE: 'elsewhere',
  GP_SCOPE: 'never',
  GP_NOT_MEMBER: 'never',
  GP_NOT_SENDER: 'never',
  GP_NOT_FOUND: 'never',
  GP_IDEMPOTENCY_CONFLICT: 'never',
  GP_RECALL_EXPIRED: 'never',
  GP_CONFLICT: 'never',
  GP_TOO_LARGE: 'never',
  GP_RATE_LIMIT: 'later',
  GP_NO_NODE: 'later',
  GP_OVERLOADED: 'later',
  GP_STORE_UNAVAILABLE: 'later',
  GP_DISPATCH_UNAVAILABLE: 'later',
  GP_DRAINING: 'elsewhere',
  /** It may be stored or not: the same under the same key settles it. */
  GP_OUTCOME_UNKNOWN: 'later',
  GP_INTERNAL: 'later'
} as const satisfies Record<string, Retry>

const retryOfCode = {
  ...retryOfServerCode,
  // The codes below are the client's own and never come over the wire.
  /** Nothing that speaks the protocol answered, or not in time. */
  GP_UNREACHABLE: 'elsewhere',
  /** The site's function that hands out tokens failed. */
  GP_TOKEN_UNAVAILABLE: 'later',
  /** The storage that the library was given failed. */
  GP_STORAGE_FAILED: 'later',
  /** The application's callback failed; the same entry is handed to it again. */
  GP_CALLBACK_FAILED: 'later',
  /** As many messages wait as the queue may hold. */
  GP_QUEUE_FULL: 'later',
  /** The token is now that of another user. */
  GP_USER_CHANGED: 'never',
  /** `close()` was called, or an error that no retry mends ended the connection. */
  GP_CLOSED: 'never'
} as const satisfies Record<string, Retry>

/** Codes of a later server are possible too: treat one that you do not know by its `retry`. */
export type GatepostErrorCode = keyof typeof retryOfCode | (string & {})

export interface GatepostErrorOptions {
  cause?: unknown
  status?: number | undefined
  retryAfterMs?: number | undefined
  /** Where it differs from what the code means. */
  retry?: Retry
}

export class GatepostError extends Error {
  readonly code: GatepostErrorCode
  readonly retry: Retry
  /** The HTTP status, where there was one. */
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor (code: GatepostErrorCode, message: string, options: GatepostErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatepostError'
    this.code = code
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
    this.retry = options.retry ?? (Object.hasOwn(retryOfCode, code)
      ? retryOfCode[code as keyof typeof retryOfCode]
      : options.status !== undefined && options.status < 500 ? 'never' : 'later')
  }
}

export function unreachable (what: string, cause?: unknown): GatepostError {
  return new GatepostError('GP_UNREACHABLE', `${what} did not answer`, { cause })
}

export const closedError = (what: string): GatepostError => new GatepostError('GP_CLOSED', `the ${what} is closed`)

export function asGatepostError (error: unknown): GatepostError {
  return error instanceof GatepostError ? error : unreachable('the server', error)
}

/** The token was refused, and another one may be taken. */
export const isTokenRefused = (error: unknown): boolean =>
  error instanceof GatepostError && (error.code === 'GP_TOKEN_EXPIRED' || error.code === 'GP_TOKEN_INVALID')
