import { drainSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const drain: Command = {
  name: 'drain',
  summary: 'takes a node off the ring and hands its sockets over',
  about: [
    'The node gets no new users, and its sockets go to other nodes within its GATEPOST_DRAIN. It goes on running until it is stopped or put back.'
  ],
  schema: drainSchema,
  examples: [
    { line: 'npx gatepost drain --node n1 --wait', does: 'drains n1 and ends when it has no sockets left' },
    { line: 'npx gatepost drain --node n1 --undo', does: 'puts it back' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-drain.js')).runDrain(argv, terminal)
}
