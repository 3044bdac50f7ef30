/** A command of `gatepost` in this process: what a command says, and its exit code, without a process for each. */
import { runCommandLine } from '../../services/cli/command-line.js'
import { commands } from '../../services/cli/commands.js'
import type { Settings } from './deployment.js'

export interface CommandResult { readonly code: number, readonly out: string, readonly err: string }

/** For commands that end by themselves. The environment is `settings` alone. */
export async function runCommand (args: readonly string[], { cwd, settings = {} }: { cwd: string, settings?: Settings }): Promise<CommandResult> {
  let out = ''
  let err = ''
  const code = await runCommandLine(commands, args, { surroundings: { env: settings, cwd }, stdout: text => { out += text }, stderr: text => { err += text } })
  return { code, out, err }
}
