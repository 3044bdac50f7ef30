/**
 * The room on the file system of the data folder, looked at before it is used. LMDB must never meet a full disk: a write that fails
 * for want of room may end the whole process. So writing is refused while less than the reserve is free, and a transaction is only
 * begun where all that it could need is there.
 *
 *   open → full (less than the reserve is free) → open (there is room again, and a little more)
 *   open → failed (a commit failed all the same: a quota, a limit) → open, tried again after a while
 *
 * LMDB copies each page that it changes, so even a small write needs some. It reuses the pages of its file that hold nothing any more:
 * where there are as many of these as the reserve, what is free on the disk may be less.
 */
import { statfsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

const MiB = 1024 ** 2
export const defaultReserveBytes = 64 * MiB

/** What a write may need at most. */
export interface WriteNeed {
  /** Documents that it may put or remove. */
  readonly docs: number
  /** Bytes of their values. */
  readonly bytes: number
  /** It only removes, and may use the reserve: pages become free by it. */
  readonly isPurge?: boolean
}

/** The data file, in bytes. */
export interface FileUse { readonly used: number, readonly reusable: number }

export interface DiskRoom {
  /** Begins a transaction: measures where that is due. Undefined where there is nothing to wait for. */
  begin: () => Promise<void> | undefined
  /** Sets room aside for one write of the transaction; false where there is not enough. */
  take: (need: WriteNeed) => boolean
  /** How the transaction ended. */
  ended: (error: unknown) => void
  /** Why writing is refused, for whoever asked; undefined where it is not. */
  refusal: () => string | undefined
  readonly freeBytes: number
  readonly reserveBytes: number
  close: () => void
}

export interface DiskRoomOptions {
  readonly dir: string
  readonly reserveBytes: number
  readonly fileUse: () => FileUse
  readonly log?: { error: (fields: object, text: string) => void, info: (fields: object, text: string) => void } | undefined
  readonly measure?: (dir: string) => Promise<number>
}

const watchEachMs = 1_000
/** A figure older than this is measured again. */
const staleMs = 100
/** With so much beyond the reserve no single transaction matters. */
const plentyBytes = 256 * MiB
const maxTransactionBytes = 128 * MiB
/** For what others write between the look and the write. */
const marginOf = (reserveBytes: number): number => Math.min(16 * MiB, Math.max(MiB, reserveBytes / 4))
const pageBytes = 4096
/** For each document: its leaf and the branches above it, copied, in its table and in the one of purges. */
const pagesPerDoc = 4
const docOverheadBytes = 512
const retryFailedMs = 5_000

/** What is free for this user. */
async function measureFree (dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}

/** What these documents may need on the disk; more, where it is not known how the file is used. */
function requiredBytes ({ docs, bytes }: WriteNeed, use?: FileUse): number {
  const values = bytes + docs * docOverheadBytes
  const pages = docs * pagesPerDoc * pageBytes
  // No more pages can be copied than there are.
  return values + (use === undefined ? pages : Math.max(0, Math.min(pages, use.used + 2 * values) - use.reusable / 2))
}

export async function openDiskRoom ({ dir, reserveBytes, fileUse, log, measure = measureFree }: DiskRoomOptions): Promise<DiskRoom> {
  const margin = marginOf(reserveBytes)
  /** As measured, less what has been set aside since. */
  let freeBytes = Infinity
  let measuredAtMs = -Infinity
  let takenBytes = 0
  let state: 'open' | 'full' | 'failed' = 'open'
  let failedAtMs = 0

  /** Pages of the file may stand for room on the disk, if there is some for what does not fit into them. */
  const hasRoom = (wantedBytes: number): boolean => freeBytes >= wantedBytes || (freeBytes >= 2 * margin && fileUse().reusable >= wantedBytes)

  function judge (): void {
    const figures = { dir, freeMiB: Math.floor(freeBytes / MiB), reserveMiB: Math.ceil(reserveBytes / MiB) }
    if (state === 'open' && !hasRoom(reserveBytes)) {
      state = 'full'
      log?.error({ event: 'disk-full', ...figures }, `only ${figures.freeMiB} MiB are free where ${dir} lies, and ${figures.reserveMiB} MiB are wanted (GATEPOST_DISK_RESERVE): writing is refused until there is room, reading goes on. Make room`)
    } else if (state === 'full' && hasRoom(reserveBytes + Math.min(8 * MiB, reserveBytes / 8))) {
      state = 'open'
      log?.info({ event: 'disk-room', ...figures }, 'there is room on the disk again: writing goes on')
    }
  }

  async function look (): Promise<void> {
    try {
      freeBytes = await measure(dir)
      measuredAtMs = performance.now()
      judge()
    } catch { /* the figure before holds on; that the folder is gone is for reads and writes to say */ }
  }

  const fits = (required: number): boolean => required <= freeBytes - margin && (takenBytes === 0 || takenBytes + required <= maxTransactionBytes)

  await look()
  const timer = setInterval(() => { void look() }, watchEachMs).unref()

  return {
    begin: () => {
      takenBytes = 0
      return freeBytes < reserveBytes + plentyBytes || performance.now() - measuredAtMs > staleMs ? look() : undefined
    },
    take: need => {
      if (state === 'failed' && performance.now() - failedAtMs < retryFailedMs) return false
      if (state === 'full' && need.isPurge !== true) return false
      // The file is looked at where it matters only: its counts cost 30 µs.
      const most = requiredBytes(need)
      const required = fits(most) ? most : requiredBytes(need, fileUse())
      if (!fits(required)) return false
      takenBytes += required
      freeBytes -= required
      return true
    },
    ended: error => {
      if (error === undefined) {
        if (state !== 'failed') return
        state = 'open'
        log?.info({ event: 'writes-again', dir }, 'the data folder can be written again')
        return
      }
      if (state !== 'failed') log?.error({ event: 'write-failed', dir, err: error }, `a write to ${dir} failed though its file system has room: look for quotas and limits; it is tried again every ${retryFailedMs / 1000} s, reading goes on`)
      state = 'failed'
      failedAtMs = performance.now()
    },
    refusal: () => {
      if (state === 'full') return 'the disk of the store is nearly full, so nothing is stored until there is room'
      return state === 'failed' && performance.now() - failedAtMs < retryFailedMs ? 'the store could not be written' : undefined
    },
    get freeBytes () { return freeBytes },
    reserveBytes,
    close: () => { clearInterval(timer) }
  }
}

/** The start is refused: there is no room for the files that LMDB maps before it writes anything. */
export class NoDiskRoomError extends Error {
  constructor (readonly dir: string, readonly freeBytes: number, readonly wantedBytes: number) {
    super(`the file system of ${dir} has ${freeBytes} bytes free; ${wantedBytes} are wanted to open a store`)
    this.name = 'NoDiskRoomError'
  }
}

const leastToOpenBytes = MiB

/** To be called before anything is made in the folder, which may not be there yet. Throws NoDiskRoomError. */
export function checkRoomToOpen (dir: string): void {
  const freeBytes = freeBytesAt(dir)
  if (freeBytes < leastToOpenBytes) throw new NoDiskRoomError(dir, freeBytes, leastToOpenBytes)
}

/** Of the folder, or of the one that it will be made in. */
export function freeBytesAt (dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir)
    return bavail * bsize
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(dir) === dir) throw error
    return freeBytesAt(dirname(dir))
  }
}
