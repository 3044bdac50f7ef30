/** Something wrong with what was set: one line each, all of them together, exit code 2. */
import { shown } from '../../contract/errors.js'
import { flagOf, isFlagOnly } from './setting.js'

export type Origin = 'environment' | '.env' | 'flag'

export interface Fault {
  /** The setting's name, or a flag or word that is none. */
  readonly setting: string
  readonly origin: Origin | undefined
  /** What it got, safe to show. */
  readonly got: string
  readonly takes: string
}

/** Several faults end a start together. */
export class SettingsError extends Error {
  readonly faults: readonly Fault[]

  constructor (faults: readonly Fault[]) {
    super(faults.map(faultLine).join('\n'))
    this.name = 'SettingsError'
    this.faults = faults
  }
}

/** `GATEPOST_PORT (--port): got "abc"; takes a whole number from 0 to 65535`. */
export function faultLine ({ setting, origin, got, takes }: Fault): string {
  const from = origin === '.env' ? ' (in .env)' : origin === 'flag' && !isFlagOnly(setting) ? ` (${flagOf(setting)})` : ''
  return `${setting}${from}: got ${got}; takes ${takes}`
}

/** What was given, as a fault may show it. */
export function gotText (value: string, { isSecret = false, hasCredentials = false }: { isSecret?: boolean, hasCredentials?: boolean }): string {
  if (value === '') return 'an empty text'
  if (isSecret) return `another text of ${Buffer.byteLength(value)} bytes`
  return shown(hasCredentials ? withoutCredentials(value) : value)
}

/** Addresses, or what was meant as some, without what stands before the last @: a password may hold any separator. */
export function withoutCredentials (addresses: string): string {
  return addresses.replace(/^((?:[a-z0-9+]*:\/\/)?).*@/is, '$1***@')
}
