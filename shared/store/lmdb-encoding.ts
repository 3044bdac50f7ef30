/** How keys and documents lie in LMDB. */

/** LMDB's limit for a page of 4 KiB, less the 8 bytes of time before a key in the purge index. */
export const maxKeyBytes = 1970
const timeBytes = 8

/** Keys are plain UTF-8, so that LMDB's byte order is the order of the port; lmdb's own encoding stops at NUL. */
export const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, 'utf8'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('utf8', start, end)
}

export const isStorableKey = (key: string): boolean => {
  const bytes = Buffer.byteLength(key)
  return bytes > 0 && bytes <= maxKeyBytes
}

/** Plain MessagePack maps: no record structures, which would have to be stored beside the documents. */
export const docEncoding = { encoding: 'msgpack', encoder: { useRecords: false } } as const

/** A key of the purge index: the time, then the document's key. */
export function purgeKey (purgeAt: number, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(timeBytes + Buffer.byteLength(key))
  // Doubles that are not negative sort by their bytes.
  bytes.writeDoubleBE(Math.max(0, purgeAt))
  bytes.write(key, timeBytes, 'utf8')
  return bytes
}
export const keyOfPurgeKey = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset + timeBytes, bytes.byteLength - timeBytes).toString('utf8')
