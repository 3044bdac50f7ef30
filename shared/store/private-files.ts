/**
 * The database holds people's mail: nobody but this process's user may read it, whatever modes the folder had. Folders become 0700,
 * files 0600. What belongs to somebody else (a mounted volume's root) cannot be changed: it is left as it is.
 */
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** `dir` and these folders in it, with their files. Those that are not there are passed over. */
export function keepPrivate (dir: string, folders: readonly string[]): void {
  restrict(dir, 0o700)
  for (const folder of folders) {
    const path = join(dir, folder)
    if (statSync(path, { throwIfNoEntry: false }) === undefined) continue
    restrict(path, 0o700)
    for (const name of readdirSync(path)) restrict(join(path, name), 0o600)
  }
}

function restrict (path: string, mode: number): void {
  if ((statSync(path).mode & 0o077) === 0) return
  try {
    chmodSync(path, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
}
