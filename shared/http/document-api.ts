/** The OpenAPI document, made from the same schemas that check the requests, and a page to read it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { App } from './create-app.js'

export interface ApiDescription {
  readonly title: string
  readonly version: string
  readonly description: string
  /** Path of the document. */
  readonly jsonPath: string
  /** Path of the page. */
  readonly uiPath: string
  /** What the bearer token is, for the one security scheme `bearer`. */
  readonly bearer: string
}

/** The plugin's own would turn http into https, on hosts that have none. The page brings styles, no scripts, in its elements. */
const uiPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Call it before the first route: a plugin sees only the routes that come after it. */
export async function documentApi (app: App, { title, version, description, jsonPath, uiPath, bearer }: ApiDescription): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version, description },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: bearer } } }
    }
  })
  await app.register(swaggerUi, {
    routePrefix: uiPath,
    staticCSP: uiPolicy,
    // No question to a validator elsewhere.
    uiConfig: { url: jsonPath, docExpansion: 'list', validatorUrl: null },
    uiHooks: { onRequest: (_request, reply, done) => { void reply.header('referrer-policy', 'no-referrer'); done() } },
    logLevel: 'silent'
  })
  app.get(jsonPath, { schema: { hide: true } }, async () => app.swagger())
}

/** A route's `security` where it takes a token. */
export const needsBearer = [{ bearer: [] }]
