/** A real OpenID provider (npm oidc-provider) in front of a site, with logins by plain HTTP requests, as a browser makes them. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import type { Test } from 'tap'
import { logInByCode, redirectUri } from './code-login.js'
import { rotatesOnDemand, type IdentityProvider } from './identity-provider.js'

const clientId = 'web'
const resource = 'https://gatepost.example.com'

/** Its users come into being with their logins, and have no groups. */
export async function startOidcSite (t: Test, { accessTokenTtlSeconds, alg = 'RS256' }: { accessTokenTtlSeconds: number, alg?: string }): Promise<Omit<IdentityProvider, 'setGroups'>> {
  let serve: ReturnType<Provider['callback']> = (_request, response) => { response.writeHead(503).end() }
  const server = createServer((request, response) => { serve(request, response) })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keys: object[] = []

  /** Signs with a new key from now on, and publishes it beside those before. */
  const rotate = (): void => {
    const { privateKey } = alg.startsWith('ES') ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
    // The first one signs.
    keys.unshift({ ...privateKey.export({ format: 'jwk' }), kid: randomBytes(6).toString('hex'), alg, use: 'sig' })
    serve = new Provider(issuer, {
      jwks: { keys },
      cookies: { keys: ['for the tests only'] },
      clients: [{ client_id: clientId, redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'none', id_token_signed_response_alg: alg }],
      findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
      features: {
        resourceIndicators: {
          enabled: true,
          defaultResource: () => resource,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ scope: 'mail', audience: resource, accessTokenTTL: accessTokenTtlSeconds, accessTokenFormat: 'jwt', jwt: { sign: { alg } } })
        }
      }
    }).callback()
  }
  rotate()

  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    rotateAfter: rotatesOnDemand(rotate),
    logIn: async login => await logInByCode({ authorizeUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token`, clientId, scope: 'openid mail', parameters: { resource } }, { login, password: 'any' })
  }
}
