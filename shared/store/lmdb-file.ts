/** Looks at a data file before LMDB does: LMDB ends the whole process over a file that is not its own, or that lacks its end. */
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

/** There is a file, and it cannot be used: the CLI ends with exit code 2. */
export class DamagedFileError extends Error {
  constructor (readonly path: string) {
    super(`${path} is damaged or no data file of Gatepost; put a backup in its place, or move it away to start anew`)
    this.name = 'DamagedFileError'
  }
}

const magic = 0xbeefc0de
/** Behind the page's header, whose size differs between builds of LMDB. */
const magicOffsets = [16, 24]
/** Two pages that describe the rest, of 4 KiB at least. */
const smallestBytes = 8192
const largestPageBytes = 65_536
/** Pages at the end that a transaction took and gave back are never written. */
const unwrittenBytes = 4 * 1024 ** 2
const secondLookMs = 100

/** False where there is none, or an empty one: a new store. Rejects with DamagedFileError. */
export async function checkLmdbFile (path: string): Promise<boolean> {
  let found = await look(path)
  if (found === 'damaged') {
    // Another process may be making it at this moment.
    await pause(secondLookMs)
    found = await look(path)
  }
  if (found === 'damaged') throw new DamagedFileError(path)
  return found === 'whole'
}

async function look (path: string): Promise<'none' | 'whole' | 'damaged'> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
    throw error
  }
  try {
    const { size } = await file.stat()
    if (size === 0) return 'none'
    const { bytesRead, buffer } = await file.read(Buffer.alloc(smallestBytes + largestPageBytes), 0, smallestBytes + largestPageBytes, 0)
    return bytesRead >= smallestBytes && isWhole(buffer, size) ? 'whole' : 'damaged'
  } finally { await file.close() }
}

function isWhole (head: Buffer, size: number): boolean {
  const at = magicOffsets.find(offset => head.readUInt32LE(offset) === magic || head.readUInt32BE(offset) === magic)
  if (at === undefined) return false
  // Written on a machine of the other byte order: for LMDB to say.
  if (head.readUInt32LE(at) !== magic) return true
  const first = readMeta(head, at)
  if (first.pageSize < 256 || first.pageSize > largestPageBytes) return false
  const second = readMeta(head, at + first.pageSize)
  const last = second.transaction > first.transaction ? second : first
  const pages = Math.floor(size / last.pageSize)
  return last.roots.every(root => root < pages) && size + unwrittenBytes > (last.lastPage + 1) * last.pageSize
}

interface Meta { readonly pageSize: number, readonly roots: readonly number[], readonly lastPage: number, readonly transaction: bigint }

/** LMDB's MDB_meta: magic and version, address, size of the map, the trees of free pages and of names (48 bytes each), last page, transaction. */
function readMeta (head: Buffer, at: number): Meta {
  const number = (offset: number): number => Number(head.readBigUInt64LE(at + offset))
  const noTree = 2 ** 64
  const roots = [number(24 + 40), number(72 + 40)].filter(root => root < noTree)
  return { pageSize: head.readUInt32LE(at + 24), roots, lastPage: number(120), transaction: head.readBigUInt64LE(at + 128) }
}
