import { tokenSchema } from '../../shared/platform/settings/catalogue.js'
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
  run: async (argv, terminal) => await (await import('./run-token.js')).runToken(argv, terminal)
}
