/** Who sends and who reads: tokens that are signed here, or that a file has. */
import { readFileSync } from 'node:fs'
import { signToken } from '../../../shared/platform/identity/sign.js'
import { SettingsError } from '../../../shared/platform/settings/fault.js'
import type { BenchSettings } from '../../../shared/platform/settings/settings.js'

export interface Identities {
  readonly users: ReadonlyArray<{ readonly name: string, readonly token: string }>
  /** Undefined where none is needed. */
  readonly producer: string | undefined
  readonly group: string
}

/** Longer than any run: the longest sending, and connecting at one socket a second. */
const ttlMs = 48 * 3_600_000

export const needsProducer = ({ to, via }: Pick<BenchSettings, 'to' | 'via'>): boolean => via === 'batch' || to === 'all'

/** Names and a group of this run's own: what earlier runs have left in the store is not theirs. */
export function signIdentities (secret: string, run: string, { clients, to, via }: Pick<BenchSettings, 'clients' | 'to' | 'via'>): Identities {
  const group = `bench-${run}`
  const sign = (sub: string, scope: 'user' | 'producer'): string => signToken({ secret, sub, scopes: [scope], groups: to === 'group' && scope === 'user' ? [group] : [], ttlMs })
  return {
    users: Array.from({ length: clients }, (_, i) => ({ name: `bench-${run}-${i}`, token: sign(`bench-${run}-${i}`, 'user') })),
    producer: needsProducer({ to, via }) ? sign(`bench-${run}`, 'producer') : undefined,
    group
  }
}

/** Throws SettingsError where the file has not what is needed. */
export function readIdentities (file: string, { clients, to, via, group }: Pick<BenchSettings, 'clients' | 'to' | 'via' | 'group'>): Identities {
  const users = new Map<string, string>()
  let producer: string | undefined
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const token = line.trim()
    if (token === '') continue
    const { sub, scope } = claimsOf(token)
    if (sub === undefined) throw fault('a line that is no token', 'one token a line')
    const scopes = (scope ?? 'user').split(' ')
    if (scopes.includes('producer')) producer ??= token
    else if (scopes.includes('user')) users.set(sub, token)
  }
  if (users.size < clients) throw fault(`tokens of ${users.size} users`, `one for each of the ${clients} clients`)
  if (needsProducer({ to, via }) && producer === undefined) throw fault('no token of a producer', 'one, for batches and for messages to all')
  return { users: [...users].slice(0, clients).map(([name, token]) => ({ name, token })), producer, group }
}

const fault = (got: string, takes: string): SettingsError => new SettingsError([{ setting: '--tokens', origin: 'flag', got, takes }])

/** Not verified: the servers do that. */
function claimsOf (token: string): { sub?: string, scope?: string } {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub?: unknown, scope?: unknown }
    return { ...typeof claims.sub === 'string' && { sub: claims.sub }, ...typeof claims.scope === 'string' && { scope: claims.scope } }
  } catch {
    return {} // the caller names the fault
  }
}
