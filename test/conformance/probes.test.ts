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
  for (const body of [{}, { user: '' }, { user: 5 }, { user: 'a\nb' }, { user: 'x'.repeat(129) }, { user: 'ada', scope: 'admin' }, []]) {
    refused(t, await request(demo.gate, 'POST', '/gate/login', { body }), 400, 'GP_VALIDATION', JSON.stringify(body).slice(0, 40))
  }
})
