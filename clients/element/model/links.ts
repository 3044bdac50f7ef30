/** Which addresses may be followed, and where they stand in a text. Everything else is text. */

/** Controls, blanks, invisible characters and those that turn the reading direction: none of them belongs in an address. */
const hidden = /[\p{C}\p{Z}]/u

/**
 * An absolute http(s) address without a login in it, or a path of the site that begins with one `/`, made absolute by `base`.
 * Browsers read `/\host` and `//host` as another host, and drop tabs and line ends before they look at the scheme.
 */
export function safeUrl (given: unknown, base: string): string | undefined {
  if (typeof given !== 'string' || given === '' || given.length > 2_048 || hidden.test(given) || given.includes('\\')) return undefined
  const isPath = /^\/(?!\/)/.test(given)
  if (!isPath && !/^https?:\/\//i.test(given)) return undefined
  let url: URL
  try { url = new URL(given, base) } catch {
    // No address at all.
    return undefined
  }
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '') return undefined
  return url.href
}

export interface Piece {
  readonly text: string
  readonly href?: string
}

const inText = /https?:\/\/[^\p{C}\p{Z}<>"'`{}|\\^]+/giu
/** Longer texts are shown, and their links from here on are not looked for. */
const maxSearched = 100_000

/** The text in pieces, those with `href` are links; joined they are the text again. */
export function linkPieces (text: string, base: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const { 0: found, index } of text.slice(0, maxSearched).matchAll(inText)) {
    const address = withoutTail(found)
    const href = safeUrl(address, base)
    if (href === undefined) continue
    if (index > at) pieces.push({ text: text.slice(at, index) })
    pieces.push({ text: address, href })
    at = index + address.length
  }
  if (at < text.length) pieces.push({ text: text.slice(at) })
  return pieces
}

/** What ends a sentence is no part of the address, nor is a bracket that was opened before it. */
function withoutTail (address: string): string {
  let end = address.length
  for (;;) {
    const last = address[end - 1] ?? ''
    const isOpenedBefore = (last === ')' && !address.slice(0, end).includes('(')) || (last === ']' && !address.slice(0, end).includes('['))
    if (!/[.,;:!?…。，、！？؟،]/u.test(last) && !isOpenedBefore) return address.slice(0, end)
    end -= 1
  }
}
