/** An authorization code login with PKCE of a public client, by plain HTTP requests as a browser makes them. */
import { createHash, randomBytes } from 'node:crypto'
import { createCookieJar } from './cookie-jar.js'

export interface Tokens { readonly accessToken: string, readonly idToken: string }

export interface CodeLogin {
  readonly authorizeUrl: string
  readonly tokenUrl: string
  readonly clientId: string
  readonly scope: string
  /** Further parameters of the first request. */
  readonly parameters?: Record<string, string>
  /** What a proxy in front of the provider adds to each request. */
  readonly headers?: Record<string, string>
}

/** Where the provider's clients are sent back to; nobody listens there. */
export const redirectUri = 'https://www.example.com/callback'

/** Redirects are followed, and each page's form is sent with its hidden fields and `fields`. */
export async function logInByCode ({ authorizeUrl, tokenUrl, clientId, scope, parameters = {}, headers = {} }: CodeLogin, fields: Record<string, string> = {}): Promise<Tokens> {
  const { visit } = createCookieJar({ accept: 'text/html', ...headers })
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({ client_id: clientId, redirect_uri: redirectUri, response_type: 'code', scope, ...parameters, code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' })
  let url = `${authorizeUrl}?${query.toString()}`
  let response = await visit(url)
  for (let steps = 0; steps < 12; steps++) {
    const location = response.headers.get('location')
    if (location?.startsWith(redirectUri) === true) {
      const code = new URL(location).searchParams.get('code')
      if (code === null) throw new Error(`no login: ${location}`)
      const answer = await visit(tokenUrl, { client_id: clientId, grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier })
      const body = await answer.json() as { access_token?: string, id_token?: string }
      if (body.access_token === undefined || body.id_token === undefined) throw new Error(`no tokens: ${answer.status} ${JSON.stringify(body)}`)
      return { accessToken: body.access_token, idToken: body.id_token }
    }
    if (location !== null) {
      url = new URL(location, url).href
      response = await visit(url)
      continue
    }
    const page = await response.text()
    const form = /<form([^>]*)>([^]*?)<\/form>/.exec(page)
    if (form === null) throw new Error(`no login: ${url} answered ${response.status} ${page.slice(0, 500)}`)
    url = new URL(attribute(form[1], 'action')?.replaceAll('&amp;', '&') ?? url, url).href
    response = await visit(url, { ...hiddenFields(form[2] ?? ''), ...fields })
  }
  throw new Error('no login: too many steps')
}

function hiddenFields (form: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
    const name = attribute(tag, 'name')
    if (attribute(tag, 'type') === 'hidden' && name !== undefined) fields[name] = attribute(tag, 'value') ?? ''
  }
  return fields
}

const attribute = (tag: string | undefined, name: string): string | undefined => new RegExp(`\\s${name}="([^"]*)"`).exec(tag ?? '')?.[1]
