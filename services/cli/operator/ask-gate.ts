/** One request to a running Gate, as an operator. */
import { GatepostError } from '../../../shared/contract/errors.js'
import { signToken } from '../../../shared/platform/identity/sign.js'
import { SettingsError } from '../../../shared/platform/settings/fault.js'
import type { OperatorSettings } from '../../../shared/platform/settings/operator-config.js'
import type { TokenRules, TokenScope } from '../../../shared/platform/settings/settings.js'
import type { Terminal } from '../command.js'
import { reasonOf } from '../doctor/finding.js'
import { ownSecret } from '../own-secret.js'

export interface Signer { readonly sub: string, readonly scope: TokenScope, readonly ttlMs?: number, readonly groups?: readonly string[], readonly rules?: TokenRules }

const askingMs = 60_000
const answerWithinMs = 60_000

/** For as long as one question takes, where nothing else is asked for. */
export const tokenFor = (settings: OperatorSettings, { sub, scope, ttlMs = askingMs, groups = [], rules }: Signer): string =>
  signToken({ secret: ownSecret(settings), sub, scopes: [scope], groups, ttlMs, rules })

/** What Gate said no with, in the words of its answer. */
export class Refusal extends Error {}

export interface GateRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The parsed answer. Throws SettingsError where no Gate answers, Refusal where it refuses. */
export async function askGate (settings: Pick<OperatorSettings, 'gate'>, token: string, { method = 'GET', path, body, headers }: GateRequest): Promise<unknown> {
  let response: Response, text: string
  try {
    response = await fetch(`${settings.gate}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...body !== undefined && { 'content-type': 'application/json' }, ...headers },
      ...body !== undefined && { body: JSON.stringify(body) },
      signal: AbortSignal.timeout(answerWithinMs)
    })
    text = await response.text()
  } catch (error) {
    throw noGate(settings.gate, `where nothing answers (${reasonOf(error)})`)
  }
  let answer: unknown
  try { answer = text === '' ? undefined : JSON.parse(text) } catch { throw noGate(settings.gate, `which is no Gate: it answered ${response.status}`) }
  if (response.ok) return answer
  const { code, message } = Object(answer) as { code?: unknown, message?: unknown }
  if (typeof code !== 'string') throw noGate(settings.gate, `which is no Gate: it answered ${response.status}`)
  throw new Refusal(`${response.status} ${code}: ${String(message)}`)
}

const noGate = (gate: string, what: string): SettingsError => new SettingsError([{ setting: '--gate', origin: undefined, got: `${gate}, ${what}`, takes: 'the address of a running Gate' }])

/** Runs one command: exit code 0, or 1 with a line that says what was refused. */
export async function operate (name: string, { stderr }: Pick<Terminal, 'stderr'>, work: () => Promise<void>): Promise<number> {
  try {
    await work()
    return 0
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof GatepostError)) throw error
    stderr(`${name}: ${error.message}\n`)
    return 1
  }
}

export const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`
/** What others wrote may hold characters that steer a terminal. */
export const plain = (text: unknown): string => String(text).replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
