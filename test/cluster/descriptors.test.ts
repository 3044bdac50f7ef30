/** Descriptors run out: connections are refused, and nothing ends. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startCluster, startEmbedded, type Deployment } from '../helpers/deployment.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, openSocket, request } from '../helpers/raw-client.js'
import { openTcp } from '../helpers/silent-clients.js'
import { until } from '../helpers/until.js'

t.setTimeout(240_000)
const run = promisify(execFile)
const maxDescriptors = 200
/** One user asks as fast as it can, all along. */
const settings = { GATEPOST_RATE_USER: '0' }
const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false

/** As many silent connections as there are descriptors, and more; then none again. Sockets that are open go on all along. */
async function exhaust (t: Test, site: Deployment, strangers: number): Promise<void> {
  const session = await assign(site, 'ada')
  const device = await openSocket(t, session)
  const silent: Socket[] = []
  for (const url of [session.node.url, ...site.gates]) for (let i = 0; i < strangers; i++) silent.push(openTcp(t, url).resume())
  await until('some are refused', () => silent.some(socket => socket.readableEnded || socket.destroyed))
  // For some heartbeats, each with figures that are read from files.
  const begun = performance.now()
  while (performance.now() - begun < 2_500 && site.isAlive()) await device.ask('subscribe', { topics: ['a'] })
  t.match(await device.ask('send', { to: { user: 'ada' }, title: 'meanwhile' }), { id: String })
  await device.message('meanwhile')
  t.ok(site.isAlive(), 'it lives')
  t.equal(device.closed(), undefined)
  for (const socket of silent) socket.destroy()
  await until('it takes connections again', async () => (await fetch(`${session.node.url}/livez`).catch(() => undefined))?.ok)
  t.match(await (await openSocket(t, await assign(site, 'grace'))).ask('send', { to: { user: 'ada' }, title: 'afterwards' }), { id: String })
  await device.message('afterwards')
  t.match(await (await fetch(`${session.node.url}/metrics`)).text(), /gatepost_/)
}

t.test('descriptors - up with a limit', async t => {
  const site = await startEmbedded(t, { maxDescriptors, settings })
  await exhaust(t, site, 2 * maxDescriptors)
  t.equal(site.log().split('"event":"connections-full"').length, 2, 'said once')
  t.match(site.log(), /"event":"connections-taken-again"/)
})

t.test('descriptors - a limit that is lowered while it runs: there is none left for anything', async t => {
  const site = await startEmbedded(t, { nodes: 1, settings })
  const [pid = 0] = site.pids()
  const session = await assign(site, 'ada')
  await openSocket(t, session)
  const limit = readdirSync(`/proc/${pid}/fd`).length + 40
  await run('prlimit', [`--pid=${pid}`, `--nofile=${limit}:${limit}`])
  await exhaust(t, site, 100)
  t.notMatch(site.log(), /uncaught|unhandled/)
})

t.test('descriptors - a Gate and a node of their own', { skip: missing }, async t => {
  const site = await startCluster(t, { nodes: 1, gates: 1, maxDescriptors, settings })
  await exhaust(t, site, 2 * maxDescriptors)
  t.ok((await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })).body.nodes.every(({ state }: { state: string }) => state === 'up'))
})
