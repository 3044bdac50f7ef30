/** Looks at a data file before LMDB does: LMDB ends the whole process over a file that is not its own. */
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

const magic = 0xbeefc0de
/** Behind the page's header, whose size differs between builds of LMDB. */
const magicOffsets = [16, 24]
/** Two pages that describe the rest, of 4 KiB at least. */
const smallestBytes = 8192
const secondLookMs = 100

/** Rejects where the file is there, is not empty, and is no LMDB file. */
export async function checkLmdbFile (path: string): Promise<void> {
  if (await mayBeLmdb(path)) return
  // Another process may be making it at this moment.
  await pause(secondLookMs)
  if (await mayBeLmdb(path)) return
  throw new Error(`${path} is damaged or no data file of Gatepost; put a backup in its place, or move it away to start anew`)
}

async function mayBeLmdb (path: string): Promise<boolean> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(smallestBytes), 0, smallestBytes, 0)
    if (bytesRead === 0) return true
    return bytesRead === smallestBytes && magicOffsets.some(at => buffer.readUInt32LE(at) === magic || buffer.readUInt32BE(at) === magic)
  } finally { await file.close() }
}
