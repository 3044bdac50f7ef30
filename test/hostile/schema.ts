/**
 * JSON Schema, as the OpenAPI documents have it: what fits one, what does not, and what is wrong in one place only.
 * Written for these tests alone, so that it shares no mistake with what checks requests in the services.
 */
import fc from 'fast-check'

export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
}

/** Text of a number that JSON has and JavaScript has not: `toJson` writes it as it stands. */
export class RawNumber {
  constructor (readonly text: string) {}
  toJSON (): string { return `@@${this.text}@@` }
}
export const toJson = (value: unknown): string => (JSON.stringify(value) ?? '').replace(/"@@([^"]*)@@"/g, '$1')

const nameText = /1 to (128|255) Unicode characters, none of them a control character/
/** How long a name may be by its description; undefined for what is no name. */
const longestOf = ({ description = '' }: Schema): number | undefined => { const length = nameText.exec(description)?.[1]; return length === undefined ? undefined : Number(length) }
const linkText = /^an http\(s\) address, or a path/
const uniqueText = /, each id once$/
const streamsText = /^\{stream: seq\}$/
const isText = (value: unknown): value is string => typeof value === 'string'

function isGoodName (text: string, longest = 128): boolean {
  const length = [...text].length
  return length >= 1 && length <= longest && !/\p{Cc}/u.test(text) && !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)
}
const isGoodLink = (text: string): boolean => !/[\p{Cc}\ud800-\udfff]/u.test(text) && (text.startsWith('/') ? new URL(text, 'https://site.test').host === 'site.test' : URL.canParse(text))
const hasIdsOnce = (items: readonly unknown[]): boolean => new Set(items.map(item => (item as { id?: unknown } | null)?.id)).size === items.length
const isGoodStream = (text: string): boolean => text === 'all' || (/^[ug]:/.test(text) && isGoodName(text.slice(2), text.startsWith('u:') ? 255 : 128))

/** Whether the documents allow it. Names, and the names of streams in cursors, are known by their descriptions. */
export function fits (schema: Schema, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some(one => fits(one, value))
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false
  switch (schema.type) {
    case undefined: return true
    case 'string': return isText(value) && [...value].length >= (schema.minLength ?? 0) && [...value].length <= (schema.maxLength ?? Infinity) &&
      (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)) && (longestOf(schema) === undefined || isGoodName(value, longestOf(schema))) && (!linkText.test(schema.description ?? '') || isGoodLink(value))
    case 'integer': return Number.isInteger(value) && (value as number) >= (schema.minimum ?? -Infinity) && (value as number) <= (schema.maximum ?? Infinity)
    case 'boolean': return typeof value === 'boolean'
    case 'array': return Array.isArray(value) && value.length >= (schema.minItems ?? 0) && value.length <= (schema.maxItems ?? Infinity) && value.every(item => fits(schema.items ?? {}, item)) && (!uniqueText.test(schema.description ?? '') || hasIdsOnce(value))
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value) && fitsObject(schema, value as Record<string, unknown>)
    default: throw new Error(`a type that this does not know: ${schema.type}`)
  }
}

function fitsObject ({ required = [], properties = {}, additionalProperties = true, description = '' }: Schema, value: Record<string, unknown>): boolean {
  const names = Object.keys(value)
  return required.every(name => Object.hasOwn(value, name)) && names.every(name => {
    if (Object.hasOwn(properties, name)) return fits(properties[name]!, value[name])
    if (streamsText.test(description) && !isGoodStream(name)) return false
    return typeof additionalProperties === 'boolean' ? additionalProperties : fits(additionalProperties, value[name])
  })
}

const goodName = fc.oneof(fc.constantFrom('mallory', 'nobody', 'a', '🦆', 'x'.repeat(128)), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(text => isGoodName(text)))

/** What fits; short, and never more than a few members. */
export function fitting (schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fitting))
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case undefined: return fc.jsonValue({ maxDepth: 3 })
    case 'string':
      if (linkText.test(schema.description ?? '')) return fc.constantFrom('/', '/orders/7', 'https://shop.test/a?b#c', 'HTTP://[::1]:8080')
      if (longestOf(schema) !== undefined) return goodName.filter(name => fits(schema, name))
      if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern))
      return fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 20, 20) })
    case 'integer': return fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, 1_000_000) })
    case 'boolean': return fc.boolean()
    case 'array': return fc.array(fitting(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: Math.max(schema.minItems ?? 0, 3) }).filter(items => fits(schema, items))
    default: {
      const { properties = {}, required = [], additionalProperties, description = '' } = schema
      if (streamsText.test(description)) return fc.dictionary(goodName.map(name => `u:${name}`), fitting(additionalProperties as Schema), { maxKeys: 3 })
      return fc.record(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, fitting(of)])), { requiredKeys: [...required] })
    }
  }
}

const badName = fc.oneof(
  fc.constantFrom('', 'x'.repeat(256), '🦆'.repeat(256), 'a\u0000b', 'tab\there', 'line\nbreak', '\u007f', '\u0085', '\ud800', 'a\udfffb', '\udc00\ud800', '\r\nset-cookie: a=b', 'x'.repeat(5000)),
  fc.tuple(goodName, fc.constantFrom('\u0001', '\n', '\u009f', '\ud83e')).map(([name, bad]) => bad + name + bad)
)

/** Values of every kind, to stand where another kind belongs. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, -1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 63, '', '0', 'true', 'null', '{}', '[]', [], {}, [[]], [null], { '': '' }, { toString: 1 }, { $gt: '' }, { $where: 'sleep(1)' }, { length: 3 },
    new RawNumber('1e400'), new RawNumber('-1e999'), new RawNumber('123456789012345678901234567890'), new RawNumber('0.1e-999')),
  fc.constantFrom('{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"x":1}}}', '{"__proto__":null}').map(text => JSON.parse(text) as unknown),
  fc.string({ unit: 'binary', maxLength: 300 }),
  badName,
  fc.jsonValue({ maxDepth: 5 }),
  fc.integer(), fc.double(),
  fc.integer({ min: 65, max: 3000 }).map(levels => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown)
)

export const oddKey = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '', '0', 'TO', ' to', 'to ', 'to\u0000', 'to.user', 'to/user', '~0', '~1', '$where', '$set', 'a\nb', '\ud800', 'x'.repeat(2000)),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })
)

export interface Broken {
  readonly value: unknown
  /** The member that is wrong: '' where it is the whole. */
  readonly field: string
}

const member = (path: string, name: string): string => path === '' ? name : `${path}.${name}`
const wholly = (path: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<Broken> => value.map(one => ({ value: one, field: path }))

/** What would fit but for one member, anywhere in it, and the path of that member. */
export function broken (schema: Schema, path = ''): fc.Arbitrary<Broken> {
  return fc.oneof({ arbitrary: wholly(path, junk), weight: 1 }, { arbitrary: brokenInside(schema, path), weight: 3 }).filter(({ value }) => !fits(schema, reread(value)))
}

/** As JSON brings it to the other side. */
const reread = (value: unknown): unknown => value === undefined ? undefined : JSON.parse(toJson(value)) as unknown

function brokenInside (schema: Schema, path: string): fc.Arbitrary<Broken> {
  if (schema.anyOf !== undefined) {
    // A member that is not there belongs to no branch: then it is the whole that fits none.
    const inBranch = (one: Schema): fc.Arbitrary<Broken> => brokenInside(one, path).map(({ value, field }) => ({ value, field: Object.hasOwn(Object(value), field.slice(path.length + 1)) ? field : path }))
    return fc.oneof(...schema.anyOf.map(inBranch), wholly(path, mixed(schema.anyOf)))
  }
  if (schema.enum !== undefined) return wholly(path, junk)
  switch (schema.type) {
    case undefined: return wholly(path, junk)
    case 'string': return wholly(path, fc.oneof(badName, fc.integer({ min: 1, max: 300 }).map(more => 'y'.repeat((schema.maxLength ?? 255) + more)), fc.string({ unit: 'binary' })))
    case 'integer': return wholly(path, fc.oneof(
      fc.integer({ min: 1, max: 1000 }).map(by => (schema.minimum ?? 0) - by), fc.double().map(value => (schema.maximum ?? 2 ** 53) + Math.abs(value)), fc.double(), fc.integer().map(String)))
    case 'array': return brokenArray(schema, path)
    case 'object': return brokenObject(schema, path)
    default: return wholly(path, junk)
  }
}

/** Members of several branches at once. */
const mixed = (branches: readonly Schema[]): fc.Arbitrary<unknown> =>
  fc.tuple(fc.constantFrom(...branches).chain(fitting), fc.constantFrom(...branches).chain(fitting)).map(([one, other]) =>
    typeof one === 'object' && typeof other === 'object' ? { ...one, ...other } : [one, other])

function brokenArray ({ items = {}, minItems = 0, maxItems }: Schema, path: string): fc.Arbitrary<Broken> {
  const ways = [fc.tuple(fc.array(fitting(items), { maxLength: 3 }), broken(items, ''), fc.array(fitting(items), { maxLength: 3 }))
    .map(([before, { value }, after]) => ({ value: [...before, value, ...after], field: path }))]
  if (minItems > 0) ways.push(fc.constant({ value: [], field: path }))
  if (maxItems !== undefined) ways.push(fc.tuple(fitting(items), fc.integer({ min: 1, max: 500 })).map(([item, more]) => ({ value: Array.from({ length: maxItems + more }, () => item), field: path })))
  return fc.oneof(...ways)
}

function brokenObject (schema: Schema, path: string): fc.Arbitrary<Broken> {
  const { properties = {}, required = [], additionalProperties, description = '' } = schema
  // What takes anything cannot be wrong.
  const names = Object.keys(properties).filter(name => properties[name]!.type !== undefined || properties[name]!.anyOf !== undefined)
  const ways: Array<fc.Arbitrary<Broken>> = []
  const whole = fitting(schema) as fc.Arbitrary<Record<string, unknown>>
  if (required.length > 0) {
    ways.push(fc.tuple(whole, fc.constantFrom(...required)).map(([value, name]) => ({ value: Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)), field: member(path, name) })))
  }
  if (additionalProperties === false) {
    ways.push(fc.tuple(whole, oddKey, junk).map(([value, name, extra]) => ({ value: { ...value, [name]: extra }, field: path })))
  }
  if (typeof additionalProperties === 'object') {
    ways.push(fc.tuple(whole, broken(additionalProperties)).map(([value, { value: wrong }]) => ({ value: { ...value, 'u:mallory': wrong }, field: path })))
    if (streamsText.test(description)) ways.push(fc.tuple(whole, oddKey, fitting(additionalProperties)).map(([value, name, seq]) => ({ value: { ...value, [name]: seq }, field: path })))
  }
  if (names.length > 0) {
    ways.push(fc.tuple(whole, fc.constantFrom(...names).chain(name => broken(properties[name]!, member(path, name)).map(({ value, field }) => ({ name, value, field }))))
      .map(([value, { name, value: wrong, field }]) => ({ value: { ...value, [name]: wrong }, field })))
  }
  return fc.oneof(...ways)
}
