import { userSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const user: Command = {
  name: 'user',
  summary: 'shows where a user is connected; disconnects or revokes',
  about: [
    'Prints whether the user is online, with how many sockets, on which nodes. With --revoke every token issued until now is refused, on all Gates and nodes within 2 s; new ones are taken.'
  ],
  schema: userSchema,
  examples: [
    { line: 'npx gatepost user --sub ann', does: 'where Ann is' },
    { line: 'npx gatepost user --sub ann --revoke', does: 'ends all that Ann has' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-user.js')).runUser(argv, terminal)
}
