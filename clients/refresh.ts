import { asGatepostError, type GatepostError } from './errors.js'
import { createBackoff } from './backoff.js'
import type { Link } from './link.js'
import { pause } from './pause.js'
import { refreshDelayMs, type Tokens } from './tokens.js'

export interface RefreshOptions {
  link: Link
  tokens: Tokens
  onError: (error: GatepostError) => void
  retryBaseMs: number
}

/** As long as the link is open: gives its node the next user token before the one it knows expires. */
export async function keepRefreshed ({ link, tokens, onError, retryBaseMs }: RefreshOptions): Promise<void> {
  const over = new AbortController()
  void link.ended.then(() => over.abort())
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let token = link.given.token
  while (tokens.isRenewable && link.isOpen) {
    const delayMs = refreshDelayMs(token)
    if (delayMs === undefined) return
    const dueMs = Date.now() + delayMs
    // A timer is bounded to 24 days; a token may live longer.
    while (Date.now() < dueMs && link.isOpen) await pause(dueMs - Date.now(), over.signal)
    if (!link.isOpen) return
    try {
      const next = await tokens.renew(token)
      await link.request('refresh', { token: next })
      token = next
      backoff.reset()
    } catch (error) {
      if (!link.isOpen) return
      onError(asGatepostError(error))
      await pause(backoff.next(asGatepostError(error).retryAfterMs), over.signal)
    }
  }
}
