import { gateSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const gate: Command = {
  name: 'gate',
  summary: 'runs one Gate; needs NATS',
  about: [
    'A Gate checks users, assigns each one a node and takes system messages. It stores nothing itself; run as many as you like.',
    'An unreachable NATS is tried again until it answers; /readyz says what is missing. SIGTERM or SIGINT ends it with exit code 0; a second one at once, with 130.'
  ],
  schema: gateSchema,
  examples: [
    { line: 'GATEPOST_SECRET=... npx gatepost gate --nats-url nats://nats:4222', does: 'a Gate on 127.0.0.1:8080' },
    { line: 'npx gatepost gate --host 0.0.0.0 --port 80', does: 'everything else from the environment or .env' }
  ],
  run: async (argv, terminal) => await (await import('./run-gate.js')).runGate(argv, terminal)
}
