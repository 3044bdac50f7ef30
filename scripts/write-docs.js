// Writes docs/configuration.md out of the schemas of the commands (`npm run docs`). A test holds it current.
import { writeFileSync } from 'node:fs'
import { commands } from '../dist/services/cli/commands.js'
import { renderConfiguration } from '../dist/shared/platform/settings/reference.js'

writeFileSync(new URL('../docs/configuration.md', import.meta.url), renderConfiguration(commands))
