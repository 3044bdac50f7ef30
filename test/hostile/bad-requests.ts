/** Bad requests for every route of an OpenAPI document, each with the refusals that it may get and the field that is to blame. */
import fc from 'fast-check'
import { broken, fits, fitting, junk, oddKey, toJson, type Schema } from './schema.js'
import type { WireAnswer, WireRequest } from './http-wire.js'

interface Parameter { readonly in: 'query' | 'path' | 'header', readonly name: string, readonly schema: Schema, readonly description?: string }
interface Operation { readonly security?: unknown, readonly parameters?: readonly Parameter[], readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> } }
export interface ApiDocument { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }

export interface Route {
  readonly method: string
  readonly path: string
  readonly needsToken: boolean
  readonly parameters: readonly Parameter[]
  readonly body: Schema | undefined
  /** All methods of its path. */
  readonly methods: readonly string[]
}

export function routesOf (document: ApiDocument): Route[] {
  return Object.entries(document.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, { security, parameters = [], requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    needsToken: security !== undefined,
    // Beside a parameter's schema stands its description, which is where a name is known by.
    parameters: parameters.map(parameter => ({ ...parameter, schema: { description: parameter.description ?? '', ...parameter.schema } })),
    body: requestBody?.content['application/json']?.schema,
    methods: Object.keys(operations).map(one => one.toUpperCase())
  })))
}

/** What an attacker has to work with. */
export interface Attacker {
  /** Good ones, by the scope that a route wants: the first that it takes is used. */
  readonly tokenFor: (route: Route) => string
  /** None of these opens the route. */
  readonly badTokensFor: (route: Route) => readonly string[]
  /** Ids of messages that are another's. */
  readonly othersIds: readonly string[]
  /** `before` cursors for streams that are another's. */
  readonly othersCursors: readonly string[]
  /** Its own message, for routes that change one. */
  readonly ownId: string
}

export interface BadRequest {
  readonly route: Route
  readonly reason: string
  readonly request: WireRequest
  /** Statuses that are right for it; 0: the connection is closed. */
  readonly statuses: readonly number[]
  /** What the text must begin with; undefined where no field is to blame. */
  readonly field?: string | undefined
}

type Headers = Array<readonly [string, string]>
type Part = Omit<BadRequest, 'route'>

/** A good request, to be broken in one place. */
interface Draft { readonly path: string, readonly headers: Headers, readonly body: Buffer | undefined }

const json = (value: unknown): Buffer => Buffer.from(toJson(value))
const jsonType = ['content-type', 'application/json'] as const
/** Percent-encoded as UTF-8; what is no text goes as the bytes that a careless encoder would make. */
const encode = (text: string): string => [...text].map(char => /[A-Za-z0-9_.~-]/.test(char) ? char : percent(char)).join('')
const percent = (char: string): string => char.isWellFormed() ? encodeURIComponent(char) : '%ED%A0%80'

/** Headers that nothing here should care for. */
const strangeHeaders: fc.Arbitrary<Headers> = fc.subarray<readonly [string, string]>([
  ['x-forwarded-for', '127.0.0.1, ::1, \'; drop table'], ['x-http-method-override', 'DELETE'], ['x-original-url', '/gate/nodes'], ['cookie', 'token=x; __proto__=1'], ['origin', 'null'],
  ['accept', 'application/\u00ff'], ['accept-encoding', 'identity;q=0, *'], ['range', 'bytes=0-0,-1'], ['if-none-match', '*'], ['te', 'trailers'],
  ['user-agent', '{{jndi:ldap://x/a}}'], ['x-empty', ''], ['__proto__', 'x'], ['content-encoding', 'gzip'], ['x-bytes', '\u0080\u00ff\u00fe'], ['x-many', 'y'.repeat(3000)]
], { maxLength: 3 })

const statusesOfTokens = [401, 403]

/** Bad requests for one route. */
export function badRequests (route: Route, attacker: Attacker): fc.Arbitrary<BadRequest> {
  const bodySchemas = route.body?.anyOf !== undefined && route.body.anyOf.some(({ type }) => type === 'array') ? route.body.anyOf : route.body === undefined ? [] : [route.body]
  const objectBody = bodySchemas.find(({ type }) => type === 'object')
  const token = attacker.tokenFor(route)
  const auth: Headers = route.needsToken ? [['authorization', `Bearer ${token}`]] : []
  const inPath = route.parameters.filter(parameter => parameter.in === 'path')
  const inQuery = route.parameters.filter(parameter => parameter.in === 'query')

  const fill = (values: Readonly<Record<string, string>>): string => route.path.replace(/\{(\w+)\}/g, (_all, name: string) => encode(values[name] ?? 'none'))
  const ownValues = Object.fromEntries(inPath.map(({ name, schema }) => [name, name === 'id' && schema.description === 'the id of a message' ? attacker.ownId : knownOf(schema)[0] ?? 'nobody']))
  const plain = fill(ownValues)
  const draft: fc.Arbitrary<Draft> = fc.record({
    path: fc.constant(plain),
    headers: fc.constant(objectBody === undefined ? auth : [...auth, jsonType]),
    body: objectBody === undefined ? fc.constant(undefined) : fitting(objectBody).map(json)
  })
  const send = ({ path, headers, body }: Draft): WireRequest => ({ method: route.method, path, headers, body })
  const ways: Array<{ weight: number, arbitrary: fc.Arbitrary<Part> }> = []
  const way = (weight: number, arbitrary: fc.Arbitrary<Part>): void => { ways.push({ weight: Math.round(weight * 20), arbitrary }) }

  for (const schema of bodySchemas) {
    if (schema.type === 'array') {
      // Each item is answered for itself; one item of these is always wrong.
      way(3, fc.array(broken(schema.items ?? {}), { minLength: 1, maxLength: 8 }).map(items => ({
        reason: 'a batch of bad messages', request: send({ path: plain, headers: [...auth, jsonType], body: json(items.map(({ value }) => value)) }), statuses: [207]
      })))
      way(0.05, fc.integer({ min: 1, max: 3 }).map(more => ({
        reason: 'a batch of too many', request: send({ path: plain, headers: [...auth, jsonType], body: json(Array.from({ length: 1000 + more }, () => ({ to: { user: 'nobody' }, title: 'x' }))) }), statuses: [400], field: 'body'
      })))
      continue
    }
    way(8, broken(schema)
      // An array is a batch, and is answered as one.
      .filter(({ value }) => bodySchemas.length === 1 || !Array.isArray(value) || value.length === 0)
      .map(({ value, field }) => ({ reason: `body, ${field === '' ? 'as a whole' : field}: ${toJson(value).slice(0, 300)}`, request: send({ path: plain, headers: [...auth, jsonType], body: json(value) }), statuses: [400], field: field === '' ? '' : field })))
    way(1, fc.tuple(draft, brokenText).map(([good, [how, spoil]]) => ({
      reason: `a body that is no JSON: ${how}`, request: send({ ...good, body: spoil(good.body ?? Buffer.alloc(0)) }), statuses: [400], field: 'body'
    })))
    way(1, fc.tuple(draft, fc.constantFrom('text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense', '', 'application/json5', 'application/\u00ff', 'application/json/x', ';', 'text/json', '*/*', `application/${'x'.repeat(2000)}`))
      .map(([good, type]) => ({ reason: `content type ${type}`, request: send({ ...good, headers: [...auth, ['content-type', type]] }), statuses: [415, 400] })))
    way(0.1, fc.constantFrom(1_100_000, 9_000_000).map(size => ({
      reason: `a body of ${size} bytes`, request: send({ path: plain, headers: [...auth, jsonType], body: Buffer.alloc(size, '[') }), statuses: [413, 400]
    })))
  }
  if (objectBody?.properties?.['data'] !== undefined) {
    const message = fitting({ ...objectBody, properties: { to: objectBody.properties['to']! } }) as fc.Arbitrary<Record<string, unknown>>
    way(1, fc.tuple(message, fc.integer({ min: 65, max: 20_000 }), fc.boolean()).map(([value, levels, isObject]) => {
      const data = isObject ? `${'{"a":'.repeat(levels)}0${'}'.repeat(levels)}` : `${'['.repeat(levels)}${']'.repeat(levels)}`
      return { reason: `data of ${levels} levels`, request: send({ path: plain, headers: [...auth, jsonType], body: Buffer.from(`${toJson(value).slice(0, -1)},"data":${data}}`) }), statuses: [400, 413] }
    }))
    way(1, fc.tuple(message, fc.constantFrom('1e400', '[-1e999]', '{"a":[1,{"b":1e309}]}')).map(([value, data]) => ({
      reason: `data ${data}`, request: send({ path: plain, headers: [...auth, jsonType], body: Buffer.from(`${toJson(value).slice(0, -1)},"data":${data}}`) }), statuses: [400], field: 'data'
    })))
    way(1, message.map(value => ({ reason: 'neither title nor body nor data', request: send({ path: plain, headers: [...auth, jsonType], body: json(value) }), statuses: [400], field: 'title, body, data' })))
    way(0.3, fc.tuple(message, fc.integer({ min: 1, max: 100_000 }), fc.constantFrom('x', 'é', '€')).map(([value, more, char]) => ({
      reason: 'more than 64 KiB', request: send({ path: plain, headers: [...auth, jsonType], body: json({ ...value, body: char.repeat(Math.ceil((65_536 + more) / Buffer.byteLength(char))) }) }), statuses: [413]
    })))
    way(1, fc.tuple(draft, fc.constantFrom('', 'k'.repeat(257), 'k'.repeat(9000))).map(([good, key]) => ({
      reason: `a key of ${key.length}`, request: send({ ...good, headers: [...good.headers, ['idempotency-key', key]] }), statuses: [400]
    })))
  }

  for (const { name, schema } of inQuery) {
    const others = inQuery.filter(one => one.name !== name)
    // A query has text only; what cannot be decoded is taken as it stands, percent signs and all.
    const texts = fc.oneof(broken(schema).map(({ value }) => value), junk).filter((value): value is string => typeof value === 'string' && value.isWellFormed() && !fits(schema, value))
    const takesAnything = schema.anyOf !== undefined ? schema.anyOf.every(({ enum: known }) => known === undefined) : takesAnyText(schema)
    if (!takesAnything) {
      const cleanly = (text: string): boolean => name !== 'before' || [...text].length > 2048
      if (name !== 'before') {
        way(4, texts.filter(cleanly).map(text => ({ reason: `query ${name}: ${JSON.stringify(text).slice(0, 200)}`, request: send({ path: `${plain}?${name}=${encode(text)}`, headers: auth, body: undefined }), statuses: [400], field: `query.${name}` })))
      } else {
        way(4, fc.oneof(junk.map(toJson), fc.base64String(), fc.tuple(junk, junk).map(pair => toBase64(toJson(pair))), fc.tuple(fc.integer({ max: -1 }), fc.constant('all')).map(pair => toBase64(toJson(pair))))
          .filter(text => text.isWellFormed() && !isCursor(text))
          .map(text => ({ reason: `query before: ${text.slice(0, 100)}`, request: send({ path: `${plain}?before=${encode(text)}`, headers: auth, body: undefined }), statuses: text.length > 9000 ? [400, 431] : [400] })))
        way(2, fc.constantFrom(...attacker.othersCursors).map(text => ({ reason: 'a cursor of another\'s stream', request: send({ path: `${plain}?before=${text}`, headers: auth, body: undefined }), statuses: [200, 400] })))
      }
      way(1, fc.tuple(fitting(schema), fitting(schema)).map(([one, two]) => ({ reason: `query ${name} twice`, request: send({ path: `${plain}?${name}=${encode(String(one))}&${name}=${encode(String(two))}`, headers: auth, body: undefined }), statuses: [400] })))
    }
    way(0.5, fc.tuple(fc.constantFrom('[]', '[a]', '.x', '%00', '%', '%zz', '\u00ff'), fc.constantFrom(...(others.length === 0 ? [''] : others.map(one => `&${one.name}`))))
      .map(([tail, other]) => ({ reason: `query ${name}${tail}${other}`, request: send({ path: `${plain}?${name}${tail}=1${other}`, headers: auth, body: undefined }), statuses: [400] })))
  }

  for (const { name, schema } of inPath) {
    const values = fc.oneof(broken(schema).map(({ value }) => value), junk).filter((value): value is string => typeof value === 'string' && value !== '' && !fits(schema, value))
    const isId = name === 'id'
    if (!isId || schema.maxLength !== undefined) {
      way(4, values.map(value => ({
        reason: `path ${name}: ${JSON.stringify(value).slice(0, 200)}`, request: send({ path: fill({ ...ownValues, [name]: value }), headers: objectBody === undefined ? auth : [...auth, jsonType], body: objectBody === undefined ? undefined : Buffer.from('{}') }),
        statuses: encode(value).length > 14_000 ? [400, 404, 414, 431] : [400, 404]
      })))
    }
    if (isId) {
      const known = attacker.othersIds.length > 0 ? [fc.constantFrom(...attacker.othersIds)] : []
      const invented = fc.oneof(...known, fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.constantFrom('0', '-1', '..', '%2e%2e', '.', 'null', 'undefined', '__proto__', 'constructor', '*', 'unread', 'read', 'z'.repeat(27), '0'.repeat(27), 'zzzzzzzzzzz', 'z'.repeat(1024), '00000000000\u0000'),
        ...attacker.othersIds.slice(0, 1).map(id => fc.tuple(fc.integer({ min: 0, max: id.length - 1 }), fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz')).map(([at, char]) => id.slice(0, at) + char + id.slice(at + 1))))
      // A GET of `unread` is a route of its own.
      way(5, fc.tuple(invented.filter(id => !(route.method === 'GET' && id === 'unread')), fc.boolean()).map(([id, isRaw]) => ({
        reason: `the id ${JSON.stringify(id)}`,
        request: send({ path: isRaw && /^[\w-]+$/.test(id) ? route.path.replace(`{${name}}`, id) : fill({ ...ownValues, [name]: id }), headers: objectBody === undefined ? auth : [...auth, jsonType], body: objectBody === undefined ? undefined : objectBody.properties?.['to'] !== undefined ? json({ to: { user: 'nobody' } }) : json({ read: true }) }),
        statuses: [404, 400]
      })))
    }
  }

  if (route.needsToken) {
    const bad = attacker.badTokensFor(route)
    const spoiled = fc.oneof(fc.constantFrom(...bad), fc.string({ unit: 'binary-ascii', maxLength: 100 }).filter(text => /^[\x20-\x7e]*$/.test(text)), fc.tuple(fc.integer({ min: 0, max: token.length - 1 }), fc.constantFrom('A', '.', '=', '\u00ff', ' ')).map(([at, char]) => token.slice(0, at) + char + token.slice(at + 1)).filter(text => claimsDiffer(text, token)))
    const headers = fc.oneof<Array<fc.Arbitrary<Headers>>>(
      spoiled.map(text => [['authorization', `Bearer ${text}`]]),
      fc.constantFrom<Headers>([], [['authorization', '']], [['authorization', 'Bearer']], [['authorization', 'Bearer  ']], [['authorization', token]], [['authorization', `Basic ${token}`]], [['authorization', `Bearer ${'x'.repeat(20_000)}`]], [['x-authorization', `Bearer ${token}`]], [['cookie', `token=${token}`]], [['authorization', `Bearer ${token},Bearer ${token}`]])
    )
    way(3, fc.tuple(draft, headers).map(([good, tokens]) => ({ reason: `authorization ${JSON.stringify(tokens).slice(0, 200)}`, request: send({ ...good, headers: [...tokens, ...good.headers.filter(([name]) => name !== 'authorization')] }), statuses: statusesOfTokens })))
    way(0.3, draft.map(good => ({ reason: 'a token in the query', request: send({ ...good, path: `${good.path}?token=${token}&authorization=${token}`, headers: good.headers.filter(([name]) => name !== 'authorization') }), statuses: statusesOfTokens })))
  }

  const otherMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'PURGE', 'LOCK', 'SEARCH', 'M-SEARCH', 'SUBSCRIBE', 'MKCOL', 'LINK'].filter(method => !route.methods.includes(method))
  way(1, fc.tuple(draft, fc.constantFrom(...otherMethods)).map(([good, method]) => ({ reason: `method ${method}`, request: { ...send(good), method, path: route.path.replaceAll(/\{\w+\}/g, 'nobody') }, statuses: [404, 405, 400, 415] })))
  way(1, fc.tuple(draft, fc.constantFrom('/..', '/%2e%2e/', '//', '/%00', '/%', '/%zz', '/%ff', '/.env', '/\u00ff', '/\u0085', '/%0d%0aset-cookie:a=b', '/../../etc/passwd', '/\\..\\..', '/__proto__', '/x'.repeat(500)))
    .map(([good, tail]) => ({ reason: `path ${tail.slice(0, 20)}`, request: { ...send(good), path: route.path.replaceAll(/\{\w+\}/g, 'none') + tail }, statuses: [404, 405, 400, ...(route.method === 'GET' || route.parameters.length > 0 ? [401, 403] : [])] })))
  way(0.3, fc.tuple(draft, brokenHttp).map(([good, [how, more]]) => ({ reason: `HTTP: ${how}`, request: { ...send(good), headers: [...good.headers, ...more], isLast: true }, statuses: [400, 0, 415, 431] })))
  if (route.method === 'GET' && inQuery.length === 0) {
    // Nothing is wrong with what is not looked at; nothing may come of it either.
    way(2, fc.tuple(oddKey, junk, draft).filter(([, value]) => value !== undefined).map(([name, value, good]) => ({ reason: 'a query and a body that nobody reads', request: send({ path: `${good.path}?${encode(name)}=${encode(toJson(value)).slice(0, 2000)}`, headers: [...good.headers, ['content-type', 'text/x-odd']], body: json(value) }), statuses: [200, 400, 404, 415, 413] })))
  }
  // The demo's login is refused to pages of other sites before anything else is looked at.
  const statusesWith = (statuses: readonly number[], more: Headers): readonly number[] => route.path === '/gate/login' && more.some(([name]) => name === 'origin') ? [...statuses, 403] : statuses
  return fc.tuple(fc.oneof(...ways), strangeHeaders).map(([{ request, statuses, ...part }, more]) => ({ route, ...part, statuses: statusesWith(statuses, more), request: { ...request, headers: [...request.headers, ...more] } }))
}

const brokenText: fc.Arbitrary<readonly [string, (good: Buffer) => Buffer]> = fc.oneof(
  fc.double({ min: 0, max: 0.999, noNaN: true }).map(part => ['cut short', (good: Buffer) => good.length < 2 ? Buffer.from('{') : good.subarray(0, Math.max(1, Math.floor(good.length * part)))] as const),
  fc.constantFrom<readonly [string, (good: Buffer) => Buffer]>(
    ['invalid UTF-8', good => Buffer.concat([good.subarray(0, 1), Buffer.from('"\u00ff', 'latin1'), Buffer.from('":1,'), good.subarray(1)])],
  ['an overlong sequence', good => Buffer.concat([good.subarray(0, -1), Buffer.from([0x2c, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d])])],
  ['UTF-16', good => Buffer.from(good.toString(), 'utf16le')],
  ['a byte order mark', good => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), good])],
  ['more behind it', good => Buffer.concat([good, Buffer.from('{}')])],
  ['NaN', () => Buffer.from('{"to":NaN}')],
  ['single quotes', good => Buffer.from(good.toString().replaceAll('"', '\'') + '\'')],
  ['a comment', good => Buffer.concat([good, Buffer.from('// x')])],
  ['zeros', () => Buffer.alloc(50)],
  ['deeper than anything', () => Buffer.alloc(100_000, '[')],
  ['deeper objects', () => Buffer.from('{"to":'.repeat(10_000))],
  ['a form', () => Buffer.from('to=user&title=x')],
  ['a long number', () => Buffer.from('-'.repeat(2000))]
  ),
  fc.uint8Array({ minLength: 1, maxLength: 200 }).map(bytes => ['bytes', () => Buffer.concat([Buffer.from([0xff]), bytes])] as const)
)

const brokenHttp = fc.constantFrom<readonly [string, Headers]>(
  ['two lengths', [['content-length', '5'], ['content-length', '6']]],
  ['a negative length', [['content-length', '-1']]],
  ['a length that is no number', [['content-length', '0x10']]],
  ['a length and chunks', [['content-length', '5'], ['transfer-encoding', 'chunked']]],
  ['an unknown encoding', [['transfer-encoding', 'gzip, x']]],
  ['a header without a name', [['', 'x']]],
  ['a header with a space', [['a b', 'x']]],
  ['a header with a NUL', [['x-nul', 'a\u0000b']]],
  ['a bare carriage return', [['x-cr', 'a\rb: c']]],
  ['headers beyond the limit', [['x-long', 'x'.repeat(40_000)]]],
  ['too many headers', Array.from({ length: 3000 }, (_, i) => [`x-${i}`, 'x'.repeat(20)] as const)]
)

/** The values that a parameter takes, where it takes a few only. */
const knownOf = ({ enum: known = [], anyOf = [] }: Schema): string[] => [...known.map(String), ...anyOf.flatMap(knownOf)]

const takesAnyText = ({ type, enum: known, pattern, minLength, maxLength, description = '' }: Schema): boolean =>
  type === 'string' && known === undefined && pattern === undefined && minLength === undefined && maxLength === undefined && !/Unicode characters/.test(description)

const toBase64 = (text: string): string => Buffer.from(text).toString('base64url')

function isCursor (text: string): boolean {
  try {
    const pair = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown
    return Array.isArray(pair) && pair.length === 2 && Number.isSafeInteger(pair[0]) && typeof pair[1] === 'string'
  } catch { return false }
}

/** A signature's last character has bits that mean nothing; and what Node trims off a header is no change. */
const claimsDiffer = (text: string, token: string): boolean => {
  const bytes = (one: string): string => one.trim().split('.').map(part => Buffer.from(part, 'base64url').toString('hex')).join('.')
  return text.trim() !== token && bytes(text) !== bytes(token)
}

const codesByStatus: Readonly<Record<number, readonly string[]>> = {
  400: ['GP_VALIDATION'],
  401: ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_TICKET_EXPIRED', 'GP_TICKET_WRONG_NODE'],
  403: ['GP_SCOPE', 'GP_NOT_MEMBER', 'GP_NOT_SENDER'],
  404: ['GP_NOT_FOUND'],
  409: ['GP_IDEMPOTENCY_CONFLICT', 'GP_RECALL_EXPIRED'],
  413: ['GP_TOO_LARGE']
}

/** What is wrong with an answer to a bad request; undefined where it is a refusal as section 10 of the protocol has them. */
export function faultOf ({ statuses, field, request }: BadRequest, { status, headers, text }: WireAnswer): string | undefined {
  if (!statuses.includes(status)) return `status ${status}, not one of ${statuses.join(', ')}`
  if (status === 0 || status === 200 || request.method === 'HEAD') return undefined
  let body: unknown
  try { body = JSON.parse(text) } catch { return 'the answer is no JSON' }
  if (status === 207) return (body as { results: Array<{ status: number, code: string, message: string }> }).results.map(result => faultOfRefusal(result.status, result.code, result.message)).find(fault => fault !== undefined)
  const refusal = body as { statusCode: unknown, code: string, error: unknown, message: string }
  if (Object.keys(refusal).sort().join() !== 'code,error,message,statusCode' || refusal.statusCode !== status) return 'not the four fields of a refusal'
  if (!/^application\/json/.test(headers.get('content-type') ?? '')) return 'its content type is not JSON'
  return faultOfRefusal(status, refusal.code, refusal.message, field)
}

export const maxTextLength = 1000

/** A code that belongs to the status, a text of one line that names the field and gives nothing away. */
export function faultOfRefusal (status: number, code: string, text: string, field?: string): string | undefined {
  if (!(codesByStatus[status] ?? ['GP_VALIDATION', 'GP_NOT_FOUND']).includes(code)) return `code ${code} with status ${status}`
  if (typeof text !== 'string' || text === '') return 'no text'
  if (text.length > maxTextLength) return `a text of ${text.length} characters`
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) return 'a text with characters that are none'
  if (/\bat \S+ \(|at file:|node_modules|\.[jt]s:\d|Error:/.test(text)) return 'a text with a stack in it'
  if (field !== undefined && field !== '' && code === 'GP_VALIDATION' && !text.startsWith(field)) return `a text that does not name ${field}`
  return undefined
}
