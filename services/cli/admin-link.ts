import { adminLinkSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const adminLink: Command = {
  name: 'admin-link',
  summary: 'prints a link to the admin page that signs in',
  about: [
    'The token stands behind the #, so that no server or proxy sees it. Whoever has the link is an admin until it ends: open it, do not send it.'
  ],
  schema: adminLinkSchema,
  examples: [
    { line: 'npx gatepost admin-link', does: 'for a quarter of an hour' },
    { line: 'GATEPOST_SECRET=... npx gatepost admin-link --gate https://mail.example.com', does: 'of a site' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-admin-link.js')).runAdminLink(argv, terminal)
}
