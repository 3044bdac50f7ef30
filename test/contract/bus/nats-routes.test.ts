/** Real nats-servers with the configuration of deploy/: two of ours are one cluster, a server without our certificate or login joins none. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import t, { type Test } from 'tap'
import { makeCertificates, natsConfOn } from '../../helpers/compose-file.js'
import { tempDir } from '../../helpers/deployment.js'
import { findNatsServer, natsMissing, startNatsServer, type NatsServer } from '../../helpers/nats-server.js'
import { until } from '../../helpers/until.js'

const tls = await tempDir(t)
const skip = await findNatsServer() === undefined ? natsMissing : await makeCertificates(tls) === undefined && 'needs openssl'
const strangers = await tempDir(t)

/** One server's configuration as its environment makes it, on free ports of this machine. */
function configOf (name: string, routes: readonly string[], { folder = tls, routePassword = 'r1' } = {}): string {
  const values: Record<string, string> = {
    NATS_NAME: name, NATS_GATE_PASSWORD: 'g1', NATS_NODE_PASSWORD: 'n1', NATS_ROUTE_PASSWORD: routePassword, NATS_ROUTES: JSON.stringify(routes)
  }
  return natsConfOn(folder)
    .replace(/^(?:listen|http|pid_file): .*$/gm, '').replace(/^ *advertise: .*$/m, '')
    .replace('"0.0.0.0:6222"', '"127.0.0.1:-1"')
    .replace(/\$(NATS_\w+)/g, (_, variable: string) => variable === 'NATS_ROUTES' ? values[variable] ?? '' : JSON.stringify(values[variable]))
}

const routeTo = (server: NatsServer, password = 'r1'): string => `nats-route://route:${password}@localhost:${new URL(server.routeUrl ?? '').port}`

async function client (t: Test, { port }: NatsServer, login: { user: string, pass: string }, secure = true): Promise<NatsConnection> {
  const connection = await connect({ servers: `localhost:${port}`, ...login, reconnect: false, ...secure && { tls: { ca: readFileSync(join(tls, 'ca.crt'), 'utf8') } } })
  t.teardown(async () => { await connection.close() })
  return connection
}

const node = { user: 'node', pass: 'n1' }

/** Whether what is published at one server comes to who subscribes at the other; waits for it to be so. */
async function carries (t: Test, from: NatsConnection, to: NatsConnection): Promise<void> {
  let came = 0
  to.subscribe('gatepost.test', { callback: () => { came++ } })
  await to.flush()
  await until('a message comes across', async () => {
    from.publish('gatepost.test')
    await from.flush()
    return came > 0
  })
  t.ok(came > 0)
}

void t.test('nats routes - two servers of ours are one cluster', { skip }, async t => {
  const a = await startNatsServer(t, { config: configOf('nats1', []) })
  const b = await startNatsServer(t, { config: configOf('nats2', [routeTo(a)]) })
  await carries(t, await client(t, a, node), await client(t, b, node))
})

void t.test('nats routes - without our certificate, or without the login, a server hears nothing', { skip }, async t => {
  await makeCertificates(strangers)
  const a = await startNatsServer(t, { config: configOf('nats1', []) })
  const open = 'listen: "127.0.0.1:-1"\n'
  const withoutTls = await startNatsServer(t, { config: `cluster { name: gatepost, ${open} routes: ["${routeTo(a)}"] }` })
  const ofAnother = await startNatsServer(t, { config: configOf('nats3', [routeTo(a)], { folder: strangers }) })
  const withoutLogin = await startNatsServer(t, { config: configOf('nats3', [routeTo(a, 'guessed')], { routePassword: 'guessed' }) })
  const listeners = [
    await client(t, withoutTls, node, false).catch(() => connect({ servers: `127.0.0.1:${withoutTls.port}` })),
    await connect({ servers: `localhost:${ofAnother.port}`, ...node, tls: { ca: readFileSync(join(strangers, 'ca.crt'), 'utf8') } }),
    await client(t, withoutLogin, node)
  ]
  t.teardown(async () => { await Promise.all(listeners.map(async one => { await one.close() })) })
  let heard = 0
  for (const listener of listeners) {
    listener.subscribe('gatepost.>', { callback: () => { heard++ } })
    await listener.flush()
  }
  // A server of ours that comes after them is let in: by then each of them has been refused at least once.
  const b = await startNatsServer(t, { config: configOf('nats2', [routeTo(a)]) })
  const sender = await client(t, a, node)
  await carries(t, sender, await client(t, b, node))
  for (const listener of listeners) await listener.flush()
  t.equal(heard, 0, 'what ours tell each other comes to none of them')
})

void t.test('nats - nobody is a client without TLS or with an empty or unknown password', { skip }, async t => {
  const a = await startNatsServer(t, { config: configOf('nats1', []) })
  await t.rejects(client(t, a, node, false))
  for (const pass of ['', 'guessed']) await t.rejects(client(t, a, { user: 'node', pass }), { code: 'AUTHORIZATION_VIOLATION' })
  await t.resolves(client(t, a, { user: 'gate', pass: 'g1' }))
})
