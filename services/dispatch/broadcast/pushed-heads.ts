/**
 * Up to which seq a node has pushed which streams since its last heartbeat. Between nodes by interest it goes with every heartbeat: who reads
 * a stream and stands below that seq has lost something (docs/adr/0036-interest.md). Twelve bytes a stream: its mark, as 32
 * bits, and the seq, as a double; both big-endian, the whole as base64.
 */
import { streamMark } from '../../../shared/contract/subjects.js'
import type { StreamId } from '../../../shared/contract/names.js'

export interface Pushed {
  /** How many this life had pushed when it last told; a receiver that was told another number has missed a heartbeat. */
  readonly since: number
  /** Absent where they are too many: who must know asks. */
  readonly heads?: string
}

export interface PushedHeads {
  /** How many streams wait to be told. */
  add: (stream: StreamId, seq: number) => number
  /** What goes out now, `count` having been pushed in all; the next begins there. */
  take: (count: number) => Pushed
}

const headBytes = 12

/** What `heads` takes of a heartbeat for each stream, in bytes. */
export const bytesPerHead = headBytes * 4 / 3

export function createPushedHeads (maxStreams: () => number): PushedHeads {
  let heads = new Map<StreamId, number>()
  let isTooMany = false
  let since = 0

  return {
    add (stream, seq) {
      if (!isTooMany && seq > (heads.get(stream) ?? -1)) heads.set(stream, seq)
      if (heads.size > maxStreams()) {
        isTooMany = true
        heads = new Map()
      }
      return heads.size
    },
    take (count) {
      const pushed = { since, ...!isTooMany && { heads: writeHeads(heads) } }
      if (heads.size > 0) heads = new Map()
      isTooMany = false
      since = count
      return pushed
    }
  }
}

function writeHeads (heads: ReadonlyMap<StreamId, number>): string {
  const bytes = Buffer.allocUnsafe(heads.size * headBytes)
  let at = 0
  for (const [stream, seq] of heads) {
    bytes.writeUInt32BE(streamMark(stream), at)
    bytes.writeDoubleBE(seq, at + 4)
    at += headBytes
  }
  return bytes.toString('base64')
}

/** Calls with each head whose mark is among the readers'. False for what is no list of heads. Hot: every node reads those of all. */
export function readHeads<R> (text: string, readers: ReadonlyMap<number, R>, each: (concerned: R, seq: number) => void): boolean {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.byteLength % headBytes !== 0) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += headBytes) {
    const concerned = readers.get(view.getUint32(at))
    if (concerned !== undefined) each(concerned, view.getFloat64(at + 4))
  }
  return true
}
