import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { formatSize } from '../../../shared/settings/size.js'
import { freeBytesAt } from '../../../shared/store/disk-room.js'
import { checkLmdbFile } from '../../../shared/store/lmdb-file.js'
import { DataDirLockedError, lockDataDir } from '../../../shared/store/lmdb-lock.js'
import type { DoctorSettings } from '../../../shared/settings/settings.js'
import { fail, ok, reasonOf, warn, type Finding } from './finding.js'

const lowSpaceBytes = 1024 ** 3

/** The embedded store's folder, without opening the store. */
export async function checkDataDir ({ dataDir: dir, diskReserveBytes }: DoctorSettings): Promise<Finding[]> {
  if (!existsSync(dir)) {
    const parent = firstExisting(dir)
    return isWritable(parent) ? [ok('data folder', `${dir} is made at the first start`)] : [fail('data folder', `${dir} is missing and ${parent} is not writable`, 'Choose another GATEPOST_DATA_DIR')]
  }
  if (!statSync(dir).isDirectory() || !isWritable(dir)) return [fail('data folder', `${dir} is no folder that this user may write to`, 'Choose another GATEPOST_DATA_DIR, or give this user the right')]
  return [await checkLock(dir), ...await checkFile(dir), checkSpace(dir, diskReserveBytes)]
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

/** Nothing is said of one that is whole: it may grow while it is looked at. */
async function checkFile (dir: string): Promise<Finding[]> {
  try {
    await checkLmdbFile(join(dir, 'store', 'data.mdb'))
    return []
  } catch (error) {
    return [fail('data file', reasonOf(error), 'Until then `gatepost up` does not start')]
  }
}

function checkSpace (dir: string, reserveBytes: number): Finding {
  const bytes = freeBytesAt(dir)
  const text = `${Math.floor(bytes / 1024 ** 2)} MiB free`
  if (bytes < reserveBytes) return fail('disk', text, `Make room: nothing is stored with less than ${formatSize(reserveBytes)} (GATEPOST_DISK_RESERVE)`)
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
