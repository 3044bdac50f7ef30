/** The vouched time of an embedded store, with its file beside the database: `clock.json`. */
import { open, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createVouchedTime, type VouchedState, type VouchedTime } from './vouched-time.js'

export interface LmdbClock extends VouchedTime {
  /** Durable when it resolves. Rejects where the disk takes nothing. */
  write: () => Promise<void>
}

interface LmdbClockOptions {
  /** The data folder. */
  readonly dir: string
  /** The database in it, which may not be there yet. */
  readonly dataFile: string
  readonly now: () => number
  readonly elapsed: () => number
}

export async function openLmdbClock ({ dir, dataFile, now, elapsed }: LmdbClockOptions): Promise<LmdbClock> {
  const path = join(dir, 'clock.json')
  const stored = await readState(path) ?? { timeMs: await lastWrittenMs(dataFile) ?? now() }
  const vouched = createVouchedTime({ now, elapsed, stored })
  return {
    ...vouched,
    write: async () => {
      const draft = `${path}.new`
      const file = await open(draft, 'w', 0o600)
      try {
        await file.writeFile(JSON.stringify(vouched.state()) + '\n')
        await file.sync()
      } finally { await file.close() }
      await rename(draft, path)
    }
  }
}

/** Undefined where there is none, or none that makes sense. */
async function readState (path: string): Promise<VouchedState | undefined> {
  try {
    const state = JSON.parse(await readFile(path, 'utf8')) as Partial<VouchedState> | null
    const { timeMs, off } = state ?? {}
    if (typeof timeMs !== 'number') return undefined
    const isWhole = off !== undefined && [off.ranMs, off.leastMs, off.mostMs].every(Number.isFinite)
    return { timeMs, off: isWhole ? off : undefined }
  } catch { return undefined }
}

/** A store of before there was such a file: nothing was done to it since. */
async function lastWrittenMs (path: string): Promise<number | undefined> {
  try {
    const { mtimeMs, size } = await stat(path)
    return size === 0 ? undefined : mtimeMs
  } catch { return undefined }
}
