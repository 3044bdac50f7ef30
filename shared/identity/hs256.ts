/**
 * Compact JWS with HS256 (RFC 7515; RFC 7518, 3.2): tickets, and tokens that a secret signs. An assignment is little more than one
 * of these checked and one signed, and a library that takes every algorithm and option needs a multiple of the time.
 */
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

const ownHeader = encode({ alg: 'HS256', typ: 'JWT' })
/** Buffer passes over whatever is not base64url; RFC 7515 does not. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Fields that are undefined are left out. */
export function createHs256Signer (secret: string): (payload: object) => string {
  const key = keyOf(secret)
  return payload => {
    const input = `${ownHeader}.${encode(payload)}`
    return `${input}.${sign(key, input)}`
  }
}

/** Gives the payload, whatever JSON it is. Throws any Error where the token is not one that this secret signed. */
export function createHs256Check (secret: string): (token: string) => unknown {
  const key = keyOf(secret)
  /** One signer's headers are all the same: read once. */
  let knownHeader = ownHeader
  return token => {
    if (!compactForm.test(token)) throw new Error('not a compact JWS')
    const headerEnd = token.indexOf('.')
    const inputEnd = token.lastIndexOf('.')
    const header = token.slice(0, headerEnd)
    if (header !== knownHeader) {
      checkHeader(decode(header))
      knownHeader = header
    }
    // Compared as text: each signature has one, and no other that means the same bytes.
    const expected = Buffer.from(sign(key, token.slice(0, inputEnd)))
    const signature = Buffer.from(token.slice(inputEnd + 1))
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) throw new Error('another signature')
    return decode(token.slice(headerEnd + 1, inputEnd))
  }
}

/** What a header calls critical must be understood, and nothing of that kind is. */
function checkHeader (header: unknown): void {
  const { alg, crit } = header as { alg?: unknown, crit?: unknown }
  if (alg !== 'HS256' || crit !== undefined) throw new Error('another algorithm, or critical headers')
}

/** Whatever a secret looks like, a PEM key too, it is bytes and nothing else. */
function keyOf (secret: string): KeyObject {
  if (secret === '') throw new Error('an empty secret signs nothing')
  return createSecretKey(secret, 'utf8')
}

const sign = (key: KeyObject, input: string): string => createHmac('sha256', key).update(input).digest('base64url')
function encode (value: object): string { return Buffer.from(JSON.stringify(value)).toString('base64url') }
function decode (text: string): unknown { return JSON.parse(Buffer.from(text, 'base64url').toString()) }
