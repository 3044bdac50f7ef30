/**
 * Signs what one process tells or asks another: HMAC-SHA256 (RFC 2104) over the subject and the JSON text, as the last
 * member of the JSON object, `mac`. The key is derived from GATEPOST_SECRET, so that no ticket or token is ever a valid
 * signature. The subject is signed too: a request to one node is none to another, a `bye` is no heartbeat.
 *
 * Why requests and announcements, and not broadcasts: docs/adr/0014-who-is-on-the-bus.md.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** `unsigned`: by a process of an older version, or by a stranger; `forged`: with another secret, or changed on its way. */
export type Signature = 'signed' | 'unsigned' | 'forged'

export interface Signer {
  /** `json`: the UTF-8 text of an object with at least one member. */
  sign: (subject: string, json: Uint8Array) => Uint8Array
  check: (subject: string, payload: Uint8Array) => Signature
}

const head = ',"mac":"'
const macChars = 43 // 256 bits as base64url
const end = '"}'
const tailBytes = head.length + macChars + end.length

/** `accept`: secrets that others may still sign with, while a secret is being replaced. */
export function createSigner ({ secret, accept = [] }: { secret: string, accept?: readonly string[] | undefined }): Signer {
  const [ownKey, ...otherKeys] = [secret, ...accept].map(keyOf) as [Buffer, ...Buffer[]]
  return {
    sign: (subject, json) => {
      const open = json.subarray(0, -1)
      return Buffer.concat([open, Buffer.from(`${head}${macOf(ownKey, subject, open).toString('base64url')}${end}`, 'latin1')])
    },
    check: (subject, payload) => {
      const openBytes = payload.byteLength - tailBytes
      if (openBytes <= 0) return 'unsigned'
      const tail = Buffer.from(payload.buffer, payload.byteOffset + openBytes, tailBytes).toString('latin1')
      if (!tail.startsWith(head) || !tail.endsWith(end)) return 'unsigned'
      const mac = Buffer.from(tail.slice(head.length, -end.length), 'base64url')
      const open = payload.subarray(0, openBytes)
      const isOurs = (key: Buffer): boolean => { const right = macOf(key, subject, open); return right.byteLength === mac.byteLength && timingSafeEqual(right, mac) }
      return isOurs(ownKey) || otherKeys.some(isOurs) ? 'signed' : 'forged'
    }
  }
}

export const withinProcess: Signer = { sign: (_subject, json) => json, check: () => 'signed' }

const keyOf = (secret: string): Buffer => createHmac('sha256', secret).update('gatepost bus').digest()
const macOf = (key: Buffer, subject: string, open: Uint8Array): Buffer => createHmac('sha256', key).update(subject).update('\n').update(open).digest()
