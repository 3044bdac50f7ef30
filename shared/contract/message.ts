/**
 * A message as it is sent (docs/protocol.md "A message"): one schema for REST, batches and the socket's `send`,
 * for validation, types and the OpenAPI documents.
 */
import { Type, type Static } from 'typebox'
import { Actions, requireUniqueIds, type Action } from './action.js'
import { GatepostError, refusal, refusalInWords } from './errors.js'
import { maxReceivers } from './limits.js'
import { SenderProfile, toProfile, type Profile } from './profile.js'
import { Link } from './shown-text.js'
import { createValidator, Name, UserName } from './validate.js'

export const maxMessageBytes = 64 * 1024
export const maxDataLevels = 64
export const maxTtlSeconds = 315_360_000

const strict = { additionalProperties: false } as const

export const ToUser = Type.Object({ user: UserName() }, strict)
export const ToUsers = Type.Object({ users: Type.Array(UserName(), { minItems: 1, maxItems: maxReceivers, description: '1 to 1,000 users' }) }, strict)
export const ToGroup = Type.Object({ group: Name('a group') }, strict)
export const ToTopic = Type.Object({
  topic: Name('a topic'),
  match: Type.Optional(Type.Union([Type.Literal('exact'), Type.Literal('prefix')], { description: '"exact" or "prefix"' }))
}, strict)
export const ToAll = Type.Object({ all: Type.Literal(true, { description: 'true' }) }, strict)

const targetTakes = 'exactly one of {user}, {users}, {group}, {topic, match?}, {all: true}'
export const Target = Type.Union([ToUser, ToUsers, ToGroup, ToTopic, ToAll], { title: 'Target', description: targetTakes })
export type Target = Static<typeof Target>

const ofMessage = { ...strict, title: 'Message', description: 'a message: {to, title?, body?, data?, category?, ttl?, volatile?, url?, actions?}, and of producers sender?' } as const
export const Message = Type.Object({
  to: Target,
  title: Type.Optional(Type.String({ maxLength: 256, description: 'text of at most 256 characters' })),
  body: Type.Optional(Type.String({ description: 'text' })),
  data: Type.Optional(Type.Unknown({ description: 'any JSON, at most 64 levels deep' })),
  category: Type.Optional(Name('a category')),
  ttl: Type.Optional(Type.Integer({ minimum: 1, maximum: maxTtlSeconds, description: 'whole seconds, 1 to 315360000' })),
  volatile: Type.Optional(Type.Boolean({ description: 'true or false' })),
  url: Type.Optional(Link),
  actions: Type.Optional(Actions),
  sender: Type.Optional(SenderProfile)
}, ofMessage)
export type Message = Static<typeof Message>

/** A message that passed every check, with its defaults in place. */
export interface MessageDraft {
  readonly to: Target
  readonly title: string | null
  readonly body: string | null
  readonly data: unknown
  readonly category: string
  readonly ttlSeconds: number | undefined
  /** Asked for, or because a message to a topic always is. */
  readonly isVolatile: boolean
  /** These three are missing where they were not given: a process of version 0.1 hands messages over that never have them. */
  readonly url?: string | undefined
  readonly actions?: readonly Action[] | undefined
  /** How a producer wants to be shown; of users it is refused where they post. */
  readonly sender?: Profile | undefined
}

/** What each member of `to` takes, so that a refusal names the member and not the union. */
const targets = {
  user: createValidator(ToUser),
  users: createValidator(ToUsers),
  group: createValidator(ToGroup),
  topic: createValidator(ToTopic),
  all: createValidator(ToAll)
}

const kinds = Object.keys(targets) as Array<keyof typeof targets>

/** Throws GP_VALIDATION, naming the member that is wrong. */
export function parseTarget (to: unknown): Target {
  if (typeof to !== 'object' || to === null || Array.isArray(to)) throw refusal('to', to, targetTakes)
  const given = kinds.filter(kind => Object.hasOwn(to, kind))
  if (given.length !== 1) throw refusal('to', to, targetTakes)
  return targets[given[0]!](to, 'to')
}
/** But for `to`, which is checked before. */
const validateMessage = createValidator(Type.Object({ ...Message.properties, to: Type.Unknown({ description: targetTakes }) }, ofMessage))

/**
 * Checks a message. Throws GatepostError GP_VALIDATION (which names the field) or GP_TOO_LARGE.
 * Anything may be passed: `data` of any depth, a value with binary in it, no object at all.
 */
export function parseMessage (value: unknown): MessageDraft {
  const given = typeof value === 'object' && value !== null && Object.hasOwn(value, 'to') ? parseTarget((value as { to: unknown }).to) : undefined
  const { title, body, data, category, ttl, volatile: isVolatile, url, actions, sender } = validateMessage(value)
  const to = given! // required: whatever lacks it was refused
  if (title === undefined && body === undefined && data === undefined) throw refusal('title, body, data', undefined, 'at least one of them')
  if (actions !== undefined) requireUniqueIds(actions)
  const isPlain = url === undefined && actions === undefined && sender === undefined
  // Seldom near the limit: then its text is written to count it.
  if (mostBytes(title) + mostBytes(body) + checkData(data) + mostTargetBytes > maxMessageBytes || !isPlain || 'users' in to) {
    const bytes = Buffer.byteLength(JSON.stringify(value))
    if (bytes > maxMessageBytes) throw new GatepostError('GP_TOO_LARGE', `message: got ${bytes} bytes of UTF-8; takes at most ${maxMessageBytes}`)
  }
  const draft: MessageDraft = { to, title: title ?? null, body: body ?? null, data: data ?? null, category: category ?? 'general', ttlSeconds: ttl, isVolatile: isVolatile === true || 'topic' in to }
  return isPlain ? draft : { ...draft, url, actions, sender: toProfile(sender?.name, sender?.picture) }
}

/** JSON writes a UTF-16 code unit in at most 6 bytes; quotes, and what stands between two values. */
const mostBytes = (text: string | undefined): number => text === undefined ? 4 : text.length * 6 + 4
/** A target of one name, the category, and all that stands around values. */
const mostTargetBytes = 4_096
/** What is no text: a number at most; braces or brackets, which hold what is counted by itself. */
const mostOtherBytes = 26
/** A digit and a comma. */
const leastOtherBytes = 2

/** Walks without recursion, so that no depth can exhaust the stack, and not on through what is too large. Gives how many bytes of JSON it is at most. */
function checkData (data: unknown): number {
  let bytes = 0
  let leastBytes = 0
  let level: unknown[] = [data]
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = []
    for (const value of level) {
      bytes += typeof value === 'string' ? mostBytes(value) : mostOtherBytes
      leastBytes += leastOtherBytes
      if (leastBytes > maxMessageBytes) throw new GatepostError('GP_TOO_LARGE', `data: got more than ${maxMessageBytes} bytes of UTF-8; a message takes at most ${maxMessageBytes}`)
      // 1e400 is JSON, but no number that anything here could keep; nor is a whole number that would be rounded (shared/platform/http/parse-json.ts).
      if (typeof value === 'number' && !Number.isFinite(value)) throw refusalInWords(pathOf(value, data), 'a number that double precision cannot hold', 'whole numbers up to 2^53 and others below 1.8e308; a longer one as text')
      if (typeof value !== 'object' || value === null) continue
      if (depth >= maxDataLevels) throw refusalInWords('data', `more than ${maxDataLevels} levels`, 'any JSON, at most 64 levels deep')
      // Socket.IO hands binary attachments over as buffers.
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) throw refusalInWords('data', 'binary', 'any JSON, at most 64 levels deep')
      if (Array.isArray(value)) for (const member of value) next.push(member)
      else {
        for (const [name, member] of Object.entries(value)) {
          bytes += mostBytes(name)
          leastBytes += name.length
          next.push(member)
        }
      }
    }
    level = next
  }
  return bytes
}

/** Where this number first stands in `data`: `data.order.lines.0`. */
function pathOf (number: number, data: unknown): string {
  const waiting: Array<{ path: string, value: unknown }> = [{ path: 'data', value: data }]
  for (const { path, value } of waiting) {
    if (value === number) return path
    if (typeof value === 'object' && value !== null) for (const [name, member] of Object.entries(value)) waiting.push({ path: `${path}.${name}`, value: member })
  }
  return 'data'
}

/** The idempotency key of a request: the header, an item of a batch, or a field of `send`. */
export const IdempotencyKey = Type.String({ minLength: 1, maxLength: 256, description: '1 to 256 characters' })
/** The header of a route that takes one, as the OpenAPI documents name it. */
export const IdempotencyHeaders = Type.Object({
  'Idempotency-Key': Type.Optional(Type.String({ ...IdempotencyKey, description: 'The same key again stores nothing twice, for 24 hours: 1 to 256 characters', examples: ['order-1042-shipped'] }))
})
