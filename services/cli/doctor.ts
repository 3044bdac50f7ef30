import { doctorSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const doctor: Command = {
  name: 'doctor',
  summary: 'checks the settings, ports, NATS, MongoDB or the data folder, and the clocks',
  about: [
    'Prints a line for each check: `ok`, `warn` (it works, but not as it should) or `FAIL`, and what to do. The exit code is 1 where one fails, else 0.',
    'It takes the settings of all commands, and changes nothing. Where NATS is set and MongoDB is not they are taken for a Gate\'s.'
  ],
  schema: doctorSchema,
  examples: [
    { line: 'npx gatepost doctor', does: 'checks what the environment and .env say' },
    { line: 'npx gatepost doctor --mongodb-url mongodb://mongos/gatepost', does: 'checks another MongoDB' }
  ],
  run: async (argv, terminal) => await (await import('./doctor/run-doctor.js')).runDoctor(argv, terminal)
}
