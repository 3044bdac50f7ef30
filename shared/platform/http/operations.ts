/**
 * What operators ask a service: probes, metrics, its OpenAPI document and the page to read it. On the service's own port, or,
 * where GATEPOST_METRICS_PORT is set, on that one only, which no browser page of another origin may read.
 */
import { GatepostError } from '../../contract/errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Connections } from './connections.js'
import { createApp, type App } from './create-app.js'
import { documentRoutes, type ApiDescription, type ApiDocument } from './document-api.js'
import { listenOn } from './listen.js'
import { createOrigins } from './origins.js'
import { serveProbes, type ProbeOptions } from './probes.js'

export interface OperationsOptions {
  readonly api: ApiDescription
  readonly checks: ProbeOptions['checks']
  readonly metrics: Metrics
  /** In place of the page of `metrics` alone: of all processes that share the port. */
  readonly sharedPage?: (() => Promise<string>) | undefined
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
export function prepareOperations (app: App, { api, checks, metrics, sharedPage, log, connections, host, metricsPort }: OperationsOptions): Operations {
  const page = { contentType: metrics.contentType, text: sharedPage ?? metrics.text }
  if (metricsPort === undefined) {
    const document = documentRoutes(app, api)
    serveDocument(app, api, document)
    serveProbes(app, { metrics: page, checks })
    return { start: async () => undefined, close: document.close }
  }
  const document = documentRoutes(app, { ...api, server: { ...api.server, url: () => api.server.url() ?? app.listeningOrigin } })
  let own: App | undefined
  return {
    start: async () => {
      own = await createApp({ log, metrics, bodyLimitBytes, connections, origins: createOrigins([]) })
      serveDocument(own, api, document)
      serveProbes(own, { metrics: page, checks })
      const url = await listenOn(own, { host, port: metricsPort, isExclusive: sharedPage === undefined }).catch(error => { throw refusedPort(metricsPort, error) })
      log.info({ event: 'operations-listen', url }, 'probes, metrics and the OpenAPI document have a port of their own')
      return url
    },
    close: async () => {
      await own?.close()
      await document.close()
    }
  }
}

/** Not the service's own port, of which another may be tried. */
function refusedPort (port: number, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error
  return new GatepostError('GP_VALIDATION', `GATEPOST_METRICS_PORT: got ${port}, which ${code === 'EACCES' ? 'this user may not listen on' : 'is in use'}; takes a free port, or 0 for any`, { cause: error })
}

/** Of an answer that passed through no connection. */
const ofConnection: ReadonlySet<string> = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding'])

function serveDocument (app: App, { jsonPath, uiPath }: ApiDescription, document: ApiDocument): void {
  app.get(jsonPath, { schema: { hide: true } }, async () => await document.read())
  for (const path of [uiPath, `${uiPath}/*`]) {
    app.get(path, { schema: { hide: true } }, async (request, reply) => {
      const { statusCode, headers, rawPayload } = await document.page(request.url, request.headers)
      if (statusCode === 404) { reply.callNotFound(); return reply }
      for (const [name, value] of Object.entries(headers)) if (!ofConnection.has(name)) void reply.header(name, value)
      return await reply.code(statusCode).send(rawPayload)
    })
  }
}
