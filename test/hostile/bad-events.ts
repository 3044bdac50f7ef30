/** Bad events of a socket, bad handshakes and packets that are none, each with what may come of it. */
import fc from 'fast-check'
import { faultOfRefusal } from './bad-requests.js'
import { broken, fitting, junk, oddKey, toJson, type Schema } from './schema.js'

const name = (what: string): Schema => ({ type: 'string', description: `${what}: 1 to 128 Unicode characters, none of them a control character` })
const cursors: Schema = { type: 'object', description: '{stream: seq}', additionalProperties: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } }
const topics: Schema = { type: 'array', items: name('a topic'), maxItems: 1000 }
const object = (properties: Record<string, Schema>, required: string[]): Schema => ({ type: 'object', properties, required, additionalProperties: false })

/** The events of a client, by section 7 of the protocol; `message` is the schema of `POST /messages`. */
export const eventsOf = (message: Schema): Record<string, Schema> => ({
  send: { ...message, properties: { ...message.properties, idempotencyKey: { type: 'string', minLength: 1, maxLength: 256 } } },
  sync: object({ cursors, limit: { type: 'integer', minimum: 1, maximum: 1000 } }, ['cursors']),
  read: { anyOf: [object({ ids: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 1000 } }, []), object({ upTo: cursors }, [])] },
  subscribe: object({ topics }, ['topics']),
  unsubscribe: object({ topics }, ['topics']),
  refresh: object({ token: { type: 'string' } }, ['token'])
})

export interface BadEvent {
  readonly reason: string
  /** The text of the packet's array. */
  readonly args: string
  readonly attachments?: readonly Buffer[]
  readonly hasAck: boolean
  /** What may be answered; none: anything that is a refusal, or that nothing is answered. */
  readonly codes: readonly string[]
  readonly field?: string | undefined
  /** Nothing is wrong with it, and nothing may come of it. */
  readonly isHarmless?: boolean
}

export interface EventAttacker { readonly othersIds: readonly string[], readonly othersStreams: readonly string[], readonly badTokens: readonly string[] }

const tokenCodes = ['GP_TOKEN_INVALID', 'GP_TOKEN_MISSING', 'GP_TOKEN_EXPIRED', 'GP_SCOPE', 'GP_TICKET_EXPIRED', 'GP_TICKET_WRONG_NODE']
const placeholder = { _placeholder: true, num: 0 }
const bytes = fc.uint8Array({ maxLength: 200 }).map(one => Buffer.from(one))

export function badEvents (event: string, schema: Schema, { othersIds, othersStreams, badTokens }: EventAttacker): fc.Arbitrary<BadEvent> {
  const text = (...args: unknown[]): string => toJson([event, ...args])
  const ways: Array<{ weight: number, arbitrary: fc.Arbitrary<BadEvent> }> = []
  const way = (weight: number, arbitrary: fc.Arbitrary<Omit<BadEvent, 'hasAck' | 'codes'> & Partial<BadEvent>>): void => {
    ways.push({ weight, arbitrary: fc.tuple(arbitrary, fc.integer({ min: 0, max: 9 })).map(([one, chance]) => ({ codes: ['GP_VALIDATION'], hasAck: chance > 0, ...one })) })
  }
  way(12, broken(schema).map(({ value, field }) => ({ reason: `${field === '' ? 'as a whole' : field} is wrong`, args: text(value), field })))
  way(2, fc.tuple(broken(schema), fc.array(junk, { minLength: 1, maxLength: 5 })).map(([{ value }, more]) => ({ reason: 'arguments that nobody asked for', args: text(value, ...more) })))
  // Without anything `read` marks all.
  if (event !== 'read') way(1, fc.constant({ reason: 'no argument', args: text() }))
  way(1, bytes.map(one => ({ reason: 'bytes', args: text(placeholder), attachments: [one] })))
  if (event === 'sync' || event === 'read') way(1, bytes.map(one => ({ reason: 'bytes as cursors', args: text({ [event === 'sync' ? 'cursors' : 'upTo']: placeholder }), attachments: [one] })))
  way(1, fc.tuple(fitting(schema), oddKey, bytes).map(([value, key, one]) => ({ reason: 'bytes in it', args: text({ ...value as object, [`x${key}`]: placeholder }), attachments: [one] })))
  if (event === 'send') {
    const to = fc.constant({ user: 'nobody' })
    way(1, fc.tuple(to, bytes).map(([to, one]) => ({ reason: 'bytes as data', args: text({ to, data: { deep: [placeholder] } }), attachments: [one], field: 'data' })))
    way(1, fc.tuple(to, fc.integer({ min: 65, max: 5000 })).map(([to, levels]) => ({ reason: `data of ${levels} levels`, args: `["send",{"to":${toJson(to)},"data":${'['.repeat(levels)}${']'.repeat(levels)}}]`, field: 'data' })))
    way(1, to.map(to => ({ reason: 'nothing to say', args: text({ to }), field: 'title, body, data' })))
    way(1, fc.tuple(to, fc.integer({ min: 1, max: 30_000 })).map(([to, more]) => ({ reason: 'more than 64 KiB', args: text({ to, body: 'x'.repeat(65_536 + more) }), codes: ['GP_TOO_LARGE'] })))
    way(1, fc.constantFrom({ group: 'not-a-member' }, { all: true }, { topic: 'a' }).map(to => ({ reason: 'a target that is not a user\'s', args: text({ to, title: 'x' }), codes: ['GP_SCOPE', 'GP_NOT_MEMBER'] })))
  }
  if (event === 'read') {
    way(3, fc.array(fc.oneof(fc.constantFrom(...othersIds), fc.string({ unit: 'binary', maxLength: 40 })), { minLength: 1, maxLength: 20 }).map(ids => ({ reason: 'ids of others', args: text({ ids }), codes: ['GP_NOT_FOUND', 'GP_VALIDATION'] })))
    way(1, fc.constant({ reason: 'two ways at once', args: text({ ids: ['x'], upTo: { all: 1 } }) }))
    way(1, seqsOf(othersStreams).map(upTo => ({ reason: 'streams of others', args: text({ upTo }), isHarmless: true })))
  }
  if (event === 'sync') {
    way(3, fc.tuple(seqsOf(othersStreams), fc.integer({ min: 1, max: 1000 })).map(([value, limit]) => ({ reason: 'streams of others', args: text({ cursors: value, limit }), isHarmless: true })))
    way(0.02, fc.constant({ reason: 'too many cursors', args: text({ cursors: Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`u:${i}`, 0])) }), field: 'cursors' }))
  }
  if (event === 'refresh') way(5, fc.oneof(fc.constantFrom(...badTokens), fc.string({ unit: 'binary' })).map(token => ({ reason: 'a bad token', args: text({ token }), codes: tokenCodes })))
  return fc.oneof(...ways.map(one => ({ ...one, weight: Math.max(1, Math.round(one.weight * 20)) })))
}

const seqsOf = (streams: readonly string[]): fc.Arbitrary<Record<string, number>> => fc.dictionary(fc.constantFrom(...streams), fc.maxSafeNat(), { minKeys: 1 })

/** What is wrong with the text of an answer; undefined where it is a refusal as it should be. */
export function faultOfAnswer ({ codes, field, isHarmless = false }: BadEvent, text: string): string | undefined {
  const [answer, ...more] = JSON.parse(text) as unknown[]
  if (more.length > 0) return 'more than one answer'
  const { error, ...rest } = answer as { error?: { code: string, message: string } }
  if (error === undefined) return isHarmless ? undefined : 'it was not refused'
  if (Object.keys(rest).length > 0 || Object.keys(error).sort().join() !== 'code,message') return 'more than {error:{code,message}}'
  if (!codes.includes(error.code)) return `code ${error.code}, not ${codes.join(' or ')}`
  return faultOfRefusal(statusOf(error.code), error.code, error.message, field === '' ? undefined : field)
}

const statusOf = (code: string): number =>
  code === 'GP_VALIDATION' ? 400 : code === 'GP_NOT_FOUND' ? 404 : code === 'GP_TOO_LARGE' ? 413 : code === 'GP_SCOPE' || code.startsWith('GP_NOT_') ? 403 : code.startsWith('GP_TOKEN') || code.startsWith('GP_TICKET') ? 401 : 500

export interface BadHandshake { readonly reason: string, readonly auth: string, readonly codes: readonly string[], readonly field?: string, readonly mayClose?: boolean }

/** What stands behind the digits of CONNECT. */
export function badHandshakes (ticket: string, badTickets: readonly string[]): fc.Arbitrary<BadHandshake> {
  const validation = ['GP_VALIDATION']
  const of = (auth: object): string => toJson(auth)
  return fc.oneof(
    { weight: 2, arbitrary: junk.map(value => ({ reason: 'junk', auth: toJson(value), codes: ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID'], mayClose: true })) },
    { weight: 1, arbitrary: fc.constantFrom('', '{}', '{"ticket":""}', '{"ticket":null}', '{"token":"x"}').map(auth => ({ reason: 'no ticket', auth, codes: ['GP_TOKEN_MISSING'] })) },
    { weight: 3, arbitrary: fc.oneof(fc.constantFrom(...badTickets), junk.filter(value => value !== null && value !== '')).map(bad => ({ reason: 'a bad ticket', auth: of({ ticket: bad }), codes: tokenCodes })) },
    { weight: 4, arbitrary: fc.oneof(broken(cursors).map(({ value }) => value)).filter(value => value !== null).map(value => ({ reason: 'bad cursors', auth: of({ ticket, cursors: value }), codes: validation, field: 'auth.cursors' })) },
    { weight: 4, arbitrary: broken(topics).filter(({ value }) => value !== null).map(({ value }) => ({ reason: 'bad topics', auth: of({ ticket, topics: value }), codes: validation, field: 'auth.topics' })) },
    { weight: 1, arbitrary: oddKey.filter(key => !/^,*$/.test(key)).map(key => ({ reason: 'another namespace', auth: `/${key.replaceAll(',', '')},${of({ ticket })}`, codes: [], mayClose: true })) }
  )
}

export function faultOfHandshake ({ codes, field, mayClose = false }: BadHandshake, packet: string | undefined): string | undefined {
  if (packet === undefined) return mayClose ? undefined : 'it was closed without a word'
  if (!packet.startsWith('44')) return `it was not refused: ${packet.slice(0, 200)}`
  const { message, data } = JSON.parse(packet.slice(packet.indexOf('{'))) as { message: string, data?: { code: string, message: string } }
  if (codes.length === 0) return data === undefined && message === 'Invalid namespace' ? undefined : 'another namespace is there'
  if (data === undefined || !codes.includes(data.code)) return `code ${data?.code}, not ${codes.join(' or ')}`
  return faultOfRefusal(statusOf(data.code), data.code, data.message, field)
}

/** Frames that are no packets, or packets that are no events; nothing in them would be an event that does something. */
export const badFrames: fc.Arbitrary<string | Buffer> = fc.oneof<Array<fc.Arbitrary<string | Buffer>>>(
  fc.tuple(
    fc.constantFrom('', '4', '40', '41', '42', '43', '44', '45', '46', '47', '48', '49', '0', '1', '2', '5', '6', '7', 'b', 'x', '4210', '42999999999999999999', '42-1', '421.5', '450-', '451-', '45-1-', '4599999999-', '45x-', '461-0', '430', '43999', '42/', '42/admin,', '40/admin,', '42/x?y=1,', '\u0000'),
    fc.constantFrom('', '[', ']', '[]', '{}', '{', 'null', '"x"', '5', 'probe', '[null]', '[5,{}]', '[[]]', '["send"', '["send",', '["send",{"to":', '["send",{"to":5}]', '["sync",5]', '["subscribe",[]]', '["ready",{}]', '["entries",[]]', '["connect"]', '["disconnect"]', '["disconnecting"]', '["newListener"]', '["removeListener"]', '["connect_error"]',
      '["error"]', '["__proto__",{}]', '["constructor"]', '["toString"]', '["hasOwnProperty",{}]', '["",{}]', '["*"]', '["unknown",{"_placeholder":true,"num":0}]', '["send",{"_placeholder":true,"num":-1}]', '["send",{"_placeholder":true,"num":1e9}]', '["send",{"_placeholder":true,"num":"0"}]', '{"ticket":5}', '[{"_placeholder":true,"num":0}]', '['.repeat(20_000), '{"a":'.repeat(5000))
  ).map(([digits, rest]) => digits + rest),
  fc.string({ unit: 'binary', maxLength: 200 }).map(text => text.replace(/^\d*\["(?:read)/, 'x')),
  fc.uint8Array({ maxLength: 200 }).map(one => Buffer.from(one)),
  fc.tuple(fc.constantFrom('42', '4217', '40'), fc.string({ unit: 'binary', maxLength: 100 })).map(([digits, text]) => digits + text)
)
