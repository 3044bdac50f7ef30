/** Questions to Gate, with the token. */
import { token } from './session.js'

export class Refusal extends Error {
  readonly code: string
  readonly status: number
  constructor (code: string, status: number, message: string) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** Gate did not answer at all. */
export const unreachable = 'UNREACHABLE'
const timeoutMs = 10_000

export interface Question { readonly method?: string, readonly body?: unknown, readonly headers?: Record<string, string> }

/** The answer's body. Rejects with a Refusal. */
export async function ask<A> (path: string, { method = 'GET', body, headers = {} }: Question = {}): Promise<A> {
  const signedInWith = token()
  // Signed out while a page was asking one thing after the other.
  if (signedInWith === null) throw new Refusal('GP_TOKEN_MISSING', 401, 'You are signed out.')
  return await send<A>(path, { method, body, headers: { authorization: `Bearer ${signedInWith}`, ...headers } })
}

/** A token for a link that signs in once. Rejects with a Refusal. */
export async function exchange (link: string): Promise<string> {
  return (await send<{ token: string }>('admin/sign-in', { method: 'POST', body: { link } })).token
}

async function send<A> (path: string, { method = 'GET', body, headers = {} }: Question): Promise<A> {
  let answer: Response
  try {
    answer = await fetch(path, {
      method,
      headers: { ...body !== undefined && { 'content-type': 'application/json' }, ...headers },
      ...body !== undefined && { body: JSON.stringify(body) },
      signal: AbortSignal.timeout(timeoutMs)
    })
  } catch {
    throw new Refusal(unreachable, 0, 'Gate does not answer.')
  }
  const content = await answer.json().catch(() => ({})) as { code?: string, message?: string }
  if (answer.ok) return content as A
  throw new Refusal(content.code ?? String(answer.status), answer.status, content.message ?? answer.statusText)
}

export const isSignedOut = (error: unknown): error is Refusal => error instanceof Refusal && (error.status === 401 || error.code === 'GP_SCOPE')

/** Why a link did not sign in, and what to do about it. */
export function explainLink (error: unknown): string {
  const next = 'Make another one where this Gate was started: npx gatepost admin-link'
  if (!(error instanceof Refusal)) return String(error)
  switch (error.code) {
    case 'GP_TOKEN_EXPIRED': return `This link was used already, or it is older than 15 minutes. A link signs in once. ${next}`
    case 'GP_TOKEN_INVALID': return `This link is not whole, or it was made with another secret. ${next}`
    case 'GP_OUTCOME_UNKNOWN': return `The node that was asked fell silent, and the link may count as used. ${next}`
    case 'GP_NO_NODE': return 'No node is healthy, so nobody can tell whether this link was used. A token signs in without one: npx gatepost token --sub me --scope admin'
    default: return explain(error)
  }
}

/** What to do about it, in a sentence or two. */
export function explain (error: unknown): string {
  if (!(error instanceof Refusal)) return String(error)
  const { code, message } = error
  switch (code) {
    case unreachable: return 'Gate does not answer. Is it running, and is this page still its own?'
    case 'GP_TOKEN_INVALID': return /signed|signature/.test(message)
      ? 'This token was made with another secret. Was it made in another folder, or for another cluster? Make one where this Gate was started, with its GATEPOST_SECRET or its data folder.'
      : `This token cannot be used: ${message}.`
    case 'GP_TOKEN_EXPIRED': return 'This token has ended. Make a new one; --ttl 12h makes one that lasts longer.'
    case 'GP_TOKEN_REVOKED': return 'This token was revoked. Make a new one.'
    case 'GP_SCOPE': return 'This token is good, but it is no admin\'s. Make one with --scope admin.'
    case 'GP_NO_NODE': return 'No node is healthy, so nobody could be asked. Start one, or put a drained one back.'
    case 'GP_DISPATCH_UNAVAILABLE': return `The nodes could not be asked (${message}). Try again in a moment.`
    default: return `${code}: ${message}`
  }
}
