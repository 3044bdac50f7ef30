import { signLink } from '../../../shared/platform/identity/link.js'
import { readAdminLinkSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { ownSecret } from '../own-secret.js'
import { jsonLine } from './ask-gate.js'

export async function runAdminLink (argv: readonly string[], { surroundings, stdout }: Terminal): Promise<number> {
  const settings = readAdminLinkSettings(argv, surroundings)
  const { gate, sub, ttlMs, isJson } = settings
  const { url, expiresAt } = adminLink(gate, ownSecret(settings), sub, ttlMs)
  stdout(isJson ? jsonLine({ url, expiresAt: new Date(expiresAt).toISOString() }) : `${url}\n`)
  return 0
}

/** Behind the #: a browser sends that to no server. `expiresAt`: until when it must be opened, ms since 1970. */
export function adminLink (gate: string, secret: string, sub: string, sessionMs: number): { url: string, expiresAt: number } {
  const { link, expiresAt } = signLink({ secret, sub, sessionMs })
  return { url: `${gate}/gate/admin#link=${link}`, expiresAt }
}
