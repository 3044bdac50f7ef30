/** The OpenAPI document, made from the same schemas that check the requests. Served by operations.ts. */
import swagger from '@fastify/swagger'
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

/** Call it before the first route: a plugin sees only the routes that come after it. */
export async function documentRoutes (app: App, { title, version, description, bearer }: ApiDescription): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version, description },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: bearer } } }
    }
  })
}

/** A route's `security` where it takes a token. */
export const needsBearer = [{ bearer: [] }]
