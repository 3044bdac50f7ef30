/**
 * What a setting is: a typebox schema for the parsed value, and beside it how its text is read, what it takes in
 * words, and what it means. Its key in a command's schema is its name: `GATEPOST_PORT` (flag `--port`), or `--sub` for
 * what is a flag only. The reading, `--help` and docs/configuration.md all come from these.
 */
import { Type, type TArray, type TBoolean, type TEnum, type TInteger, type TNumber, type TSchema, type TString } from 'typebox'
import { formatDuration } from './duration.js'
import { formatSize } from './size.js'

/** How the text becomes a value. `list` = comma separated. */
export type ReadAs = 'text' | 'number' | 'duration' | 'size' | 'yes-no' | 'list'

export interface SettingInfo {
  readonly description: string
  /** What it takes, in words, for faults and the reference. */
  readonly takes: string
  readonly readAs: ReadAs
  /** Unit of the number as it is written. */
  readonly unit?: string
  /** The default in words, where it depends on something. */
  readonly defaultText?: string
  /** Never shown, wherever it comes from. */
  readonly isSecret?: boolean
  /** An address that may carry a user and a password. */
  readonly hasCredentials?: boolean
  /** What is wrong with a text, safe to show, where that says more than the text's length. */
  readonly flawOf?: (text: string) => string | undefined
  /** Stands for the value in a usage line. */
  readonly valueName: string
  readonly default?: unknown
}

/** Keys in the order in which help lists them. */
export type SettingsSchema = Record<string, TSchema>

/** Whether its text may lie in a file instead. */
export const mayBeFile = (name: string, { isSecret = false, hasCredentials = false }: SettingInfo): boolean => !isFlagOnly(name) && (isSecret || hasCredentials)
/** `GATEPOST_SECRET` → `GATEPOST_SECRET_FILE`. */
export const fileFormOf = (name: string): string => `${name}_FILE`

export const infoOf = (schema: TSchema): SettingInfo => schema as unknown as SettingInfo

const envPrefix = 'GATEPOST_'
export const isFlagOnly = (name: string): boolean => name.startsWith('--')
/** `GATEPOST_NODE_ID` → `--node-id`. */
export const flagOf = (name: string): string => isFlagOnly(name) ? name : '--' + name.slice(envPrefix.length).toLowerCase().replaceAll('_', '-')

interface Common<V> {
  description: string
  valueName: string
  default?: V
  defaultText?: string
  isSecret?: boolean
  hasCredentials?: boolean
  flawOf?: (text: string) => string | undefined
}

export function text (options: Common<string> & { takes: string, accepts?: (value: string) => boolean }): TString {
  const { accepts, ...info } = options
  // An empty text would say "unset" to one reader and "set" to the next: it is neither taken nor ignored.
  return Type.Refine(Type.String({ ...info, readAs: 'text', minLength: 1 }), value => accepts?.(value) ?? true)
}

export function wholeNumber (options: Common<number> & { minimum: number, maximum: number, unit?: string }): TInteger {
  return Type.Integer({ ...options, readAs: 'number', takes: `a whole number from ${options.minimum} to ${options.maximum}` })
}

export function decimalNumber (options: Common<number> & { minimum: number, maximum: number, unit?: string }): TNumber {
  return Type.Number({ ...options, readAs: 'number', takes: `a number from ${options.minimum} to ${options.maximum}` })
}

/** The longest that a setting takes, and the longest `ttl` of a message. */
export const maxDurationMs = 3650 * 86_400_000

/** In milliseconds once it is read. */
export function duration (options: Common<number> & { minimum: number, maximum: number }): TInteger {
  const takes = `a duration from ${formatDuration(options.minimum)} to ${formatDuration(options.maximum)}: a whole number with s, m, h, d or w behind it, such as 90s, 12h or 30d`
  return Type.Integer({ ...options, readAs: 'duration', takes })
}

/** In bytes once it is read. */
export function size (options: Common<number> & { minimum: number, maximum: number }): TInteger {
  const takes = `a size from ${formatSize(options.minimum)} to ${formatSize(options.maximum)}: a whole number of bytes, or one with KiB, MiB, GiB, KB, MB or GB behind it, such as 64MiB`
  return Type.Integer({ ...options, readAs: 'size', takes })
}

export function oneOf<const V extends string> (values: readonly V[], options: Common<V>): TEnum<V[]> {
  return Type.Enum([...values], { ...options, readAs: 'text', takes: `one of ${values.join(', ')}` })
}

export function yesOrNo (options: Omit<Common<boolean>, 'valueName'>): TBoolean {
  return Type.Boolean({ ...options, valueName: 'true|false', readAs: 'yes-no', takes: 'true or false (also 1, 0, yes, no, on, off)' })
}

export function list<const S extends TSchema> (items: S, options: Common<string[]> & { takes: string, maxItems: number }): TArray<S> {
  return Type.Array(items, { ...options, readAs: 'list', minItems: 1 })
}
