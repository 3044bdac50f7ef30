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
  /** Whom its requests go to. `url` is asked for each time; undefined: to where the document is. */
  readonly server: { readonly description: string, readonly url: () => string | undefined }
  /** Pages of other services' documents, by name; asked each time. */
  readonly related?: (() => ReadonlyMap<string, string>) | undefined
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

/** The document as it is now: whom it is for and what it leads to change while the service runs. */
export function documentOf (app: App, { description, server, related }: Pick<ApiDescription, 'description' | 'server' | 'related'>): object {
  const document = app.swagger()
  const url = server.url()
  const links = [...related?.() ?? []].map(([name, page]) => `[${name}](${page})`).join(', ')
  return {
    ...document,
    info: { ...document.info, description: links === '' ? description : `${description} Now up: ${links}.` },
    // An address of its own is a variable: another one of its kind takes its place.
    servers: [url === undefined ? { url: '/', description: server.description } : { url: '{address}', description: server.description, variables: { address: { default: url } } }]
  }
}

/** A route's `security` where it takes a token. */
export const needsBearer = [{ bearer: [] }]
