/** Messages between processes of one machine as bytes, little-endian, field by field. Whoever reads takes the fields in the order in which they were written. */
import { deserialize, serialize } from 'node:v8'

const firstCapacity = 64 * 1024
const largestKept = 1024 * 1024
const lengthBytes = 4
/** Of a text, at most. */
const bytesOfUnit = 3

/** Messages one behind the other, each with its length in front. */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(firstCapacity)
  #length = 0

  /** Bytes that have not been taken yet. */
  get length (): number { return this.#length }

  /** `write` puts its fields. */
  add (write: (message: this) => void): void {
    const start = this.#length
    this.u32(0)
    write(this)
    this.#bytes.writeUInt32LE(this.#length - start - lengthBytes, start)
  }

  u8 (value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
    return this
  }

  u32 (value: number): this {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
    return this
  }

  f64 (value: number): this {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
    return this
  }

  text (value: string): this {
    this.#reserve(lengthBytes + bytesOfUnit * value.length)
    const written = this.#bytes.write(value, this.#length + lengthBytes, 'utf8')
    this.#length = this.#bytes.writeUInt32LE(written, this.#length) + written
    return this
  }

  bytes (value: Uint8Array): this {
    this.u32(value.byteLength)
    this.#reserve(value.byteLength)
    this.#bytes.set(value, this.#length)
    this.#length += value.byteLength
    return this
  }

  /** Anything that Node can serialize: for what is rare. */
  value (value: unknown): this { return this.bytes(serialize(value)) }

  /** What has been written; it is empty afterwards. */
  take (): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    if (this.#bytes.length > largestKept) this.#bytes = Buffer.allocUnsafe(firstCapacity)
    this.#length = 0
    return taken
  }

  #reserve (bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** One message. What `bytes` gives lies in the memory that the message came in, which stays as long as it is used. */
export class MessageReader {
  readonly #bytes: Buffer
  #at = 0

  constructor (bytes: Buffer) { this.#bytes = bytes }

  get isAtEnd (): boolean { return this.#at === this.#bytes.length }

  u8 (): number { return this.#bytes[this.#at++]! }

  u32 (): number {
    const value = this.#bytes.readUInt32LE(this.#at)
    this.#at += 4
    return value
  }

  f64 (): number {
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  text (): string {
    const length = this.u32()
    const value = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return value
  }

  bytes (): Buffer {
    const length = this.u32()
    const value = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }

  value (): unknown { return deserialize(this.bytes()) }
}

/** Takes pieces of any size, and gives the messages whole. */
export function createMessageSplitter (onMessage: (message: MessageReader) => void): (piece: Buffer) => void {
  let pieces: Buffer[] = []
  let bytes = 0
  /** So many are needed to go on. */
  let wanted = lengthBytes

  return piece => {
    pieces.push(piece)
    bytes += piece.length
    if (bytes < wanted) return
    const all = pieces.length === 1 ? piece : Buffer.concat(pieces, bytes)
    let at = 0
    while (true) {
      const left = all.length - at
      wanted = left < lengthBytes ? lengthBytes : lengthBytes + all.readUInt32LE(at)
      if (left < wanted) break
      onMessage(new MessageReader(all.subarray(at + lengthBytes, at + wanted)))
      at += wanted
    }
    pieces = at === all.length ? [] : [all.subarray(at)]
    bytes = all.length - at
  }
}
