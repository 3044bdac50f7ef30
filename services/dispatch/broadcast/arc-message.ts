/**
 * What goes over an arc's subject: the stream's token, the node's, a line feed, and the payload as it is pushed otherwise. A subject can be
 * subscribed to by its literal text only if nothing else is in it, so what else a subject says lies here.
 */
import { nameToken, readNameToken, streamTokenLength } from '../../../shared/contract/subjects.js'
import { remember } from '../../../shared/contract/remember.js'
import type { NodeId } from '../../../shared/contract/names.js'

export interface ArcMessage { readonly token: string, readonly from: NodeId, readonly payload: Uint8Array }

const lineFeed = 0x0a
const knownNodes = 8_192
const readName = remember(readNameToken, knownNodes)

/** What this node writes before each payload, behind the stream's token. */
export const arcHeadOf = (node: NodeId): string => `${nameToken(node)}\n`

export function writeArcMessage (token: string, head: string, payload: Uint8Array): Uint8Array {
  const start = token.length + head.length
  const message = Buffer.allocUnsafe(start + payload.byteLength)
  message.write(token + head, 0, 'latin1')
  message.set(payload, start)
  return message
}

/** Undefined for what is none. */
export function readArcMessage (message: Uint8Array): ArcMessage | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const end = bytes.indexOf(lineFeed, streamTokenLength)
  const from = end < 0 ? undefined : readName(bytes.toString('latin1', streamTokenLength, end))
  return from === undefined ? undefined : { token: bytes.toString('latin1', 0, streamTokenLength), from: from as NodeId, payload: bytes.subarray(end + 1) }
}
