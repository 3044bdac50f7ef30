/**
 * A write past Node's stream: what the operating system takes at once costs no request object, tick and callback, which Node makes for each
 * write of a stream (docs/adr/0005-frames-written-directly.md has what it saves). It rests on the private handle of `net.Socket`, as
 * test/unit/private-members.test.ts does: where that has no descriptor, nothing is written here.
 */
import { writeSync } from 'node:fs'

/** Of Node's `net.Socket`. */
export interface SocketPart {
  /** Of TLS: what is written to the descriptor must be encrypted first. */
  readonly encrypted?: boolean
  /** Null once it has closed. The descriptor is -1 where there is none, as on Windows. It does not block. */
  readonly _handle?: { readonly fd?: number } | null
}

/**
 * How many of the bytes the operating system took. 0 where it takes none now, or there is no such socket any more: the stream waits for it, or
 * meets the error itself. Call it only while nothing waits in the stream, and give the stream what is left.
 */
export function writeNow ({ encrypted = false, _handle }: SocketPart, bytes: Buffer): number {
  const fd = encrypted ? undefined : _handle?.fd
  if (fd === undefined || fd < 0) return 0
  try { return writeSync(fd, bytes) } catch { return 0 }
}
