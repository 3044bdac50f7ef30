import { accessSync, constants, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { SettingsError } from './fault.js'

/** Makes the data folder, for this user only, where it is missing. Throws SettingsError where nothing can be written. */
export function makeDataDir (dir: string): void {
  try {
    makeWithParents(dir)
    // With the slash a file is no folder (ENOTDIR).
    accessSync(`${dir}/`, constants.W_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new SettingsError([{ setting: 'GATEPOST_DATA_DIR', origin: undefined, got: `${JSON.stringify(dir)}, where nothing can be written (${code})`, takes: 'a folder that this user may write to' }])
  }
}

/** Not mkdir's own `recursive`: in a file system that answers ENOENT below an existing folder (/proc), Node 20 never returns from it. */
function makeWithParents (dir: string): void {
  const make = (): void => {
    try {
      mkdirSync(dir, { mode: 0o700 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  try {
    make()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(dir) === dir) throw error
    makeWithParents(dirname(dir))
    make()
  }
}
