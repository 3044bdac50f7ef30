/** What comes in by a socket, checked: the handshake's `auth`, and the payload of each event. */
import { Type } from 'typebox'
import { GatepostError, refusal, refusalInWords } from '../../../shared/contract/errors.js'
import { IdempotencyKey, parseMessage } from '../../../shared/contract/message.js'
import { parseStream } from '../../../shared/contract/names.js'
import { createValidator, Name } from '../../../shared/contract/validate.js'
import type { Outgoing } from '../mailbox/commands/post.js'
import type { Cursors } from '../realtime/connection-node.js'

export const maxTopics = 1_000
const maxCursors = 10_000
const maxIds = 1_000
const strict = { additionalProperties: false } as const

const CursorsByStream = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'a seq: a whole number below 2^53, 0 or more' }), { maxProperties: maxCursors, description: '{stream: seq}, at most 10,000 streams' })
const Topics = Type.Array(Name('a topic'), { maxItems: maxTopics, description: 'an array of at most 1,000 topics' })
const Sync = Type.Object({ cursors: CursorsByStream, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'a whole number, 1 to 1000' })) }, strict)
const Read = Type.Object({
  ids: Type.Optional(Type.Array(Type.String({ description: 'the id of a message' }), { minItems: 1, maxItems: maxIds, description: 'an array of 1 to 1,000 ids' })),
  upTo: Type.Optional(CursorsByStream)
}, strict)

const validateCursors = createValidator(Type.Object({ cursors: Type.Optional(CursorsByStream) }))
const validateTopics = createValidator(Type.Object({ topics: Type.Optional(Topics) }))
const validateKey = createValidator(Type.Object({ idempotencyKey: Type.Optional(IdempotencyKey) }))
const validateSync = createValidator(Sync)
const validateRead = createValidator(Read)
const validateSubscribe = createValidator(Type.Object({ topics: Topics }, strict))
const validateRefresh = createValidator(Type.Object({ token: Type.String({ description: 'a user token' }) }, strict))

/** The `auth` of a handshake, part by part, in the order in which a handshake is refused for them. Typed clients send null for what is not set. */
export class HandshakeAuth {
  readonly #auth: { readonly form?: unknown, readonly counts?: unknown, readonly ticket?: unknown, readonly cursors?: unknown, readonly topics?: unknown }

  constructor (auth: unknown) { this.#auth = Object(auth) as object }

  get ticket (): string {
    const { ticket } = this.#auth
    if (isUnset(ticket) || ticket === '') throw new GatepostError('GP_TOKEN_MISSING', 'auth.ticket: got nothing; takes the ticket that Gate assigned')
    if (typeof ticket !== 'string') throw new GatepostError('GP_TOKEN_INVALID', 'auth.ticket: not text')
    return ticket
  }

  /** In which the socket has its entries. */
  get form (): 1 | 2 {
    const { form } = this.#auth
    if (isUnset(form) || form === 1) return 1
    if (form === 2) return 2
    throw refusal('auth.form', form, 'a number up to 2')
  }

  /** Whether its client adds to the unread number what its entries bring. */
  get counts (): boolean {
    const { counts } = this.#auth
    if (isUnset(counts)) return false
    if (typeof counts === 'boolean') return counts
    throw refusal('auth.counts', counts, 'true or false')
  }

  /** Undefined: only new entries. */
  get cursors (): Cursors | undefined {
    const { cursors } = this.#auth
    return checkCursors(validateCursors(isUnset(cursors) ? {} : { cursors }, 'auth').cursors, 'auth.cursors')
  }

  get topics (): readonly string[] {
    const { topics } = this.#auth
    return validateTopics(isUnset(topics) ? {} : { topics }, 'auth').topics ?? []
  }
}

export function parseSync (payload: unknown): { cursors: Cursors, limit: number } {
  const { cursors, limit = 200 } = validateSync(payload)
  return { cursors: checkCursors(cursors, 'cursors'), limit }
}

/** Some ids; or all up to `upTo`; or all there is. */
export function parseRead (payload: unknown): { ids: readonly string[] } | { ids: undefined, upTo: Cursors | undefined } {
  const { ids, upTo } = validateRead(payload === undefined ? {} : payload)
  if (ids === undefined) return { ids, upTo: checkCursors(upTo, 'upTo') }
  if (upTo !== undefined) throw refusalInWords('ids, upTo', 'both', 'one of them')
  return { ids }
}

export const parseTopics = (payload: unknown): readonly string[] => validateSubscribe(payload).topics

export const parseRefresh = (payload: unknown): string => validateRefresh(payload).token

export function parseSend (payload: unknown): Outgoing {
  if (!isPlainObject(payload)) return { draft: parseMessage(payload) } // which refuses it
  const { idempotencyKey, ...message } = payload as { idempotencyKey?: unknown }
  return { idempotencyKey: validateKey(idempotencyKey === undefined ? {} : { idempotencyKey }).idempotencyKey, draft: parseMessage(message) }
}

/** To a schema bytes are an object, and none of them one without members. */
export function refuseBytes (payload: unknown): void {
  for (const [field, value] of [['payload', payload], ...Object.entries(Object(payload) as object)]) {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) throw refusalInWords(field as string, 'bytes', 'JSON')
  }
}

/** Cursors name streams; anything else is refused, one that the user does not see is passed over later. */
function checkCursors<C extends Cursors | undefined> (cursors: C, field: string): C {
  if (cursors === undefined) return cursors
  const streams = Object.keys(cursors)
  if (streams.length > maxCursors) throw refusalInWords(field, `${streams.length} streams`, `at most ${maxCursors}`)
  for (const stream of streams) if (parseStream(stream) === undefined) throw refusal(field, stream, 'u:NAME, g:NAME or all as its keys')
  return cursors
}

const isUnset = (value: unknown): value is null | undefined => value === undefined || value === null
const isPlainObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
