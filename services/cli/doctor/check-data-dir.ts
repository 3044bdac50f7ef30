import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DataDirLockedError, lockDataDir } from '../../../shared/store/lmdb-lock.js'
import { fail, ok, reasonOf, warn, type Finding } from './finding.js'

const lowSpaceBytes = 1024 ** 3
const noSpaceBytes = 64 * 1024 ** 2

/** The embedded store's folder, without opening the store. */
export async function checkDataDir (dir: string): Promise<Finding[]> {
  if (!existsSync(dir)) {
    const parent = firstExisting(dir)
    return isWritable(parent) ? [ok('data folder', `${dir} is made at the first start`)] : [fail('data folder', `${dir} is missing and ${parent} is not writable`, 'Choose another GATEPOST_DATA_DIR')]
  }
  if (!statSync(dir).isDirectory() || !isWritable(dir)) return [fail('data folder', `${dir} is no folder that this user may write to`, 'Choose another GATEPOST_DATA_DIR, or give this user the right')]
  return [await checkLock(dir), checkSpace(dir)]
}

async function checkLock (dir: string): Promise<Finding> {
  // Taking the lock makes its file: where there is none yet, nobody has it.
  if (!existsSync(join(dir, 'lock'))) return ok('data folder', `${dir} is free`)
  try {
    await (await lockDataDir(dir)).release()
    return ok('data folder', `${dir} is free`)
  } catch (error) {
    if (error instanceof DataDirLockedError) return ok('data folder', `${dir} is in use by process ${error.pid}`)
    return fail('data folder', `${dir}: ${reasonOf(error)}`, 'Check the rights of the files in it')
  }
}

function checkSpace (dir: string): Finding {
  const { bavail, bsize } = statfsSync(dir)
  const bytes = bavail * bsize
  const text = `${Math.round(bytes / 1024 ** 2)} MiB free`
  if (bytes < noSpaceBytes) return fail('disk', text, 'Make room: nothing can be stored when the disk is full')
  return bytes < lowSpaceBytes ? warn('disk', text, 'Make room before it is full') : ok('disk', text)
}

function firstExisting (path: string): string {
  return existsSync(path) ? path : firstExisting(dirname(path))
}

function isWritable (path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false // said by the caller
  }
}
