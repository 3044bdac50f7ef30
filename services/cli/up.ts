import { upSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const up: Command = {
  name: 'up',
  summary: 'runs a Gate and its nodes, in one process or several; needs nothing else',
  about: [
    'Without GATEPOST_MONGODB_URL messages are kept in the data folder, which one `up` at a time may use; without GATEPOST_NATS_URL dispatch stays within the machine. All of it is one port, with the nodes at paths of their own. A secret that is not set is made once and kept in the data folder.',
    'Prints the addresses of the demo inbox and of the admin page. SIGTERM or SIGINT drains and ends with exit code 0; a second one ends at once, with 130.'
  ],
  schema: upSchema,
  examples: [
    { line: 'npm start', does: 'in a checkout: a Gate on port 8080 and two nodes, with the demo' },
    { line: 'npx gatepost up --nodes 4 --port 9000', does: 'four nodes, all on port 9000' },
    { line: 'npx gatepost up --processes 1', does: 'all of it in one process, which takes least memory' },
    { line: 'GATEPOST_RETENTION=90d npx gatepost up --data-dir /var/lib/gatepost', does: 'keeps messages for 90 days, in another folder' }
  ],
  run: async (argv, terminal) => await (await import('./run-up.js')).runUp(argv, terminal)
}
