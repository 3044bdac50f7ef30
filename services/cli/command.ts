import type { CommandReference } from '../../shared/platform/settings/reference.js'
import type { Surroundings } from '../../shared/platform/settings/sources.js'

/** What a command may touch of the process. */
export interface Terminal {
  readonly surroundings: Surroundings
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Somebody reads stdout and stderr as they come. */
  readonly isTerminal?: boolean
}

export interface Command extends CommandReference {
  /** The exit code. Throws SettingsError for what was set wrongly: exit code 2. */
  readonly run: (argv: readonly string[], terminal: Terminal) => Promise<number>
}
