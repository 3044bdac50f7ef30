import { adminLinkSchema } from '../../shared/platform/settings/operator-catalogue.js'
import type { Command } from './command.js'

export const adminLink: Command = {
  name: 'admin-link',
  summary: 'prints a link to the admin page that signs in, once',
  about: [
    'Whoever opens it first, within 15 minutes, is an admin for an hour; a second time it signs nobody in. What signs in stands behind the #, so that no server or proxy sees it.'
  ],
  schema: adminLinkSchema,
  examples: [
    { line: 'npx gatepost admin-link', does: 'of this machine' },
    { line: 'GATEPOST_SECRET=... npx gatepost admin-link --gate https://mail.example.com', does: 'of a site' }
  ],
  run: async (argv, terminal) => await (await import('./operator/run-admin-link.js')).runAdminLink(argv, terminal)
}
