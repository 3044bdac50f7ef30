import { migrateSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const migrate: Command = {
  name: 'migrate',
  summary: 'carries an embedded store into MongoDB',
  about: [
    'Reads the data folder of a `gatepost up` that is stopped, and writes every message, mark, group and idempotency key of it into a MongoDB that holds no other store, sharded as a node would shard it. Sequence numbers and ids stay, so clients go on from where they are. The folder stays as it is.',
    'Ended in the middle, even by force, it goes on from there when it is started again. Until all has been carried and compared, document by document, no node serves that database.',
    'Progress goes to stderr: one line that is rewritten on a terminal, a plain line every ten seconds otherwise. The exit code is 0 when all is there, 2 for what was set wrongly, else 1.'
  ],
  schema: migrateSchema,
  examples: [
    { line: 'npx gatepost migrate --from ./data --to mongodb://mongos/gatepost --dry-run', does: 'says what there is to carry and whether it could be, and changes nothing' },
    { line: 'npx gatepost migrate --from ./data --to mongodb://mongos/gatepost', does: 'carries and compares it' },
    { line: 'GATEPOST_MONGODB_URL_FILE=/run/secrets/mongodb npx gatepost migrate --from /var/lib/gatepost', does: 'with a login that no command line shows' },
    { line: 'npx gatepost migrate --from ./data --to mongodb://mongos/gatepost --verify-only', does: 'compares again, before the first node has been started' }
  ],
  run: async (argv, terminal) => await (await import('./migrate/run-migrate.js')).runMigrate(argv, terminal)
}
