import type { InjectOptions } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { Type } from 'typebox'
import { GatepostError } from '../../shared/contract/errors.js'
import { createApp, type App } from '../../shared/platform/http/create-app.js'
import { needsBearer } from '../../shared/platform/http/document-api.js'
import { refusals } from '../../shared/platform/http/error-response.js'
import { listenOn } from '../../shared/platform/http/listen.js'
import { parseJson } from '../../shared/platform/http/parse-json.js'
import { prepareOperations } from '../../shared/platform/http/operations.js'
import { createLog } from '../../shared/platform/log.js'
import { createMetrics } from '../../shared/platform/metrics.js'
import { Name } from '../../shared/contract/validate.js'
import { until } from '../helpers/until.js'

const Thing = Type.Object({ count: Type.Integer({ description: 'a whole number' }), note: Type.Optional(Type.String()) }, { additionalProperties: false })

/** Requests that are never answered. */
const waiting: IncomingMessage[] = []

async function testApp (test: Test, { missing = {}, elsewhere }: { missing?: Record<string, true | string>, elsewhere?: (path: string) => string | undefined } = {}): Promise<{ app: App, lines: string[] }> {
  const lines: string[] = []
  const log = createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } } })
  const metrics = createMetrics()
  const app = await createApp({ log, metrics, bodyLimitBytes: 1000, elsewhere })
  prepareOperations(app, { api: { title: 'Test', version: '1', description: 'a test', jsonPath: '/openapi.json', uiPath: '/docs', bearer: 'a token', server: { description: 'here', url: () => undefined } }, checks: () => missing, metrics, log, host: '127.0.0.1', metricsPort: undefined })
  app.post('/things', { schema: { body: Thing, response: { 200: Thing, ...refusals('GP_SCOPE') }, security: needsBearer } }, async request => request.body)
  app.post('/data', async request => ({ keys: Object.keys(request.body as object), polluted: ({} as { x?: unknown }).x ?? null }))
  app.post('/empty', async request => ({ body: request.body ?? null }))
  app.get('/named/:name', { schema: { params: Type.Object({ name: Name('a name') }) } }, async request => request.params)
  app.get('/list', { schema: { querystring: Type.Object({ limit: Type.Optional(Type.String({ pattern: '^[0-9]+$', description: 'a number' })) }, { additionalProperties: false }) } }, async request => request.query)
  app.get('/at-once', () => ({ answered: true }))
  app.get('/never', async ({ raw }) => { waiting.push(raw); await new Promise(() => {}) })
  app.get('/broken', async () => { throw new Error('secret detail') })
  app.get('/refused', async () => { throw new GatepostError('GP_OVERLOADED', 'too much', { retryAfterSeconds: 2.5 }) })
  app.get('/internal', async () => { throw new GatepostError('GP_INTERNAL', 'secret detail') })
  test.teardown(async () => { await app.close(); metrics.close() })
  return { app, lines }
}

t.test('app - a schema names the field and coerces nothing', async t => {
  const { app } = await testApp(t)
  const wrong = await app.inject({ method: 'POST', url: '/things', payload: { count: '5' } })
  t.equal(wrong.statusCode, 400)
  t.same(wrong.json(), { statusCode: 400, code: 'GP_VALIDATION', error: 'Bad Request', message: 'count: got "5"; takes a whole number' })
  const right = await app.inject({ method: 'POST', url: '/things', payload: { count: 5 } })
  t.same(right.json(), { count: 5 })
  const nothing = await app.inject({ method: 'POST', url: '/things', payload: { count: null } })
  t.equal(nothing.statusCode, 400)
  const extra = await app.inject({ method: 'POST', url: '/things', payload: { count: 1, more: 1 } })
  t.match(extra.json(), { code: 'GP_VALIDATION', message: /^more: / })
  const query = await app.inject('/list?limit=x')
  t.match(query.json(), { code: 'GP_VALIDATION', message: /^query\.limit: got "x"; takes a number/ })
  t.equal((await app.inject('/list?limit=5&limit=6')).statusCode, 400)
})

t.test('app - malformed requests keep their status and carry a code', async t => {
  const { app } = await testApp(t)
  const json = { 'content-type': 'application/json' }
  const cases: Array<[number, string, InjectOptions]> = [
    [400, 'GP_VALIDATION', { method: 'POST', url: '/things', headers: json, payload: '{"count":' }],
    [400, 'GP_VALIDATION', { method: 'POST', url: '/things', headers: json, payload: '' }],
    [400, 'GP_VALIDATION', { method: 'POST', url: '/things', headers: json, payload: Buffer.from('7b22636f756e74223a312c226e6f7465223a22ff227d', 'hex') }],
    [413, 'GP_TOO_LARGE', { method: 'POST', url: '/things', payload: { count: 1, note: 'x'.repeat(1000) } }],
    [415, 'GP_VALIDATION', { method: 'POST', url: '/things', headers: { 'content-type': 'text/plain' }, payload: '5' }],
    [415, 'GP_VALIDATION', { method: 'POST', url: '/things', headers: { 'content-type': 'application/xml' }, payload: '<a/>' }],
    [404, 'GP_NOT_FOUND', { method: 'GET', url: '/nowhere' }],
    [405, 'GP_VALIDATION', { method: 'DELETE', url: '/things' }],
    [400, 'GP_VALIDATION', { method: 'GET', url: '/named/%zz' }],
    [400, 'GP_VALIDATION', { method: 'GET', url: '/named/%00' }],
    [400, 'GP_VALIDATION', { method: 'GET', url: `/named/${'a'.repeat(129)}` }],
    [400, 'GP_VALIDATION', { method: 'GET', url: `/named/${'a'.repeat(9000)}` }]
  ]
  for (const [status, code, request] of cases) {
    const answer = await app.inject(request)
    const what = JSON.stringify(request).slice(0, 80)
    t.equal(answer.statusCode, status, what)
    t.match(answer.json(), { statusCode: status, code, error: String, message: String }, what)
    t.equal(answer.headers['x-content-type-options'], 'nosniff', what)
  }
  const told = async (request: InjectOptions): Promise<string> => (await app.inject(request)).json().message
  t.equal(await told({ method: 'POST', url: '/things', headers: { 'content-type': 'text/plain' }, payload: '5' }), 'content-type: got "text/plain"; takes application/json')
  t.equal(await told({ method: 'POST', url: '/things', headers: { 'content-type': 'nonsense' }, payload: '5' }), 'content-type: got "nonsense"; takes application/json')
  t.equal(await told({ method: 'POST', url: '/things', headers: { 'content-type': '' }, payload: '5' }), 'content-type: got ""; takes application/json')
  t.equal(await told({ method: 'POST', url: '/things', payload: { count: 1, more: 1 } }), 'more: got an unknown field; takes only count, note')
  const tooLarge = await app.inject({ method: 'POST', url: '/things', payload: { count: 1, note: 'x'.repeat(1000) } })
  t.match(tooLarge.json().message, /at most 1000$/)
})

t.test('app - a method that the path does not have is told which it has, a path that is none whose it is', async t => {
  const { app } = await testApp(t, { elsewhere: path => path === '/messages' ? 'it is a node\'s' : undefined })
  for (const [method, url, allow] of [['DELETE', '/things', 'POST'], ['POST', '/named/x', 'GET, HEAD'], ['GET', '/data?a=b', 'POST'], ['PATCH', '/livez', 'GET, HEAD']] as const) {
    const answer = await app.inject({ method, url })
    t.match(answer, { statusCode: 405, headers: { allow } }, url)
    t.same(answer.json(), { statusCode: 405, code: 'GP_VALIDATION', error: 'Method Not Allowed', message: `method: got "${method}"; takes ${allow} at ${url.split('?')[0] ?? ''}` })
  }
  for (const url of ['/named/', '/named', '/named/x/y', '/things/', '/:name', '/']) t.equal((await app.inject({ method: 'PUT', url })).statusCode, 404, url)
  t.match((await app.inject({ method: 'POST', url: '/messages?x=1' })).json(), { statusCode: 404, code: 'GP_NOT_FOUND', message: 'no route POST /messages: it is a node\'s' })
  t.equal((await app.inject({ method: 'OPTIONS', url: '/things' })).statusCode, 204, 'a preflight')
})

t.test('app - the longest names pass, whatever their script', async t => {
  const { app } = await testApp(t)
  for (const name of ['a'.repeat(128), '😀'.repeat(128), 'a/b', 'ü %2F?#', '__proto__']) {
    const answer = await app.inject(`/named/${encodeURIComponent(name)}`)
    t.equal(answer.statusCode, 200, name.slice(0, 20))
    t.equal(answer.json().name, name)
  }
})

t.test('app - keys that could pollute a prototype are plain data', async t => {
  const { app } = await testApp(t)
  const payload = '{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'
  const answer = await app.inject({ method: 'POST', url: '/data', headers: { 'content-type': 'application/json' }, payload })
  t.same(answer.json(), { keys: ['__proto__', 'constructor'], polluted: null })
})

t.test('app - an empty body is no body, whatever its content type', async t => {
  const { app } = await testApp(t)
  t.same((await app.inject({ method: 'POST', url: '/empty', headers: { 'content-type': 'application/json' } })).json(), { body: null })
  t.same((await app.inject({ method: 'POST', url: '/empty' })).json(), { body: null })
  const url = await listenOn(app, { host: '127.0.0.1', port: 0 })
  for (const contentType of [undefined, 'application/x-www-form-urlencoded', 'text/plain', 'application/json', 'multipart/form-data; boundary=x']) {
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
    const what = contentType ?? 'none'
    // What `curl -X POST -d ''` sends; then an empty chunked body.
    t.same(await (await fetch(`${url}/empty`, { method: 'POST', headers: { ...headers, 'content-length': '0' } })).json(), { body: null }, what)
    t.same(await (await fetch(`${url}/empty`, { method: 'POST', headers, body: new ReadableStream({ start: body => { body.close() } }), duplex: 'half' } as RequestInit)).json(), { body: null }, `${what}, chunked`)
  }
  const full = await fetch(`${url}/empty`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(900) })
  t.equal(full.status, 415)
  t.match(await full.json(), { code: 'GP_VALIDATION' })
})

t.test('app - a whole number that would be rounded is none', async t => {
  const kept = ['9007199254740992', '-9007199254740991', '100000000000000000000', '-12345670000000000000000000', '0.12345678901234567890', '1.5e300', '"738529527931269425"', '"\\" 738529527931269425"', '12345678901234567e0']
  for (const text of kept) t.equal(parseJson(`{"a":[${text},1]}`) instanceof Object && (parseJson(`[${text}]`) as unknown[])[0], JSON.parse(text), text)
  for (const text of ['738529527931269425', '-738529527931269425', '9007199254740993', '12345678901234567168', '12345678901234567000000', '1'.repeat(400), '1'.repeat(1_000_000)]) {
    t.same(parseJson(`{"a":"x","b":[1,${text}]}`), { a: 'x', b: [1, Infinity] }, text.slice(0, 20))
  }
  t.throws(() => parseJson('[738529527931269425'), SyntaxError)
})

t.test('app - a body costs what its length says, whatever is in it', async t => {
  const long = 100_000
  const bodies = { 'a string without an end': `[1234567890123456,"${'\\"'.repeat(long)}`, 'zeros within a number': `[1${'0'.repeat(long)}1]`, quotes: `[1234567890123456,${'"'.repeat(long)}` }
  for (const [what, body] of Object.entries(bodies)) {
    const before = process.cpuUsage()
    try { parseJson(body) } catch { /* no JSON */ }
    const { user } = process.cpuUsage(before)
    t.ok(user < 500_000, `${what}: ${user / 1000} ms of CPU`)
  }
})

t.test('app - a fault hides its detail and is logged once', async t => {
  const { app, lines } = await testApp(t)
  for (const url of ['/broken', '/internal']) {
    lines.length = 0
    const answer = await app.inject(url)
    t.match(answer.json(), { statusCode: 500, code: 'GP_INTERNAL' })
    t.notMatch(answer.body, /secret detail/)
    t.equal(lines.length, 1)
    t.match(JSON.parse(lines[0] ?? ''), { level: 'error', err: { message: 'secret detail' } })
  }
  lines.length = 0
  const refused = await app.inject('/refused')
  t.match(refused.json(), { statusCode: 503, code: 'GP_OVERLOADED', error: 'Service Unavailable', message: 'too much' })
  t.equal(refused.headers['retry-after'], '3')
  t.equal(lines.length, 0)
})

t.test('app - any site may ask, without credentials', async t => {
  const { app } = await testApp(t)
  const preflight = await app.inject({ method: 'OPTIONS', url: '/things', headers: { origin: 'https://site.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,idempotency-key,traceparent,baggage,x-request-id' } })
  t.equal(preflight.statusCode, 204)
  t.equal(preflight.headers['access-control-allow-origin'], '*')
  t.equal(preflight.headers['access-control-allow-headers'], 'authorization,idempotency-key,traceparent,baggage,x-request-id', 'whatever the page adds')
  t.notOk(preflight.headers['access-control-allow-credentials'])
  for (const url of ['/livez', '/nowhere', '/broken']) {
    t.equal((await app.inject({ url, headers: { origin: 'https://site.example' } })).headers['access-control-allow-origin'], '*', url)
  }
})

t.test('app - a connection has one idle time, within a request and between two', async t => {
  const { app } = await testApp(t)
  const url = await listenOn(app, { host: '127.0.0.1', port: 0 })
  t.match(app.server, { timeout: 120_000, keepAliveTimeout: 0 })
  const { headers } = await fetch(`${url}/at-once`)
  t.equal(headers.get('connection'), 'keep-alive')
  t.equal(headers.get('keep-alive'), null, 'no other time is told')
})

t.test('probes - readyz says what is missing', async t => {
  const ready = await testApp(t, { missing: { dispatch: true } })
  t.match(await ready.app.inject('/readyz'), { statusCode: 200, body: '{"status":"ready","checks":{"dispatch":"ok"}}' })
  t.match(await ready.app.inject('/livez'), { statusCode: 200, body: '{"status":"alive"}' })
  const waiting = await testApp(t, { missing: { dispatch: 'not connected', store: true } })
  t.match(await waiting.app.inject('/readyz'), { statusCode: 503, body: '{"status":"not ready","checks":{"dispatch":"not connected","store":"ok"}}' })
})

t.test('app - each answer is counted once, under the pattern of its route; one that nobody got is not', async t => {
  const { app } = await testApp(t)
  const url = await listenOn(app, { host: '127.0.0.1', port: 0 })
  const counted = async (): Promise<string[]> => [...(await (await fetch(`${url}/metrics`)).text()).matchAll(/^gatepost_http_request_seconds_count\{(.*)\} (\d+)$/gm)]
    .map(([, labels = '', count = '']) => `${labels.replaceAll(/\w+=|"/g, '')} ${count}`).filter(text => !text.includes('/metrics')).sort()
  for (const path of ['/named/a', '/named/b', '/nowhere']) await (await fetch(url + path)).text()
  await (await fetch(`${url}/named/c`, { method: 'HEAD' })).text()
  const gone = new AbortController()
  const left = fetch(`${url}/never`, { signal: gone.signal }).catch(() => 'left')
  await until('the request is there', () => waiting.length > 0)
  gone.abort()
  t.equal(await left, 'left')
  await until('its connection is gone', () => waiting.every(({ destroyed }) => destroyed))
  t.same(await counted(), ['GET,/named/:name,200 2', 'GET,unknown,404 1', 'HEAD,/named/:name,200 1'])
})

t.test('openapi - the document shows the schemas, security and refusals of the routes', async t => {
  const { app } = await testApp(t)
  const document = (await app.inject('/openapi.json')).json()
  t.match(document, { openapi: '3.1.0', components: { securitySchemes: { bearer: { scheme: 'bearer' } } } })
  const route = document.paths['/things'].post
  t.same(route.security, [{ bearer: [] }])
  t.same(Object.keys(route.responses), ['200', '400', '403', '500'])
  t.match(route.responses['403'], { description: 'GP_SCOPE' })
  t.equal(document.paths['/named/{name}'].get.parameters[0].schema.type, 'string')
  const page = await app.inject('/docs')
  t.match(page.headers['content-type'], /text\/html/)
  // The page loads the document from there.
  t.same((await app.inject('/docs/json')).json(), document)
})

t.test('app - who sends too much, or nonsense, gets the refusal and keeps the connection', async t => {
  const { app } = await testApp(t)
  const url = await listenOn(app, { host: '127.0.0.1', port: 0 })
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  let received = ''
  socket.on('data', chunk => { received += chunk.toString() })
  const answers = async (count: number): Promise<void> => { await until(`${count} answers`, () => received.split('HTTP/1.1 ').length === count + 1) }
  const size = 5_000_000
  const head = (length: string): string => `POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n\r\n`
  socket.write(head(`content-length: ${size}`))
  socket.write('x'.repeat(size))
  await answers(1)
  t.match(received, /^HTTP\/1\.1 413 [^]*"code":"GP_TOO_LARGE"/)
  socket.write(`${head('transfer-encoding: chunked')}${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`)
  await answers(2)
  socket.write(`${head('content-length: 3')}{x}`)
  await answers(3)
  socket.write(`${head('content-length: 12')}{"count":55}`)
  await answers(4)
  t.same([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), ['413', '413', '400', '200'])
  for (let i = 0; i < 3; i++) t.equal((await fetch(`${url}/things`, { method: 'POST', body: 'x'.repeat(9_600_000), headers: { 'content-type': 'application/json' } })).status, 413)
})

t.test('app - bytes that are no request get an answer with a code', async t => {
  const { app } = await testApp(t)
  const url = new URL(await listenOn(app, { host: '127.0.0.1', port: 0 }))
  t.equal(url.hostname, '127.0.0.1')
  const ask = async (bytes: string): Promise<string> => {
    const socket = connect(Number(url.port), url.hostname)
    socket.write(bytes)
    return await text(socket)
  }
  t.match(await ask('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 [^]*"code":"GP_VALIDATION"/)
  t.match(await ask(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1\.1 431 [^]*"code":"GP_VALIDATION"/)
  for (const path of ['/at-once', '/livez']) {
    const answer = await ask(`GET ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, x\r\n\r\n`)
    t.match(answer, /^HTTP\/1\.1 400 [^]*"code":"GP_VALIDATION"/)
    t.equal(answer.split('HTTP/1.1 ').length, 2, 'one answer')
  }
})
