import { surroundingsOfProcess } from '../../shared/platform/settings/sources.js'
import { runCommandLine } from './command-line.js'
import { commands } from './commands.js'

// Whoever reads the output may stop reading (`gatepost --help | head -1`).
process.stdout.on('error', error => { if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error })

process.exit(await runCommandLine(commands, process.argv.slice(2), {
  surroundings: surroundingsOfProcess(),
  stdout: text => { process.stdout.write(text) },
  stderr: text => { process.stderr.write(text) },
  isTerminal: process.stdout.isTTY && process.stderr.isTTY
}))
