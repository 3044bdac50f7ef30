/**
 * Writes past Node's stream: what the operating system takes at once costs no request object, tick and callbacks, which Node makes for each write
 * of a stream (docs/adr/0005-frames-written-directly.md has what that saves). It rests on the private handle of `net.Socket`:
 * test/unit/private-members.test.ts fails where that is not as it is said here. Where there is no descriptor nothing is written.
 */
import { writeSync } from 'node:fs'

/** Of Node's `net.Socket`. */
export interface SocketPart {
  /** Of TLS: what is written to the descriptor must be encrypted first. */
  readonly encrypted?: boolean
  /** Null from the moment in which it is closed, so a descriptor that is another's by now is never taken for its own. */
  readonly _handle?: Handle | null
}

/** `fd`: the same for the whole life of a handle. It does not block. -1, or none, where there is none, as on Windows. */
interface Handle { readonly fd?: number }

/** The descriptor of one socket, kept: to ask Node for it takes as long as all else here. */
export class Descriptor {
  #handle: Handle | null | undefined
  #fd = -1

  /**
   * How many of the bytes the operating system took. 0 where it takes none now, or there is no such socket any more: the stream waits for it,
   * or meets the error itself. Call it only while nothing waits in the stream, and give the stream what is left.
   */
  write (socket: SocketPart | null | undefined, bytes: Buffer): number {
    const handle = socket?._handle
    if (handle !== this.#handle) {
      this.#handle = handle
      this.#fd = socket?.encrypted === true ? -1 : handle?.fd ?? -1
    }
    if (this.#fd < 0) return 0
    try { return writeSync(this.#fd, bytes, 0, bytes.length, null) } catch { return 0 }
  }
}
