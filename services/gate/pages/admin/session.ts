/**
 * The admin's token: pasted, brought by the address (`#token=...`), or given for a link that signs in once (`#link=...`). What the address brings is
 * taken out of it at once so that it is not bookmarked, shown or sent on. The token is kept until the tab is closed.
 */
const tokenKey = 'gatepost-admin-token'

export const token = (): string | null => sessionStorage.getItem(tokenKey)
export const keepToken = (given: string): void => { sessionStorage.setItem(tokenKey, given) }
export const forgetToken = (): void => { sessionStorage.removeItem(tokenKey) }

/** What the address brought: a token, which is kept, or a link that has yet to be exchanged for one. */
export function takeFromAddress (): { readonly kind: 'token' } | { readonly kind: 'link', readonly link: string } | undefined {
  const parameters = new URLSearchParams(window.location.hash.slice(1))
  const [given, link] = [parameters.get('token'), parameters.get('link')]
  if (given === null && link === null) return undefined
  history.replaceState(null, '', window.location.pathname + window.location.search)
  if (link !== null) return { kind: 'link', link: cleaned(link) }
  keepToken(cleaned(given!))
  return { kind: 'token' }
}

/** As it may come out of a terminal or a header. */
export const cleaned = (given: string): string => given.trim().replace(/^bearer\s+/i, '').replace(/^["']|["']$/g, '').replace(/\s+/g, '')

export interface Claims { readonly sub?: string, readonly exp?: number, readonly scope?: string }

/** What a token says of itself, unchecked; undefined for what is none. */
export function claimsOf (given: string): Claims | undefined {
  const [, middle, last] = given.split('.')
  if (middle === undefined || last === undefined) return undefined
  try {
    const text = atob(middle.replaceAll('-', '+').replaceAll('_', '/'))
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, char => char.charCodeAt(0)))) as Claims
  } catch { return undefined }
}
