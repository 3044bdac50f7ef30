/** The header of a compact JWS (RFC 7515), read before its key is known. */
import { invalidToken } from '../../contract/claims.js'

export interface JoseHeader {
  readonly alg: unknown
  readonly typ: unknown
}

/** Libraries pass over characters that are not base64url; RFC 7515 does not. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Throws GP_TOKEN_INVALID for what is no compact JWS. */
export function createHeaderReader (): (token: string) => JoseHeader {
  // One signer's headers are all the same: read once.
  let knownText = ''
  let known: JoseHeader = { alg: undefined, typ: undefined }
  return token => {
    if (!compactForm.test(token)) throw invalidToken('token: got a text that is no JWT; takes three parts of base64url with dots between them')
    const text = token.slice(0, token.indexOf('.'))
    if (text !== knownText) {
      known = readHeader(text)
      knownText = text
    }
    return known
  }
}

function readHeader (text: string): JoseHeader {
  let header: unknown
  try { header = JSON.parse(Buffer.from(text, 'base64url').toString()) } catch (cause) { throw invalidToken('token: its header is no JSON object', cause) }
  if (typeof header !== 'object' || header === null) throw invalidToken('token: its header is no JSON object')
  const { alg, typ, crit } = header as Record<string, unknown>
  // What a header calls critical must be understood, and nothing of that kind is.
  if (crit !== undefined) throw invalidToken('crit: got critical headers; takes none')
  return { alg, typ }
}
