/** The OpenAPI document, made from the same schemas that check the requests, and the page to read it. Served by operations.ts. */
import type { FastifyInstance, LightMyRequestResponse, RouteOptions } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import type { App } from './create-app.js'
import { bodyMayBeMissing } from './optional-body.js'

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

export interface ApiDocument {
  /** As it is now: whom it is for and what it leads to change while the service runs. */
  read: () => Promise<object>
  /** A file of the page; `url` begins with `uiPath`. */
  page: (url: string, headers: IncomingHttpHeaders) => Promise<LightMyRequestResponse>
  /** Idempotent. */
  close: () => Promise<void>
}

/** Call it before the first route, since it sees only those that come after it. What makes the document is loaded when it is first read. */
export function documentRoutes (app: App, api: ApiDescription): ApiDocument {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', route => { if (route.schema?.hide !== true && route.method !== 'HEAD') routes.push(route) })
  let making: Promise<FastifyInstance> | undefined
  const made = async (): Promise<FastifyInstance> => await (making ??= makeDocument(routes, api))
  return {
    read: async () => documentOf(await made(), api),
    page: async (url, headers) => await (await made()).inject({ method: 'GET', url, headers }),
    close: async () => { await (await making)?.close() }
  }
}

/** The plugin's own would turn http into https, on hosts that have none. The page brings styles, no scripts, in its elements. */
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** An application that listens nowhere: it has the same routes, which it describes, and serves the page. */
async function makeDocument (routes: readonly RouteOptions[], api: ApiDescription): Promise<FastifyInstance> {
  const { title, version, description, bearer, uiPath } = api
  const [{ default: fastify }, { default: swagger }, { default: swaggerUi }] = await Promise.all([import('fastify'), import('@fastify/swagger'), import('@fastify/swagger-ui')])
  const app = fastify({ logger: false })
  // Nobody asks for what the routes serve.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  await app.register(swagger, {
    transformObject: document => 'openapiObject' in document ? withOptionalBodies(document.openapiObject) : document.swaggerObject,
    openapi: {
      openapi: '3.1.0',
      info: { title, version, description },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: bearer } } }
    }
  })
  for (const { method, url, schema = {}, preValidation } of routes) {
    app.route({ method, url, schema: preValidation === bodyMayBeMissing ? { ...schema, [mayBeMissing]: true } : schema, handler: () => {} })
  }
  await app.register(swaggerUi, {
    routePrefix: uiPath,
    // Asked for without the slash at its end, the page names its files from where it lies: below whatever path the service is shown under.
    indexPrefix: ['.', ...uiPath.split('/').slice(2).map(() => '..')].join('/'),
    staticCSP: pagePolicy,
    // No request to a validator elsewhere.
    uiConfig: { docExpansion: 'list', validatorUrl: null },
    transformSpecification: () => documentOf(app, api),
    transformSpecificationClone: false,
    uiHooks: { onRequest: (_request, reply, done) => { void reply.header('referrer-policy', 'no-referrer'); done() } },
    logLevel: 'silent'
  })
  await app.ready()
  return app
}

/** On the operations of routes that take no body, too: swagger requires the body of every schema that has one. */
const mayBeMissing = 'x-body-may-be-missing'
type Operations = Record<string, { requestBody?: { required?: boolean }, [mayBeMissing]?: true }>

function withOptionalBodies<D extends { paths?: object }> (document: D): D {
  for (const operation of Object.values(document.paths ?? {}).flatMap(path => Object.values(path as Operations))) {
    if (operation[mayBeMissing] !== true) continue
    delete operation[mayBeMissing]
    operation.requestBody = { ...operation.requestBody, required: false }
  }
  return document
}

function documentOf (app: FastifyInstance, { description, server, related }: Pick<ApiDescription, 'description' | 'server' | 'related'>): object {
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
