import { signToken } from '../../shared/platform/identity/sign.js'
import { tokenSchema } from '../../shared/platform/settings/catalogue.js'
import { readTokenSettings } from '../../shared/platform/settings/config.js'
import { formatDuration } from '../../shared/platform/settings/duration.js'
import { SettingsError } from '../../shared/platform/settings/fault.js'
import { readKeptSecret } from '../../shared/platform/settings/secret-file.js'
import { secretTakes } from '../../shared/platform/settings/secret-quality.js'
import type { Command } from './command.js'

export const token: Command = {
  name: 'token',
  summary: 'prints a token signed with GATEPOST_SECRET',
  about: [
    'The token is printed alone on stdout. Without GATEPOST_SECRET it is signed with the secret that `gatepost up` keeps in the data folder.',
    "Users' tokens are accepted where the site has no key of its own (GATEPOST_AUTH_SECRET, _PUBLIC_KEY, _JWKS_URL); those of producers and admins always. A user's token carries what GATEPOST_AUTH_AUDIENCE, _ISSUER and _TYP ask for."
  ],
  schema: tokenSchema,
  examples: [
    { line: 'npx gatepost token --sub me --scope admin', does: 'a token for the admin page' },
    { line: 'npx gatepost token --sub shop --scope producer --ttl 365d', does: 'a token for a backend, for a year' },
    { line: 'npx gatepost token --sub ann --groups staff,berlin', does: 'a token for a user, who is then in two groups' }
  ],
  run: async (argv, { surroundings, stdout }) => {
    const { secret: given, dataDir, sub, scopes, groups, ttlMs, rules } = readTokenSettings(argv, surroundings)
    const secret = given ?? readKeptSecret(dataDir)
    if (secret === undefined) {
      throw new SettingsError([{ setting: 'GATEPOST_SECRET', origin: undefined, got: `nothing, and \`gatepost up\` has kept none in ${dataDir}`, takes: secretTakes }])
    }
    if (scopes.includes('user') && ttlMs > (rules.maxLifeMs ?? Infinity)) {
      throw new SettingsError([{ setting: '--ttl', origin: undefined, got: formatDuration(ttlMs), takes: `at most ${formatDuration(rules.maxLifeMs!)} for a user (GATEPOST_AUTH_MAX_LIFE)` }])
    }
    stdout(signToken({ secret, sub, scopes, groups, ttlMs, rules }) + '\n')
    return 0
  }
}
