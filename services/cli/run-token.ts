import { signToken } from '../../shared/platform/identity/sign.js'
import { readTokenSettings } from '../../shared/platform/settings/config.js'
import { formatDuration } from '../../shared/platform/settings/duration.js'
import { SettingsError } from '../../shared/platform/settings/fault.js'
import type { Terminal } from './command.js'
import { ownSecret } from './own-secret.js'

export async function runToken (argv: readonly string[], { surroundings, stdout }: Terminal): Promise<number> {
  const settings = readTokenSettings(argv, surroundings)
  const { sub, scopes, groups, ttlMs, rules } = settings
  const secret = ownSecret(settings)
  if (scopes.includes('user') && ttlMs > (rules.maxLifeMs ?? Infinity)) {
    throw new SettingsError([{ setting: '--ttl', origin: undefined, got: formatDuration(ttlMs), takes: `at most ${formatDuration(rules.maxLifeMs!)} for a user (GATEPOST_AUTH_MAX_LIFE)` }])
  }
  stdout(signToken({ secret, sub, scopes, groups, ttlMs, rules }) + '\n')
  return 0
}
