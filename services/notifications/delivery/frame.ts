/**
 * An event of Socket.IO encoded once for every socket that it goes to: the packet as text for long-polling, and for
 * WebSocket the whole frame, header and payload in one buffer, so that a delivery is one write of bytes that exist.
 * Format of the frame: RFC 6455 section 5.2, unmasked text; of the packet: Engine.IO 4 (message) + Socket.IO 2 (event).
 */

/** What Engine.IO takes beside the packet; `wsPreEncodedFrame` is written as it is where the transport allows it. */
export interface FrameOptions { readonly compress: false, readonly preEncoded: true, readonly wsPreEncodedFrame: readonly [Buffer] }

export interface Frame {
  readonly bytes: number
  /** Without Engine.IO's own type digit. */
  readonly packet: string
  readonly options: FrameOptions
}

/** An event whose one argument is JSON text already. */
export function eventFrame (event: string, json: string): Frame {
  const packet = `2["${event}",${json}]`
  const size = Buffer.byteLength(packet) + 1
  const headerSize = size < 126 ? 2 : size < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerSize + size)
  frame[0] = 0x81 // final fragment, text
  if (headerSize === 2) frame[1] = size
  else if (headerSize === 4) {
    frame[1] = 126
    frame.writeUInt16BE(size, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(size, 6)
  }
  frame[headerSize] = 0x34 // '4', an Engine.IO message
  frame.write(packet, headerSize + 1)
  return { bytes: frame.length, packet, options: { compress: false, preEncoded: true, wsPreEncodedFrame: [frame] } }
}

/** Entries of one stream (or volatile ones) as one `entries` event. */
export const entriesFrame = (wires: readonly string[]): Frame => eventFrame('entries', `[${wires.join(',')}]`)
