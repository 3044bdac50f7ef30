import { accessSync, constants, existsSync, lstatSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { formatSize } from '../../../shared/platform/settings/size.js'
import { freeBytesAt } from '../../../shared/store/disk-room.js'
import { checkLmdbFile } from '../../../shared/store/lmdb-file.js'
import { DataDirLockedError, lockDataDir } from '../../../shared/store/lmdb-lock.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { fail, ok, reasonOf, warn, type Finding } from './finding.js'

const lowSpaceBytes = 1024 ** 3
const maxAheadSeconds = 5
const dataFile = (dir: string): string => join(dir, 'store', 'data.mdb')

/** The embedded store's folder, without opening the store. */
export async function checkDataDir ({ dataDir: dir, diskReserveBytes }: DoctorSettings): Promise<Finding[]> {
  const folder = firstExisting(dir)
  const flaw = flawOfFolder(folder)
  if (folder !== dir) {
    if (flaw !== undefined) return [fail('data folder', `${dir} cannot be made: ${folder} ${flaw}`, 'Choose another GATEPOST_DATA_DIR')]
    return [ok('data folder', `${dir} is made at the first start`), checkSpace(folder, diskReserveBytes), checkClock(dir, Date.now())]
  }
  if (flaw !== undefined) return [fail('data folder', `${dir} ${flaw}`, 'Choose another GATEPOST_DATA_DIR, or give this user the right')]
  return [await checkLock(dir), ...await checkFile(dir), checkSpace(dir, diskReserveBytes), checkClock(dir, Date.now())]
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
    await checkLmdbFile(dataFile(dir))
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

/** What was written in a time to come shows that this clock is behind, or was ahead. */
function checkClock (dir: string, nowMs: number): Finding {
  const writtenAtMs = statSync(dataFile(dir), { throwIfNoEntry: false })?.mtimeMs ?? -Infinity
  const text = 'the embedded store goes by this machine\'s clock'
  const aheadSeconds = Math.round((writtenAtMs - nowMs) / 1000)
  return aheadSeconds > maxAheadSeconds ? warn('clock', `${text}, and was last written ${aheadSeconds} s from now: the clock is behind, or was ahead`, 'Let it be set by NTP') : ok('clock', text)
}

/** A link counts as there, wherever it leads. */
function firstExisting (path: string): string {
  try {
    lstatSync(path)
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return (code === 'ENOENT' || code === 'ENOTDIR') && dirname(path) !== path ? firstExisting(dirname(path)) : path
  }
}

/** Why nothing can be kept in it; undefined where it can. */
function flawOfFolder (path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return 'is no folder'
    accessSync(path, constants.W_OK | constants.X_OK)
    // What the kernel only shows as files: /proc, /sys.
    return statfsSync(path).blocks === 0 ? 'keeps no files' : undefined
  } catch (error) {
    return `is no folder that this user may write to (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`
  }
}
