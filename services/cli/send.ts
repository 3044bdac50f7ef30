import { sendSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const send: Command = {
  name: 'send',
  summary: 'sends a message as a producer',
  about: [
    'It is a system message, as POST /gate/messages takes it. Prints its id once it is stored.'
  ],
  schema: sendSchema,
  examples: [
    { line: 'npx gatepost send --to user:bob --title \'Your parcel is on its way\' --category orders', does: 'to one user' },
    { line: 'npx gatepost send --to all --title \'Back at noon\' --ttl 1d --json', does: 'to everybody, for a day; prints what Gate answered' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-send.js')).runSend(argv, terminal)
}
