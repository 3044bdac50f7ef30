/**
 * One validator for REST bodies, query strings and socket events: a schema in, a check that throws
 * GP_VALIDATION naming the field, what it got and what it takes. Nothing is coerced, filled in or removed.
 */
import { Type, type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { refusal, refusalInWords } from './errors.js'
import { isName, isUserName, nameTakes, userNameTakes } from './names.js'

export type Validate<S extends TSchema> = (value: unknown, field?: string) => Static<S>

/** `field` is the prefix of the names in refusals ("auth", "query"). The `description` of a schema says what it takes. */
export function createValidator<S extends TSchema> (schema: S): Validate<S> {
  const compiled = Compile(schema)
  return (value, field = '') => {
    refuseTooMany(schema, value, field)
    if (compiled.Check(value)) return value
    throw explain(schema, compiled.Errors(value), value, field)
  }
}

/** The fields of an object, above which it is looked for an unknown one first. */
const manyFields = 8

/** Before each member is looked at, and each one's fault is written down: there may be a hundred thousand. */
function refuseTooMany (schema: TSchema, value: unknown, prefix: string): void {
  const { properties, additionalProperties } = schema as { properties?: Record<string, Bounded>, additionalProperties?: unknown }
  if (properties === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return
  // Each byte would be a field.
  if (ArrayBuffer.isView(value)) throw refusalInWords(prefix || 'body', 'bytes', takes(schema))
  const fieldOf = (name: string): string => prefix === '' ? name : `${prefix}.${name}`
  if (additionalProperties === false) {
    const names = Object.keys(value)
    const extra = names.length > manyFields ? names.find(name => !Object.hasOwn(properties, name)) : undefined
    if (extra !== undefined) throw refusalInWords(fieldOf(extra), 'an unknown field', `only ${namesOfFields(schema)}`)
  }
  for (const name in properties) {
    const given = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    if (typeof given !== 'object' || given === null) continue
    const property = properties[name]!
    const { items, maxItems, maxProperties } = property
    const most = Array.isArray(given) ? maxItems : maxProperties
    const count = most === undefined ? 0 : Array.isArray(given) ? given.length : Object.keys(given).length
    if (most !== undefined && count > most) throw refusalInWords(fieldOf(name), `${count} of them`, takes(property))
    if (!Array.isArray(given)) refuseTooMany(property, given, fieldOf(name))
    else if (items?.properties !== undefined && most !== undefined) given.forEach((member, i) => { refuseTooMany(items, member, `${fieldOf(name)}.${i}`) })
  }
}
type Bounded = TSchema & { maxItems?: number, maxProperties?: number, items?: TSchema & { properties?: object } }

interface ValidationError { keyword: string, schemaPath: string, instancePath: string, params: object }

function explain (schema: TSchema, errors: readonly ValidationError[], value: unknown, prefix: string): Error {
  const unions = errors.filter(error => error.keyword === 'anyOf')
  const outside = errors.filter(error => !unions.some(union => error.schemaPath.startsWith(`${union.schemaPath}/anyOf/`)))
  const first = outside.find(error => error.keyword !== 'boolean') ?? outside[0] ?? errors[0]
  if (first === undefined) return refusal(prefix || 'body', value, 'another value')
  const path = first.instancePath.split('/').slice(1).map(unescapePointer)
  const params = first.params as { additionalProperties?: string[], requiredProperties?: string[] }
  const fieldName = (tail: string[]): string => [...(prefix === '' ? [] : [prefix]), ...tail].join('.') || 'body'
  const extra = params.additionalProperties?.[0]
  if (extra !== undefined) return refusalInWords(fieldName([...path, extra]), 'an unknown field', `only ${namesOfFields(schemaAt(schema, first.schemaPath))}`)
  const missing = params.requiredProperties?.[0]
  if (missing !== undefined) {
    const owner = schemaAt(schema, first.schemaPath) as { properties?: Record<string, TSchema> }
    return refusal(fieldName([...path, missing]), undefined, takes(owner.properties?.[missing]))
  }
  return refusal(fieldName(path), valueAt(value, path), takes(schemaAt(schema, first.schemaPath)))
}

const unescapePointer = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

function schemaAt (schema: TSchema, schemaPath: string): TSchema | undefined {
  let at: unknown = schema
  for (const token of schemaPath.split('/').slice(1).map(unescapePointer)) at = (at as Record<string, unknown> | undefined)?.[token]
  return at as TSchema | undefined
}

function valueAt (value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const token of path) at = Object.hasOwn(Object(at), token) ? (at as Record<string, unknown>)[token] : undefined
  return at
}

function namesOfFields (schema: TSchema | undefined): string {
  return Object.keys((schema as { properties?: object } | undefined)?.properties ?? {}).join(', ') || 'no fields'
}

function takes (schema: TSchema | undefined): string {
  const { description, type } = (schema ?? {}) as { description?: string, type?: string }
  return description ?? (type === undefined ? 'another value' : `a value of type ${type}`)
}

/** A text that passes this check; `takes` says in a refusal what does, `shape` tells what JSON Schema can tell of it. */
export const TextThat = (takes: string, isOne: (value: unknown) => value is string, shape: { pattern?: string, maxLength?: number } = {}): TextSchema =>
  Type.Refine(Type.String({ description: takes, minLength: 1, ...shape }), isOne, () => `must be ${takes}`)
type TextSchema = ReturnType<typeof Type.Refine<ReturnType<typeof Type.String>>>

const named = (what: string, isOne: (value: unknown) => value is string, takes: string): TextSchema => TextThat(`${what}: ${takes.replace('a name: ', '')}`, isOne)

/** A name of a group, topic or category. */
export const Name = (what: string): TextSchema => named(what, isName, nameTakes)
/** A name of a user. */
export const UserName = (what = 'a user'): TextSchema => named(what, isUserName, userNameTakes)
