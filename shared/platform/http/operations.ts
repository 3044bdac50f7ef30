/**
 * What operators ask a service: probes, metrics, its OpenAPI document and the page to read it. On the service's own port, or,
 * where GATEPOST_METRICS_PORT is set, on that one only, which no browser page of another origin may read.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { GatepostError } from '../../contract/errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Connections } from './connections.js'
import { createApp, type App } from './create-app.js'
import { documentOf, documentRoutes, type ApiDescription } from './document-api.js'
import { listenOn } from './listen.js'
import { createOrigins } from './origins.js'
import { serveProbes, type ProbeOptions } from './probes.js'

export interface OperationsOptions {
  readonly api: ApiDescription
  readonly checks: ProbeOptions['checks']
  readonly metrics: Metrics
  readonly log: Log
  readonly connections?: Connections | undefined
  readonly host: string
  /** Undefined: all of it is served on the service's own port. 0 = any free one. */
  readonly metricsPort: number | undefined
}

export interface Operations {
  /** Call it when the service has all its routes. The address of the port of its own, undefined where it has none. */
  start: () => Promise<string | undefined>
  /** Idempotent. */
  close: () => Promise<void>
}

const bodyLimitBytes = 1024

/** Call it before the first route: the document is made of the routes that come after it. */
export async function prepareOperations (app: App, { api, checks, metrics, log, connections, host, metricsPort }: OperationsOptions): Promise<Operations> {
  await documentRoutes(app, api)
  if (metricsPort === undefined) {
    await serveDocument(app, api, () => documentOf(app, api))
    serveProbes(app, { metrics, checks })
    return { start: async () => undefined, close: async () => {} }
  }
  let own: App | undefined
  return {
    start: async () => {
      await app.ready()
      own = await createApp({ log, metrics, bodyLimitBytes, connections, origins: createOrigins([]) })
      await own.register(swagger, { mode: 'static', specification: { document: app.swagger() as never } })
      const server = { ...api.server, url: () => api.server.url() ?? app.listeningOrigin }
      await serveDocument(own, api, () => documentOf(app, { ...api, server }))
      serveProbes(own, { metrics, checks })
      const url = await listenOn(own, { host, port: metricsPort }).catch(error => { throw refusedPort(metricsPort, error) })
      log.info({ event: 'operations-listen', url }, 'probes, metrics and the OpenAPI document have a port of their own')
      return url
    },
    close: async () => { await own?.close() }
  }
}

/** Not the service's own port, of which another may be tried. */
function refusedPort (port: number, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error
  return new GatepostError('GP_VALIDATION', `GATEPOST_METRICS_PORT: got ${port}, which ${code === 'EACCES' ? 'this user may not listen on' : 'is in use'}; takes a free port, or 0 for any`, { cause: error })
}

/** The plugin's own would turn http into https, on hosts that have none. The page brings styles, no scripts, in its elements. */
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

async function serveDocument (app: App, { jsonPath, uiPath }: ApiDescription, document: () => object): Promise<void> {
  app.get(jsonPath, { schema: { hide: true } }, async () => document())
  await app.register(swaggerUi, {
    routePrefix: uiPath,
    staticCSP: pagePolicy,
    // No request to a validator elsewhere.
    uiConfig: { docExpansion: 'list', validatorUrl: null },
    transformSpecification: document,
    transformSpecificationClone: false,
    uiHooks: { onRequest: (_request, reply, done) => { void reply.header('referrer-policy', 'no-referrer'); done() } },
    logLevel: 'silent'
  })
}
