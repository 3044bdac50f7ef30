/**
 * The Fastify application that Gate and the nodes start from: their routes differ, their manners do not.
 *
 *     const app = await createApp({ log, metrics, bodyLimitBytes })
 *     const operations = prepareOperations(app, { api, metrics, checks: () => ({ dispatch: dispatch.isConnected || 'not connected' }), ... })   // before any route
 *     app.get('/things/:id', { schema: { params, response: { 200: Thing, ...refusals('GP_NOT_FOUND') } }, onRequest: authenticate }, handler)
 *     const url = await listenOn(app, { host, port })
 *     ...
 *     await app.close()
 *
 * Handlers throw GatepostError; whatever else is thrown becomes GP_INTERNAL and one ERROR line. Schemas are typebox,
 * checked by shared/contract/validate.ts: nothing is coerced, filled in or removed, so query values are text and numbers in them
 * need a pattern. Check who asks in `onRequest`, so that a stranger's body is never read. `request.log` is silent: use
 * the log given here.
 */
import cors from '@fastify/cors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { errorCodes, type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, type RawServerDefault } from 'fastify'
import serializerOf from 'fast-json-stringify'
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TSchema } from 'typebox'
import { GatepostError, shown } from '../../contract/errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import { createValidator, type Validate } from '../../contract/validate.js'
import { createConnections, type Connections } from './connections.js'
import { discardBody } from './discard-body.js'
import { noRoute, watchRoutes } from './no-route.js'
import { parseJson } from './parse-json.js'
import { answerBrokenRequest, RefusedRequest, SchemaRefusal, toErrorResponse } from './error-response.js'
import { createOrigins, type Origins } from './origins.js'

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>

export interface AppOptions {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'observeRequest'>
  /** For every route that sets none of its own. */
  readonly bodyLimitBytes: number
  /** Those of the process, where it has several applications. */
  readonly connections?: Connections | undefined
  /** Pages that may read answers; all where it is missing. */
  readonly origins?: Origins | undefined
  /** Says of a path that is none here whose it is, for the text of the refusal. */
  readonly elsewhere?: ((path: string) => string | undefined) | undefined
}

/** A token of 16 KiB and a name of 128 four-byte characters, percent-encoded, fit with room to spare. */
const maxHeaderBytes = 32 * 1024
const requestTimeoutMs = 60_000
/** How often Node looks for requests that take longer. */
const timeoutCheckMs = 5_000
/** How long the service, once it closes, waits for requests that are being answered, and for others to close their connections. */
const closeWithinMs = 500
/** A connection on which nothing moves in either direction, such as an answer that nobody reads. A long poll takes 25 s. */
const idleTimeoutMs = 120_000

/** For answers that are data: nothing may keep, sniff, frame or run them. Pages set their own in the place of these. */
const dataHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
}
/** Tokens travel in a header of their own, never in cookies: any site may ask on behalf of whoever gave it a token. */
const openHeaders = { ...dataHeaders, 'access-control-allow-origin': '*' }

function headersFor ({ areAll, allowed }: Origins): (origin: string | undefined) => Readonly<Record<string, string>> {
  if (areAll) return () => openHeaders
  return origin => {
    const answer = allowed(origin)
    return answer === undefined ? { ...dataHeaders, vary: 'Origin' } : { ...dataHeaders, vary: 'Origin', 'access-control-allow-origin': answer }
  }
}

export async function createApp ({ log, metrics, bodyLimitBytes, connections = createConnections({ log }), origins = createOrigins(['*']), elsewhere }: AppOptions): Promise<App> {
  const headersOf = headersFor(origins)
  const app = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleTimeoutMs,
    http: { maxHeaderSize: maxHeaderBytes, connectionsCheckingInterval: timeoutCheckMs },
    routerOptions: { maxParamLength: maxHeaderBytes },
    schemaController: { compilersFactory: { buildValidator: () => compileValidator as never, buildSerializer: () => compileSerializer as never } }, // typed for Fastify's own only
    // What still arrives on open connections while the service closes is served, with `connection: close`.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      // No hook runs for an address that cannot be decoded.
      void reply.headers(headersOf(request.headers.origin))
      void refuse(error, reply, log)
    },
    clientErrorHandler: answerBrokenRequest
  }).withTypeProvider<TypeBoxTypeProvider>()

  // The same idle time between two requests: another one there is set, and set back, for each. As an option Fastify takes 0 for its default, 72 s.
  app.server.keepAliveTimeout = 0
  const watched = connections.watch(app.server)
  app.addHook('preClose', done => {
    watched.endAfter(closeWithinMs)
    done()
  })
  app.setErrorHandler(async (error, request, reply) => {
    // The parser gave up on the body, and would have the connection closed with it.
    if (reply.getHeader('connection') === 'close' && await discardBody(request.raw)) void reply.removeHeader('connection')
    return refuse(error, reply, log)
  })
  const routes = watchRoutes(app)
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = routes.methodsOf(path)
    if (allowed.length > 0) void reply.header('allow', allowed.join(', '))
    return refuse(noRoute({ method: request.method, path, allowed, where: elsewhere?.(path) }), reply, log)
  })
  parseJsonOnly(app)

  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(headersOf(request.headers.origin))
    const startMs = performance.now()
    // For a hook onResponse Fastify puts two listeners on each answer and takes them off again.
    reply.raw.on('close', () => { if (reply.raw.writableFinished) answered(request, reply.statusCode, performance.now() - startMs) })
    const coding = request.headers['transfer-encoding']
    // Node refuses it, too, a moment too late: a route may have answered by then.
    if (coding === undefined || coding.toLowerCase() === 'chunked') done()
    else done(new GatepostError('GP_VALIDATION', `Transfer-Encoding: got ${shown(coding)}; takes chunked`))
  })
  const answered = ({ method, routeOptions: { url: route = 'unknown' } }: FastifyRequest, status: number, ms: number): void => {
    metrics.observeRequest({ method, route, status, seconds: ms / 1000 })
    if (log.isLevelEnabled('debug')) log.debug({ event: 'request', method, route, status, ms: Math.round(ms) })
  }
  // In a context of its own, so that its hook runs for preflights alone.
  await app.register(async preflights => {
    await preflights.register(cors, {
      origin: origins.areAll ? '*' : (origin, done) => { done(null, origins.allowed(origin) ?? false) },
      methods: 'GET, HEAD, POST, PUT, PATCH, DELETE',
      // Whatever is asked for is allowed (no `allowedHeaders`): tracing adds headers of its own to each request of a page.
      maxAge: 7200,
      strictPreflight: false
    })
  })
  return app
}

// Of the thousand schemas of a Gate and its nodes few are ever used, most of them of refusals: each is compiled when it first is.

function compileValidator ({ schema, httpPart }: { schema: TSchema, httpPart?: string }): (value: unknown) => { value: unknown } | { error: Error } {
  let validate: Validate<TSchema> | undefined
  const prefix = httpPart === 'querystring' ? 'query' : ''
  return value => {
    validate ??= createValidator(schema)
    try { return { value: validate(value, prefix) } } catch (error) { return { error: new SchemaRefusal(error) } }
  }
}

function compileSerializer ({ schema }: { schema: TSchema }): (answer: unknown) => string {
  let serialize: ((answer: unknown) => string) | undefined
  return answer => (serialize ??= serializerOf(schema as Parameters<typeof serializerOf>[0]))(answer)
}

/**
 * JSON.parse makes own properties of `__proto__` and `constructor`, which are legal keys of a message's data; what is
 * read here is never merged into another object. An empty body is no body, whatever its content type says.
 */
function parseJsonOnly (app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    if (bytes.length === 0) { done(null, undefined); return }
    let body: unknown
    try {
      // Decoding would put another character in the place of each wrong byte.
      if (!isUtf8(bytes as Buffer)) throw new TypeError('not UTF-8')
      body = parseJson(bytes.toString())
    } catch (cause) {
      done(new GatepostError('GP_VALIDATION', 'body: got text that is not JSON; takes JSON', { cause }))
      return
    }
    done(null, body)
  })
  app.addContentTypeParser('*', (_request, payload, done) => {
    const ended = (): void => { done(null, undefined) }
    payload.once('end', ended)
    payload.once('data', () => {
      payload.off('end', ended)
      done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE())
    })
  })
}

function refuse (error: unknown, reply: FastifyReply, log: Log): FastifyReply {
  const { statusCode, headers, body, fault } = toErrorResponse(inHouseStyle(error, reply.request))
  if (fault !== undefined) log.error({ event: 'request-failed', err: fault, method: reply.request.method, route: reply.request.routeOptions.url })
  return reply.code(statusCode).headers(headers).send(body)
}

/** What Fastify refuses before a route does names neither the field nor what it takes. */
function inHouseStyle (error: unknown, { headers, routeOptions: { bodyLimit } }: FastifyRequest): unknown {
  switch ((error as { code?: unknown } | null)?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new GatepostError('GP_TOO_LARGE', `body: got more than ${bodyLimit} bytes; takes at most ${bodyLimit}`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new RefusedRequest(415, 'content-type', headers['content-type'], 'application/json')
    default: return error
  }
}
