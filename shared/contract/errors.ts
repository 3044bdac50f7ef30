/**
 * The one catalogue of what can be refused (docs/errors.md). `retry` tells a client library
 * what to do: `never` (the request itself is wrong), `later` (the same again, after Retry-After),
 * `elsewhere` (ask Gate for a node again).
 */
export const errorCatalogue = {
  GP_VALIDATION: { status: 400, retry: 'never', remedy: 'Correct the named field.' },
  GP_TOKEN_MISSING: { status: 401, retry: 'never', remedy: 'Send "Authorization: Bearer TOKEN", or auth.ticket on the socket.' },
  GP_TOKEN_INVALID: { status: 401, retry: 'never', remedy: 'Send a token signed with the configured key, with the claims of the protocol.' },
  GP_TOKEN_EXPIRED: { status: 401, retry: 'never', remedy: 'Have the site issue a new token.' },
  GP_TOKEN_REVOKED: { status: 401, retry: 'never', remedy: 'Have the site issue a new token.' },
  GP_TICKET_EXPIRED: { status: 401, retry: 'elsewhere', remedy: 'Ask Gate for a new assignment.' },
  GP_TICKET_WRONG_NODE: { status: 401, retry: 'elsewhere', remedy: 'Use the ticket on the node that it was made for.' },
  GP_SCOPE: { status: 403, retry: 'never', remedy: 'Use a token of the scope that the route takes.' },
  GP_NOT_MEMBER: { status: 403, retry: 'never', remedy: 'Join the group first.' },
  GP_NOT_SENDER: { status: 403, retry: 'never', remedy: 'Only the sender may do this.' },
  GP_NOT_FOUND: { status: 404, retry: 'never', remedy: 'Check the address and the id.' },
  GP_IDEMPOTENCY_CONFLICT: { status: 409, retry: 'never', remedy: 'Use a new Idempotency-Key for another message.' },
  GP_RECALL_EXPIRED: { status: 409, retry: 'never', remedy: 'A user can recall a message for 2 minutes.' },
  GP_CONFLICT: { status: 409, retry: 'never', remedy: 'Read it again: something else was done to it first.' },
  GP_TOO_LARGE: { status: 413, retry: 'never', remedy: 'Send less at once.' },
  GP_RATE_LIMIT: { status: 429, retry: 'later', remedy: 'Wait for Retry-After seconds.' },
  GP_NO_NODE: { status: 503, retry: 'later', remedy: 'Start a Notifications node, or wait for one.' },
  GP_OVERLOADED: { status: 503, retry: 'later', remedy: 'Wait for Retry-After seconds; the text says what is short.' },
  GP_STORE_UNAVAILABLE: { status: 503, retry: 'later', remedy: 'Wait; check the store.' },
  GP_DISPATCH_UNAVAILABLE: { status: 503, retry: 'later', remedy: 'Wait; check NATS.' },
  GP_DRAINING: { status: 503, retry: 'elsewhere', remedy: 'Ask Gate for another node.' },
  GP_OUTCOME_UNKNOWN: { status: 504, retry: 'later', remedy: 'It may be stored or not: send the same again under the same Idempotency-Key.' },
  GP_INTERNAL: { status: 500, retry: 'later', remedy: 'See the server log.' }
} as const satisfies Record<string, { status: number, retry: 'never' | 'later' | 'elsewhere', remedy: string }>

export type ErrorCode = keyof typeof errorCatalogue

/** The client library's table has this type, so that neither a code nor its `retry` can differ there. */
export type RetryOfCode = { readonly [C in ErrorCode]: (typeof errorCatalogue)[C]['retry'] }

/** The one error that crosses a module border on purpose: `message` is safe to show, `cause` is for the log only. */
export class GatepostError extends Error {
  readonly code: ErrorCode
  /** Whole seconds for `Retry-After`; set for every 429 and 503. */
  readonly retryAfterSeconds: number | undefined

  constructor (code: ErrorCode, message: string, options: { cause?: unknown, retryAfterSeconds?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatepostError'
    this.code = code
    const { status } = errorCatalogue[code]
    this.retryAfterSeconds = options.retryAfterSeconds ?? (status === 503 || status === 429 ? 1 : undefined)
  }

  get statusCode (): number { return errorCatalogue[this.code].status }
}

/** A message that may be stored or not. `reason`: why nobody can tell. */
export const outcomeUnknown = (reason: string, cause?: unknown): GatepostError =>
  new GatepostError('GP_OUTCOME_UNKNOWN', `${reason}: it may be stored or not. The same again under the same Idempotency-Key is safe; without a key it could be stored twice, so use one`, { cause })

/** What a process of version 0.1 gets instead: it has no code for it, and takes one that it does not know for a fault of its own (500). */
export const outcomeUnknownOfOld = (): GatepostError => new GatepostError('GP_STORE_UNAVAILABLE', 'the store did not say whether it took all of it')

/** Something that may be done any number of times may be done, or in part. */
export const halfDone = (cause: unknown): GatepostError =>
  new GatepostError('GP_OUTCOME_UNKNOWN', 'it may be done, in part, or not at all: the same again completes it', { cause })

export const isInDoubt = (error: unknown): boolean => error instanceof GatepostError && error.code === 'GP_OUTCOME_UNKNOWN'

/** A refusal of something that, as far as the one who refused it knows, was not stored. */
export const isSurelyNotStored = (error: unknown): boolean => error instanceof GatepostError && error.statusCode === 503

/** A later version may have more of them. */
export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(errorCatalogue, code)

/** A one-line, bounded rendering of a value that somebody sent, for the text of an error. A text that does not fit is told with its length. */
export function shown (value: unknown): string {
  if (value === undefined) return 'nothing'
  let text: string
  try { text = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value) ?? typeof value } catch { text = typeof value }
  return typeof value === 'string' && text.length > maxShown ? `${oneLine(text)} (${countCodePoints(value)} characters)` : oneLine(text)
}

const maxShown = 80

function countCodePoints (text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) count++
  return count
}

/** Text that somebody sent, cut to 80 characters; control characters never reach a log line or a header by way of an error. */
export function oneLine (text: string): string {
  const cut = text.length > maxShown ? `${text.slice(0, maxShown - 3)}...` : text
  return cut.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
}

/** `field: got X; takes Y`: the form of every refusal that names a field; an unknown one has whatever name was sent. */
export function refusal (field: string, got: unknown, takes: string): GatepostError {
  return refusalInWords(field, shown(got), takes)
}

/** The same where no value is to blame but what can be said of it in words: its size, its kind. */
export function refusalInWords (field: string, what: string, takes: string): GatepostError {
  return new GatepostError('GP_VALIDATION', `${oneLine(field)}: got ${what}; takes ${takes}`)
}
