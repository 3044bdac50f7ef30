import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, refused, request } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const { node } = await assign(site, 'zebedee')

t.test('probes - alive, ready, counted, at Gate and at a node', async t => {
  for (const base of [...site.gates, node.url]) {
    t.equal((await request(base, 'GET', '/livez')).status, 200)
    t.equal((await request(base, 'GET', '/readyz')).status, 200)
    const metrics = await request(base, 'GET', '/metrics')
    t.equal(metrics.status, 200)
    t.match(metrics.headers.get('content-type'), /text\/plain/)
    t.match(metrics.text, /^# TYPE \w+ (counter|gauge|histogram|summary)$/m)
    for (const line of metrics.text.split('\n')) t.match(line, /^$|^#|^[a-zA-Z_:][\w:]*(\{.*\})? \S+( \d+)?$/)
    t.notMatch(metrics.text, 'zebedee', 'no users in it')
  }
})

t.test('pages - the dashboard and the documents need no token to be read, their data does', async t => {
  for (const [base, paths] of [[site.gate, ['/gate/admin', '/gate/docs', '/gate/docs/']], [node.url, ['/docs', '/docs/']]] as const) {
    for (const path of paths) {
      let answer = await request(base, 'GET', path)
      if (answer.status >= 301 && answer.status <= 308) answer = await request(base, 'GET', new URL(answer.headers.get('location') ?? '', base + path).pathname)
      t.equal(answer.status, 200, path)
      t.match(answer.headers.get('content-type'), /text\/html/)
      t.notMatch(answer.text, site.secret)
      t.notMatch(answer.text, /src="https?:\/\/(?!127\.0\.0\.1)/, 'nothing from elsewhere')
      t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    }
  }
  refused(t, await request(site.gate, 'GET', '/gate/nodes'), 401, 'GP_TOKEN_MISSING', 'its data')
})

t.test('documents - OpenAPI at both doors', async t => {
  for (const address of [`${site.gate}/gate/openapi.json`, `${node.url}/openapi.json`]) {
    const { origin, pathname } = new URL(address)
    const answer = await request(origin, 'GET', pathname)
    t.equal(answer.status, 200)
    t.match(answer.body.openapi, /^3\./)
    t.equal(typeof answer.body.info.version, 'string')
  }
})

t.test('demo login - is off where a secret is set', async t => {
  refused(t, await request(site.gate, 'POST', '/gate/login', { body: { user: 'ada' } }), 404, 'GP_NOT_FOUND', 'off')
})

t.test('demo login - hands out a user token where it is on', async t => {
  const demo = await startDeployment(t, { settings: { GATEPOST_DEMO: 'true' }, nodes: 1 })
  const answer = await request(demo.gate, 'POST', '/gate/login', { body: { user: 'ada' } })
  t.equal(answer.status, 200)
  t.equal((await assign(demo, 'ada', { token: answer.body.token })).user, 'ada')
  refused(t, await request(demo.gate, 'GET', '/gate/nodes', { token: answer.body.token }), 403, 'GP_SCOPE', 'no admin')
  for (const body of [{}, { user: '' }, { user: 5 }, { user: 'a\nb' }, { user: 'x'.repeat(256) }, { user: 'ada', scope: 'admin' }, []]) {
    refused(t, await request(demo.gate, 'POST', '/gate/login', { body }), 400, 'GP_VALIDATION', JSON.stringify(body).slice(0, 40))
  }
  t.match(demo.log(), /"event":"demo-on"/, 'and says so')
  const loginFrom = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${demo.gate}/gate/login`, { method: 'POST', body: '{"user":"ada"}', headers: { 'content-type': 'application/json', ...headers } })).status
  const own = demo.gate
  for (const headers of [{ origin: own }, { 'sec-fetch-site': 'same-origin', origin: own }, { 'sec-fetch-site': 'none' }]) t.equal(await loginFrom(headers as never), 200, JSON.stringify(headers))
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: `${own}0` }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: own }]) t.equal(await loginFrom(headers as never), 403, JSON.stringify(headers))
  const { port } = new URL(demo.gate)
  for (const host of [`localhost:${port}`, `[::1]:${port}`, `app.localhost:${port}`]) t.equal((await request(demo.gate, 'POST', '/gate/login', { body: { user: 'ada' }, headers: { host } })).status, 200, host)
  // A name that stands for this machine in somebody else's DNS: a page of it is of the same origin to a browser.
  for (const host of [`evil.example:${port}`, 'localhost.evil.example', '203.0.113.7']) {
    const foreign = await request(demo.gate, 'POST', '/gate/login', { body: { user: 'ada' }, headers: { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' } })
    refused(t, foreign, 403, 'GP_SCOPE', host)
    t.match(foreign.body.message, /^host: got .*GATEPOST_PUBLIC_URL/)
  }
})

t.test('demo login - the name of GATEPOST_PUBLIC_URL is its own', async t => {
  const demo = await startDeployment(t, { settings: { GATEPOST_DEMO: 'true', GATEPOST_PUBLIC_URL: 'https://mail.example.com' }, nodes: 1 })
  t.equal((await request(demo.gate, 'POST', '/gate/login', { body: { user: 'ada' }, headers: { host: 'mail.example.com' } })).status, 200)
  t.equal((await request(demo.gate, 'POST', '/gate/login', { body: { user: 'ada' }, headers: { host: 'example.com' } })).status, 403)
})

t.test('probes - with GATEPOST_METRICS_PORT they, the metrics and the documents are on a port of their own, and no page of another origin reads them', async t => {
  const own = await startDeployment(t, { settings: { GATEPOST_METRICS_PORT: '0' }, nodes: 1 })
  const ports = own.log().split('\n').filter(line => line.includes('"operations-listen"')).map(line => JSON.parse(line) as { url: string, part?: string, node?: string })
  t.equal(new Set(ports.map(({ url }) => url)).size, own.gates.length + own.nodeCount, 'Gates and nodes')
  const session = await assign(own, 'zebedee')
  for (const { url, node } of ports) {
    const service = node === undefined ? own.gate : session.node.url
    const documents = node === undefined ? ['/gate/openapi.json', '/gate/docs/'] : ['/openapi.json', '/docs/']
    for (const path of ['/livez', '/readyz', '/metrics', ...documents]) {
      const answer = await request(url, 'GET', path)
      t.equal(answer.status, 200, path)
      t.equal(answer.headers.get('access-control-allow-origin'), null, path)
      t.equal((await request(service, 'GET', path)).status, 404, `${path} at the service`)
    }
    const document = (await request(url, 'GET', documents[0]!)).body as { paths: Record<string, unknown> }
    t.ok(document.paths[node === undefined ? '/gate/assign' : '/messages'], 'the document is of the service')
    t.equal((await request(url, 'GET', '/gate/assign')).status, 404)
    t.match((await request(url, 'GET', '/metrics')).text, /route="/, 'it counts the service')
  }
})
