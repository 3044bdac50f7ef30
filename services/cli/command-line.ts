/** From the words of a command line to an exit code. 0 = done, 1 = failed, 2 = something was set or typed wrongly. */
import { faultLine, SettingsError } from '../../shared/platform/settings/fault.js'
import { nearest } from '../../shared/platform/settings/nearest.js'
import { renderHelp, renderOverview } from '../../shared/platform/settings/reference.js'
import { shown } from '../../shared/contract/errors.js'
import type { Command, Terminal } from './command.js'
import { version } from './version.js'

export async function runCommandLine (commands: readonly Command[], argv: readonly string[], terminal: Terminal): Promise<number> {
  const [word, ...rest] = argv
  if (word === 'help' && rest.length === 1 && rest[0]?.startsWith('-') === false) return await runCommandLine(commands, [...rest, '--help'], terminal)
  if (word === undefined || word === 'help' || word === '--help' || word === '-h') {
    terminal.stdout(renderOverview(commands))
    return 0
  }
  if (word === 'version' || word === '--version' || word === '-v') {
    terminal.stdout(`${version}\n`)
    return 0
  }
  const command = commands.find(({ name }) => name === word)
  if (command === undefined) {
    terminal.stderr(`${refusal(word, commands)}\n`)
    return 2
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.stdout(renderHelp(command))
    return 0
  }
  try {
    return await command.run(rest, terminal)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    terminal.stderr(error.faults.map(fault => `${faultLine(fault)}\n`).join(''))
    return 2
  }
}

function refusal (word: string, commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name)
  const meant = nearest(word, names)
  return `command: got ${shown(word)}; takes ${names.join(', ')}${meant === undefined ? '' : ` (${meant}?)`}; see gatepost --help`
}
