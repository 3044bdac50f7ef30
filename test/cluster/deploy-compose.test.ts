/**
 * The processes of deploy/compose with the very settings of its file, without containers: the addresses of containers
 * are put onto this machine. What is shown: they start, find each other, deliver across nodes, and drain.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { composeFolder, exampleVariables, findProgram, makeCertificates, natsConfOn, nginxOn, readCompose } from '../helpers/compose-file.js'
import { runGatepost, tempDir, type GatepostProcess } from '../helpers/deployment.js'
import { bodies, faultsOfOrder, probeInbox } from '../helpers/inbox-probe.js'
import { findMongodb, mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { nowSeconds, signHs256 } from '../helpers/tokens.js'
import { until, within } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const secret = randomBytes(32).toString('hex')
const password = (): string => randomBytes(24).toString('hex')
const { services } = readCompose(exampleVariables({ GATEPOST_SECRET: secret, NATS_GATE_PASSWORD: password(), NATS_NODE_PASSWORD: password(), NATS_ROUTE_PASSWORD: password() }))
const names = (command: string): string[] => Object.keys(services).filter(name => services[name]?.command?.[0] === command)
const token = (sub: string, scope = 'user'): string => signHs256({ sub, scope, exp: nowSeconds() + 3600 }, secret)

/** Three servers with the configuration and the environment of the Compose file, as one cluster on other ports; the address of Gates and nodes for them. */
async function startNats (t: Test, tls: string): Promise<{ urlOf: (name: string) => string, servers: Array<Awaited<ReturnType<typeof startNatsServer>>> }> {
  const routes = await Promise.all([freePort(), freePort(), freePort()])
  const here = (text: string): string => text.replace(/nats(\d):6222/g, (_, at: string) => `localhost:${routes[Number(at) - 1] ?? 0}`)
  const servers: Array<Awaited<ReturnType<typeof startNatsServer>>> = []
  for (const [at, own] of routes.entries()) {
    const environment = services[`nats${at + 1}`]?.environment ?? {}
    const config = natsConfOn(tls)
      .replace(/^(?:listen|http|pid_file): .*$/gm, '')
      .replace('"0.0.0.0:6222"', `"127.0.0.1:${own}"`)
      .replace(/\$(NATS_\w+)/g, (_, name: string) => name === 'NATS_ROUTES' ? here(environment[name] ?? '') : JSON.stringify(here(environment[name] ?? '')))
    servers.push(await startNatsServer(t, { config }))
  }
  return {
    urlOf: name => (services[name]?.environment?.GATEPOST_NATS_URL ?? '').replace(/nats(\d):4222/g, (_, at: string) => `localhost:${servers[Number(at) - 1]?.port ?? 0}`),
    servers
  }
}

const ask: typeof fetch = async (url, init) => await fetch(url, { signal: AbortSignal.timeout(60_000), ...init })

const processNames = [...names('gate'), ...names('node')]
const countsOf = (name: string): string => `${name}-metrics`

const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : await findProgram('openssl', 'version') === undefined && 'needs openssl'
const nginx = await findProgram('nginx', '-v')

t.test('compose - its processes with its settings: assigned, delivered across nodes, drained', { skip: missing }, async t => {
  const dir = await tempDir(t)
  await makeCertificates(join(dir, 'tls'))
  const nats = await startNats(t, join(dir, 'tls'))
  const mongodb = await startMongodbServer(t)
  const ports = Object.fromEntries(await Promise.all([...processNames, ...processNames.map(countsOf), 'proxy', 'proxy-operator'].map(async name => [name, await freePort()] as const)))
  const processes = new Map<string, GatepostProcess>()
  t.teardown(async () => { await Promise.all([...processes.values()].filter(one => one.isAlive()).map(async one => await one.end('SIGKILL'))) })

  const start = (command: string, name: string): void => {
    const environment = { ...services[name]?.environment }
    const settings: Record<string, string> = {
      ...environment,
      NODE_EXTRA_CA_CERTS: join(dir, 'tls/ca.crt'),
      GATEPOST_NATS_URL: nats.urlOf(name),
      GATEPOST_HOST: '127.0.0.1',
      GATEPOST_PORT: String(ports[name]),
      GATEPOST_METRICS_PORT: String(ports[countsOf(name)])
    }
    if (command === 'node') {
      settings.GATEPOST_MONGODB_URL = mongodb?.url ?? ''
      settings.GATEPOST_PUBLIC_URL = nginx !== undefined ? `http://127.0.0.1:${ports.proxy ?? 0}/nodes/${name}` : `http://127.0.0.1:${ports[name] ?? 0}`
    }
    processes.set(name, runGatepost([command], { cwd: dir, settings }))
  }
  for (const name of names('node')) start('node', name)
  for (const name of names('gate')) start('gate', name)
  const gates = names('gate').map(name => `http://127.0.0.1:${ports[name] ?? 0}`)
  await Promise.all([...processes.values()].map(async one => await one.ready))

  let entrance = gates[0] ?? ''
  if (nginx !== undefined) {
    const addresses = Object.fromEntries([...names('gate'), ...names('node')].map(name => [`${name}:${services[name]?.environment?.GATEPOST_PORT ?? ''}`, `127.0.0.1:${ports[name] ?? 0}`]))
    const listen = { 8080: `127.0.0.1:${ports.proxy ?? 0}`, 8081: `127.0.0.1:${ports['proxy-operator'] ?? 0}` }
    await writeFile(join(dir, 'nginx.conf'), nginxOn(readFileSync(`${composeFolder}nginx.conf`, 'utf8'), dir, addresses, listen))
    // Started by root its workers would be somebody else, who may not write into this test's folder.
    const directives = `daemon off;${process.getuid?.() === 0 ? ' user root;' : ''}`
    const proxy = spawn(nginx, ['-c', join(dir, 'nginx.conf'), '-g', directives], { stdio: 'ignore' })
    t.teardown(async () => {
      const ended = once(proxy, 'exit')
      if (proxy.exitCode === null && proxy.kill('SIGTERM')) await ended
    })
    entrance = `http://127.0.0.1:${ports.proxy ?? 0}`
    await until('the proxy answers', async () => await ask(`${entrance}/gate/assign`).then(answer => answer.status === 401, () => false))
  } else t.comment('without nginx: clients go to a Gate and to the nodes themselves')

  const assign = async (gate: string, user: string): Promise<{ node: { id: string, url: string }, ticket: string }> => {
    const answer = await ask(`${gate}/gate/assign`, { headers: { authorization: `Bearer ${token(user)}` } })
    t.equal(answer.status, 200)
    return await answer.json() as { node: { id: string, url: string }, ticket: string }
  }
  const upAt = async (gate: string): Promise<string[]> => {
    const answer = await ask(`${gate}/gate/nodes`, { headers: { authorization: `Bearer ${token('operator', 'admin')}` } })
    const { nodes } = await answer.json() as { nodes: Array<{ id: string, state: string }> }
    return nodes.filter(({ state }) => state === 'up').map(({ id }) => id).sort()
  }
  for (const gate of gates) await until('all three nodes', async () => (await upAt(gate)).length === 3)
  const operators = nginx === undefined ? entrance : `http://127.0.0.1:${ports['proxy-operator'] ?? 0}`
  t.strictSame(await upAt(operators), ['node1', 'node2', 'node3'], 'with the names of the file')

  const userOf = new Map<string, string>()
  for (let i = 0; userOf.size < 3 && i < 200; i++) {
    const places = await Promise.all(gates.map(async gate => (await assign(gate, `user${i}`)).node.id))
    t.equal(places[0], places[1], 'both Gates give the same node')
    userOf.set(places[0] ?? '', userOf.get(places[0] ?? '') ?? `user${i}`)
  }
  t.strictSame([...userOf.keys()].sort(), ['node1', 'node2', 'node3'], 'every node has users')

  const users = [...userOf.values()]
  const probes = users.map(user => probeInbox(t, { gate: entrance, token: token(user), timing: { readyTimeoutMs: 5_000, requestTimeoutMs: 5_000, patienceMs: 10_000, retryBaseMs: 50 } }))
  await within('all are live', Promise.all(probes.map(async ({ inbox }) => { await inbox.whenLive() })))
  for (const [at, { inbox }] of probes.entries()) {
    for (const user of users) if (user !== users[at]) await within('a send', inbox.send({ to: { user }, body: `from ${users[at] ?? ''}` }))
  }
  const batch = Array.from({ length: 300 }, (_, i) => ({ to: { user: users[i % 3] }, body: 'x'.repeat(10_000) }))
  const answer = await ask(`${entrance}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${token('shop', 'producer')}`, 'content-type': 'application/json' }, body: JSON.stringify(batch) })
  t.equal(answer.status, 207, 'three MB pass the proxy')
  t.ok((await answer.json() as { results: Array<{ status: number }> }).results.every(({ status }) => status === 201))
  for (const [at, probe] of probes.entries()) {
    const got = (): string[] => bodies(probe.entries.filter(entry => entry.type === 'message' && entry.boxes.includes('inbox')))
    await until('mail from the two others and a third of the batch', () => got().length === 102)
    t.strictSame(got().filter(body => body.startsWith('from')).sort(), users.filter(user => user !== users[at]).map(user => `from ${user}`).sort())
    t.strictSame(faultsOfOrder(probe.entries), [])
  }
  const status = async (url: string): Promise<number> => (await ask(url)).status
  for (const path of ['metrics', 'livez', 'readyz', 'docs', 'openapi.json', 'gate/docs', 'gate/openapi.json']) {
    for (const name of processNames) t.equal(await status(`http://127.0.0.1:${ports[name] ?? 0}/${path}`), 404, `${name}: ${path} is not for those outside`)
    if (nginx !== undefined) for (const under of ['', 'nodes/node1/', 'nodes/node2/']) t.equal(await status(`${entrance}/${under}${path}`), 404, `the proxy: ${under}${path}`)
  }
  for (const name of processNames) t.equal(await status(`http://127.0.0.1:${ports[countsOf(name)] ?? 0}/metrics`), 200, `${name} is counted for Prometheus`)
  if (nginx !== undefined) {
    for (const path of ['gate/admin', 'gate/nodes', 'gate/revocations']) t.equal(await status(`${entrance}/${path}`), 404, `${path} is for who operates`)
    t.equal(await status(`${operators}/gate/admin`), 200)
  }

  // One of three servers ends: its clients go to the others.
  await nats.servers[0]?.kill()
  for (const name of processes.keys()) await until(`${name} is ready with two servers`, async () => (await ask(`http://127.0.0.1:${ports[countsOf(name)] ?? 0}/readyz`)).ok)

  // All of NATS is away: docs/operations.md says what goes on and what does not.
  for (const server of nats.servers) await server.kill()
  for (const name of processes.keys()) await until(`${name} says what is missing`, async () => (await ask(`http://127.0.0.1:${ports[countsOf(name)] ?? 0}/readyz`)).status === 503)
  await assign(entrance, users[0] ?? '')
  await within('a send without NATS', probes[0]!.inbox.send({ to: { user: users[1] ?? '' }, body: 'without NATS' }))
  const refused = await ask(`${entrance}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${token('shop', 'producer')}`, 'content-type': 'application/json' }, body: JSON.stringify({ to: { user: users[0] }, body: 'not now' }) })
  t.equal(refused.status, 503)
  t.match((await refused.json() as { code: string }).code, /^GP_(?:DISPATCH_UNAVAILABLE|NO_NODE)$/)
  for (const server of nats.servers) await server.restart()
  const second = probes[1]
  await until('what was stored meanwhile', () => second !== undefined && bodies(second.entries).includes('without NATS'))
  for (const gate of gates) await until('all three nodes again', async () => (await upAt(gate)).length === 3)

  // node1 stops as Compose stops it: its user is handed over, and misses nothing.
  const graceMs = Number.parseInt(services.node1?.stop_grace_period ?? '', 10) * 1000
  const moved = probes[users.indexOf(userOf.get('node1') ?? '')]
  const begun = performance.now()
  const ending = processes.get('node1')?.end('SIGTERM')
  await until('no Gate gives node1 any more', async () => (await Promise.all(gates.map(upAt))).every(up => !up.includes('node1')))
  await within('a send while a node drains', probes[1]!.inbox.send({ to: { user: userOf.get('node1') ?? '' }, body: 'while you move' }))
  t.equal(await within('node1 ends', ending!), 0)
  t.ok(performance.now() - begun < graceMs, 'before Compose would kill it')
  await until('the mail came', () => moved !== undefined && bodies(moved.entries).includes('while you move'))
  t.strictSame(faultsOfOrder(moved?.entries ?? []), [])

  await within('the clients close', Promise.all(probes.map(async ({ inbox }) => { await inbox.close() })))
  const left = [...processes].filter(([name]) => name !== 'node1')
  t.strictSame(await within('the others end', Promise.all(left.map(async ([, one]) => await one.end('SIGTERM')))), left.map(() => 0), 'all end with 0')
  const errors = [...processes.values()].flatMap(one => one.stdout().split('\n')).filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line))
  t.strictSame(errors, [], 'nothing that somebody must act upon')
})
