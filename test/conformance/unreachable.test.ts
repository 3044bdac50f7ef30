import t from 'tap'
import { runGatepost, tempDir } from '../helpers/deployment.js'
import { refused, request } from '../helpers/raw-client.js'
import { nowSeconds, signHs256 } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const secret = 'a secret for tests, long enough for all'

const lines = (text: string): number => text.split('\n').filter(line => /"level":(?:40|50|"warn"|"error")/.test(line)).length

t.test('start - a Gate without its NATS goes on trying, says what is missing, and ends on a signal', async t => {
  const port = await freePort()
  const gate = runGatepost(['gate'], { cwd: await tempDir(t), settings: { GATEPOST_SECRET: secret, GATEPOST_NATS_URL: `nats://127.0.0.1:${await freePort()}`, GATEPOST_PORT: String(port) } })
  t.teardown(async () => { if (gate.isAlive()) await gate.end('SIGKILL') })
  const base = `http://127.0.0.1:${port}`
  await until('alive', async () => (await request(base, 'GET', '/livez').catch(() => undefined))?.status === 200)
  const ready = await request(base, 'GET', '/readyz')
  t.equal(ready.status, 503)
  t.match(ready.text, /nats|dispatch/i, 'says what is missing')
  const answer = await request(base, 'GET', '/gate/assign', { token: signHs256({ sub: 'ada', exp: nowSeconds() + 60 }, secret) })
  refused(t, answer, 503, ['GP_NO_NODE', 'GP_DISPATCH_UNAVAILABLE'], 'no node to give')
  const sent = await request(base, 'POST', '/gate/messages', { token: signHs256({ sub: 'shop', scope: 'producer', exp: nowSeconds() + 60 }, secret), body: { to: { user: 'ada' }, title: 'x' } })
  refused(t, sent, 503, ['GP_NO_NODE', 'GP_DISPATCH_UNAVAILABLE'], 'no node to store it')
  await until('a log line for each try', () => lines(gate.stdout()) >= 2, 15_000)
  t.ok(gate.isAlive())
  t.notMatch(gate.stdout() + gate.stderr(), /"event":"ready"/)
  t.equal(await gate.end('SIGTERM'), 0)
})

t.test('start - a node without NATS and MongoDB does the same', async t => {
  const port = await freePort()
  const settings = { GATEPOST_SECRET: secret, GATEPOST_NATS_URL: `nats://127.0.0.1:${await freePort()}`, GATEPOST_MONGODB_URL: `mongodb://127.0.0.1:${await freePort()}`, GATEPOST_PORT: String(port) }
  const node = runGatepost(['node'], { cwd: await tempDir(t), settings })
  t.teardown(async () => { if (node.isAlive()) await node.end('SIGKILL') })
  const base = `http://127.0.0.1:${port}`
  await until('alive', async () => (await request(base, 'GET', '/livez').catch(() => undefined))?.status === 200)
  const ready = await request(base, 'GET', '/readyz')
  t.equal(ready.status, 503)
  t.match(ready.text, /nats|dispatch|mongo|store/i, 'says what is missing')
  await until('a log line for each try', () => lines(node.stdout()) >= 2, 15_000)
  t.ok(node.isAlive())
  t.equal(await node.end('SIGTERM'), 0)
})
