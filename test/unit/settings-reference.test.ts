import { readFileSync } from 'node:fs'
import t from 'tap'
import { commands } from '../../services/cli/commands.js'
import { environmentNames } from '../../shared/platform/settings/catalogue.js'
import { renderConfiguration, renderHelp, renderOverview } from '../../shared/platform/settings/reference.js'
import { fileFormOf, flagOf, infoOf, mayBeFile } from '../../shared/platform/settings/setting.js'

t.test('reference - docs/configuration.md is what `npm run docs` writes', async t => {
  const written = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  t.equal(written, renderConfiguration(commands), 'run `npm run docs`')
})

t.test('reference - every setting of every command is in both helps, with its flag', async t => {
  const overview = renderOverview(commands)
  for (const command of commands) {
    const help = renderHelp(command)
    for (const name of Object.keys(command.schema.properties)) {
      if (mayBeFile(name, infoOf(command.schema.properties[name]!))) t.match(help, `${fileFormOf(name)} (${flagOf(fileFormOf(name))})`)
      for (const text of [overview, help]) t.match(text, new RegExp(`${flagOf(name)} \\S+ .*${name.startsWith('--') ? '' : name}`), `${command.name} ${name}`)
    }
    for (const { line } of command.examples) t.match(help, line)
    t.ok(help.split('\n').every(line => line.length <= 110), `${command.name}: lines of a readable width`)
  }
})

t.test('reference - every setting that the environment may hold is one of some command', async t => {
  const taken = new Set(commands.flatMap(command => Object.entries(command.schema.properties).flatMap(([name, property]) => mayBeFile(name, infoOf(property)) ? [name, fileFormOf(name)] : [name])))
  for (const name of environmentNames) t.ok(taken.has(name), name)
})
