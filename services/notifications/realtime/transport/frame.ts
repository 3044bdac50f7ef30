/**
 * An event of Socket.IO encoded once for every socket that it goes to: the packet as text for long-polling, and for
 * WebSocket the whole frame, header and payload in one buffer, so that a delivery is one write of bytes that exist.
 * Format of the frame: RFC 6455 section 5.2, unmasked text; of the packet: Engine.IO 4 (message) + Socket.IO 2 (event).
 */
import type { Burst, EntryForm } from '../../log/entry-form.js'

/** What Engine.IO takes beside the packet; `wsPreEncodedFrame` is written as it is where the transport allows it. */
export interface FrameOptions { readonly compress: false, readonly preEncoded: true, readonly wsPreEncodedFrame: readonly [Buffer] }

export interface Frame {
  readonly bytes: number
  /** Without Engine.IO's own type digit. */
  readonly packet: string
  readonly options: FrameOptions
}

const maxHeaderBytes = 10
/** Most frames are put together here: no text takes more than three bytes for a character, so none is measured before it is encoded. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

/** An event whose arguments are JSON text already, with commas between them. */
export function eventFrame (event: string, json: string): Frame {
  const packet = `2["${event}",${json}]`
  const isSmall = maxHeaderBytes + 1 + 3 * packet.length <= scratch.length
  const buffer = isSmall ? scratch : Buffer.allocUnsafe(maxHeaderBytes + 1 + Buffer.byteLength(packet))
  buffer[maxHeaderBytes] = 0x34 // '4', an Engine.IO message
  const size = 1 + buffer.write(packet, maxHeaderBytes + 1)
  const whole = buffer.subarray(writeHeader(buffer, size), maxHeaderBytes + size)
  const frame = isSmall ? Buffer.from(whole) : whole
  return { bytes: frame.length, packet, options: { compress: false, preEncoded: true, wsPreEncodedFrame: [frame] } }
}

/** The header of a final text fragment of so many bytes, which begin behind the room for it; gives where it begins. */
function writeHeader (buffer: Buffer, size: number): number {
  const start = maxHeaderBytes - (size < 126 ? 2 : size < 65_536 ? 4 : 10)
  buffer[start] = 0x81
  if (size < 126) buffer[start + 1] = size
  else if (size < 65_536) {
    buffer[start + 1] = 126
    buffer.writeUInt16BE(size, start + 2)
  } else {
    buffer[start + 1] = 127
    buffer.writeUInt32BE(0, start + 2)
    buffer.writeUInt32BE(size, start + 6)
  }
  return start
}

/** Entries of one stream as one `entries` event. */
export const entriesFrame = (form: EntryForm, burst: Burst): Frame => eventFrame('entries', form.burst(burst))
