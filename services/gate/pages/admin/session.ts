/**
 * The admin's token: pasted, or brought by a link (`#token=...`), which is taken out of the address at once so that it is not bookmarked,
 * shown or sent on. Kept until the tab is closed.
 */
const tokenKey = 'gatepost-admin-token'

export const token = (): string | null => sessionStorage.getItem(tokenKey)
export const keepToken = (given: string): void => { sessionStorage.setItem(tokenKey, given) }
export const forgetToken = (): void => { sessionStorage.removeItem(tokenKey) }

/** True where the address brought one. */
export function takeTokenFromLink (): boolean {
  const given = new URLSearchParams(window.location.hash.slice(1)).get('token')
  if (given === null) return false
  history.replaceState(null, '', window.location.pathname + window.location.search)
  keepToken(cleaned(given))
  return true
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
