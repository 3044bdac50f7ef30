/** What a process answers while its store is being prepared, on a sharded MongoDB that takes its time. */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { runGatepost, tempDir, type GatepostProcess, type Settings } from '../helpers/deployment.js'
import { startMongosDouble, type MongosDouble } from '../helpers/mongos-double.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const secret = randomBytes(24).toString('hex')
const skip = await findNatsServer() === undefined && natsMissing

interface Probe { readonly status: number, readonly checks: Record<string, string> }

const live = async (port: number): Promise<number> => await fetch(`http://127.0.0.1:${port}/livez`).then(async answer => { await answer.text(); return answer.status }, () => 0)
async function ready (port: number): Promise<Probe> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
  const { checks } = await answer.json() as { checks: Record<string, string> }
  return { status: answer.status, checks }
}

/** A mongos whose first sharding does not end before `go` is called. */
async function startHeld (t: Test): Promise<{ mongos: MongosDouble, go: () => void }> {
  const mongos = await startMongosDouble(t, { version: '4.4' })
  let go = (): void => {}
  const held = new Promise<undefined>(resolve => { go = () => { resolve(undefined) } })
  mongos.faults.answer = name => name === 'shardCollection' ? held : undefined
  return { mongos, go }
}

async function run (t: Test, command: string[], settings: Settings): Promise<GatepostProcess> {
  const started = runGatepost(command, { cwd: await tempDir(t), settings: { GATEPOST_SECRET: secret, GATEPOST_DRAIN: '1', ...settings } })
  t.teardown(async () => { await started.end('SIGKILL') })
  return started
}

async function checkPrepared (t: Test, started: GatepostProcess, port: number, go: () => void): Promise<void> {
  await until('it lives', async () => await live(port) === 200, 60_000)
  t.notOk(started.stdout().includes('"event":"ready"'))
  t.match(await ready(port), { status: 503, checks: { store: 'preparing the store' } })
  go()
  await started.ready
  t.match(await ready(port), { status: 200, checks: { store: 'ok' } })
  t.equal(await started.end('SIGTERM'), 0)
}

t.test('preparation - a node answers its probes meanwhile, and is no member that users are sent to', { skip }, async t => {
  const { mongos, go } = await startHeld(t)
  const nats = await startNatsServer(t)
  const port = await freePort()
  const started = await run(t, ['node'], { GATEPOST_NATS_URL: nats.url, GATEPOST_MONGODB_URL: mongos.url, GATEPOST_PORT: String(port) })
  await checkPrepared(t, started, port, go)
})

t.test('preparation - gatepost up too, at Gate\'s port', async t => {
  const { mongos, go } = await startHeld(t)
  const port = await freePort()
  const started = await run(t, ['up'], { GATEPOST_MONGODB_URL: mongos.url, GATEPOST_PORT: String(port) })
  await checkPrepared(t, started, port, go)
})

t.test('preparation - a MongoDB that is not there is named, and the process lives', async t => {
  const [port, nowhere] = [await freePort(), await freePort()]
  const started = await run(t, ['up'], { GATEPOST_MONGODB_URL: `mongodb://127.0.0.1:${nowhere}/x?serverSelectionTimeoutMS=300`, GATEPOST_PORT: String(port) })
  await until('it lives', async () => await live(port) === 200, 60_000)
  await until('named', async () => (await ready(port)).checks['store'] === 'not reachable')
  t.equal(await started.end('SIGTERM'), 0)
})

for (const version of ['4.4', '8.0'] as const) {
  t.test(`preparation - three nodes that start at once on an empty database, MongoDB ${version}`, { skip }, async t => {
    const mongos = await startMongosDouble(t, { version, stepMs: 50 })
    const nats = await startNatsServer(t)
    const settings = { GATEPOST_NATS_URL: nats.url, GATEPOST_MONGODB_URL: mongos.url, GATEPOST_PORT: '0' }
    const nodes = await Promise.all([0, 1, 2].map(async () => await run(t, ['node'], settings)))
    await Promise.all(nodes.map(async node => await node.ready))
    for (const node of nodes) t.match(node.stdout(), /"event":"mongodb-ready","notes":\[\]/, 'nothing is left to be done')
    for (const name of ['entries', 'state', 'claims']) t.same(mongos.placesOf(name), [['', 'shard-a'], ['8000', 'shard-b']])
  })
}
