import { readAdminLinkSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { jsonLine, tokenFor } from './ask-gate.js'

export async function runAdminLink (argv: readonly string[], { surroundings, stdout }: Terminal): Promise<number> {
  const settings = readAdminLinkSettings(argv, surroundings)
  const { gate, sub, ttlMs, isJson } = settings
  const url = adminLink(gate, tokenFor(settings, { sub, scope: 'admin', ttlMs }))
  stdout(isJson ? jsonLine({ url, expiresAt: new Date(Date.now() + ttlMs).toISOString() }) : `${url}\n`)
  return 0
}

/** Behind the #: a browser sends that to no server. */
export const adminLink = (gate: string, token: string): string => `${gate}/gate/admin#token=${token}`
