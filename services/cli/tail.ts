import { tailSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const tail: Command = {
  name: 'tail',
  summary: 'shows what a user\'s devices get, as it comes',
  about: [
    'Opens a socket as the user would, so the user counts as online. Each entry is printed as it comes, until SIGINT. Nothing is marked as read.',
    'The token is signed with GATEPOST_SECRET: not for a site whose users have tokens of a key of its own (GATEPOST_AUTH_SECRET, _PUBLIC_KEY, _JWKS_URL).'
  ],
  schema: tailSchema,
  examples: [
    { line: 'npx gatepost tail --sub bob', does: 'what Bob gets' },
    { line: 'npx gatepost tail --sub bob --topics ehr:api --json', does: 'with a topic, each as a line of JSON' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-tail.js')).runTail(argv, terminal)
}
