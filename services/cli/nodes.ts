import { nodesSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const nodes: Command = {
  name: 'nodes',
  summary: 'lists the nodes with their health',
  about: [
    'A table, or with --json a line of JSON for each: what GET /gate/nodes says.'
  ],
  schema: nodesSchema,
  examples: [
    { line: 'npx gatepost nodes', does: 'those of the Gate on this machine' },
    { line: 'GATEPOST_SECRET=... npx gatepost nodes --gate https://mail.example.com --json', does: 'of a site' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-nodes.js')).runNodes(argv, terminal)
}
