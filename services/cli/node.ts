import { nodeSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const node: Command = {
  name: 'node',
  summary: 'runs one Notifications node; needs NATS and MongoDB',
  about: [
    'A node stores messages, holds the sockets of its users and delivers to them. Start and stop as many as you like: they join and leave by themselves.',
    'An unreachable NATS or MongoDB is tried again until it answers; /readyz says what is missing. SIGTERM or SIGINT drains and ends with exit code 0; a second one ends at once, with 130.'
  ],
  schema: nodeSchema,
  examples: [
    { line: 'GATEPOST_SECRET=... npx gatepost node --nats-url nats://nats:4222 --mongodb-url mongodb://mongos/gatepost', does: 'a node on the first free port from 9101' },
    { line: 'npx gatepost node --host 0.0.0.0 --port 9101 --public-url https://mail.example.com/nodes/n1', does: 'a node behind a proxy, the rest from the environment' }
  ],
  run: async (argv, terminal) => await (await import('./run-node.js')).runNode(argv, terminal)
}
