/** deploy/compose: what it says fits the code, and its parts fit each other. No engine is needed. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { environmentNames } from '../../shared/platform/settings/catalogue.js'
import { readGateSettings, readNodeSettings } from '../../shared/platform/settings/config.js'
import { composeFolder, deployFolder, exampleVariables, findProgram, interpolate, makeCertificates, natsConfOn, natsFolder, nginxOn, readCompose, secondsOf } from '../helpers/compose-file.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'

const run = promisify(execFile)
const { services, networks, volumes } = readCompose(exampleVariables())
const nginx = readFileSync(`${composeFolder}nginx.conf`, 'utf8')
const natsConf = readFileSync(`${natsFolder}nats.conf`, 'utf8')
/** What deploy/make-certificates.sh makes is there once it has run. */
const isMade = (source: string): boolean => source.startsWith('../kubernetes/tls')
/** What an end may take beyond the drain: its last sockets, and closing everything. */
const endingSeconds = 13

const commandOf = (name: string): string => services[name]?.command?.[0] ?? ''
const gates = Object.keys(services).filter(name => commandOf(name) === 'gate')
const nodes = Object.keys(services).filter(name => commandOf(name) === 'node')
const environmentOf = (name: string): Readonly<Record<string, string>> => services[name]?.environment ?? {}
const sharedNetwork = (a: string, b: string): boolean => (services[a]?.networks ?? []).some(network => services[b]?.networks?.includes(network))
const listed = (name: string): readonly string[] => {
  const on = services[name]?.depends_on ?? []
  return Array.isArray(on) ? on as readonly string[] : Object.keys(on)
}

t.test('deploy files - every YAML and JSON file can be read, without a key that stands twice', async t => {
  let count = 0
  for (const name of readdirSync(deployFolder, { recursive: true, encoding: 'utf8' })) {
    const text = /\.(?:ya?ml|json)$/.test(name) ? readFileSync(join(deployFolder, name), 'utf8') : undefined
    if (text === undefined) continue
    count++
    if (name.endsWith('.json')) t.doesNotThrow(() => { JSON.parse(text) }, name)
    else for (const document of parseAllDocuments(text, { merge: true })) t.strictSame([...document.errors, ...'warnings' in document ? document.warnings : []], [], name)
  }
  t.ok(count > 15, `${count} files`)
})

t.test('compose - two Gates and three nodes, each with settings that its command takes', async t => {
  t.equal(gates.length, 2)
  t.equal(nodes.length, 3)
  const empty = t.testdir()
  for (const name of gates) t.equal(readGateSettings([], { env: environmentOf(name), cwd: empty }).port, Number(environmentOf(name).GATEPOST_PORT))
  const read = nodes.map(name => readNodeSettings([], { env: environmentOf(name), cwd: empty }))
  t.equal(new Set(read.map(({ nodeId }) => nodeId)).size, 3, 'names of their own')
  t.equal(new Set(read.map(({ publicUrl }) => publicUrl)).size, 3, 'addresses of their own')
  t.equal(new Set([...gates, ...nodes].map(name => environmentOf(name).GATEPOST_SECRET)).size, 1)
  for (const name of Object.keys(services)) {
    for (const setting of Object.keys(environmentOf(name)).filter(one => one.startsWith('GATEPOST_'))) t.ok(environmentNames.includes(setting), `${name}: ${setting}`)
  }
})

t.test('compose - secrets come from outside, and without them nothing starts', async t => {
  const text = readFileSync(`${composeFolder}compose.yaml`, 'utf8')
  for (const name of ['GATEPOST_SECRET', 'NATS_GATE_PASSWORD', 'NATS_NODE_PASSWORD', 'NATS_ROUTE_PASSWORD', 'MONGODB_PASSWORD', 'MONGODB_ADMIN_PASSWORD', 'GRAFANA_PASSWORD']) {
    t.ok(text.includes(`$\{${name}:?`))
    t.throws(() => readCompose({ ...exampleVariables(), [name]: '' }), new RegExp(name))
  }
  const wanted = new Set([...text.matchAll(/\$\{(\w+)/g)].map(match => match[1]))
  for (const name of wanted) t.match(readFileSync(`${composeFolder}.env.example`, 'utf8'), new RegExp(`^#?${name}=`, 'm'), `${name} is in .env.example`)
  t.equal(interpolate(`${'$'}{A:-b}${'$'}{C}`, { C: 'c' }), 'bc')
})

t.test('compose - what a service names is there', async t => {
  for (const [name, service] of Object.entries(services)) {
    for (const other of listed(name)) t.ok(services[other], `${name} waits for ${other}`)
    for (const network of service.networks ?? []) t.ok(Object.hasOwn(networks, network), `${name}: network ${network}`)
    for (const volume of service.volumes ?? []) {
      const source = typeof volume === 'string' ? volume.split(':')[0] ?? '' : volume.source
      t.ok(isMade(source) || (source.startsWith('.') ? existsSync(resolve(composeFolder, source)) : Object.hasOwn(volumes, source)), `${name}: ${source}`)
    }
    if (service.build !== undefined) t.ok(existsSync(resolve(composeFolder, service.build.context, service.build.dockerfile)), `${name}: its Dockerfile`)
    const script = (service.entrypoint?.[0] === 'node' ? service.entrypoint[1] : undefined) ?? (service.healthcheck?.test?.[1] === 'node' ? service.healthcheck.test[2] : undefined)
    if (script !== undefined) t.ok(existsSync(resolve(composeFolder, '../..', script)), `${name}: ${script}`)
  }
})

t.test('compose - a process may take longer to end than its drain does', async t => {
  for (const name of [...gates, ...nodes]) {
    t.ok(secondsOf(services[name]?.stop_grace_period ?? '') > Number(environmentOf(name).GATEPOST_DRAIN) + endingSeconds, name)
  }
  const lameDuckSeconds = secondsOf(/lame_duck_duration: "(\w+)"/.exec(natsConf)?.[1] ?? '')
  t.ok(secondsOf(services.nats1?.stop_grace_period ?? '') > lameDuckSeconds + 5, 'NATS')
})

t.test('compose - Gates and nodes are bounded, cannot write, and have descriptors for 10,000 sockets', async t => {
  for (const name of [...gates, ...nodes]) {
    const service = services[name]
    t.equal(service?.read_only, true)
    t.strictSame(service?.cap_drop, ['ALL'])
    t.match(service?.deploy?.resources.limits.memory, /^\d+[MG]$/)
    t.ok((service?.ulimits?.nofile.soft ?? 0) > 20_000)
    t.match(service?.healthcheck?.test?.at(-1), 'readyz')
  }
})

/** The node that nginx passes an address on to. */
const nodeOf = (uri: string): string | undefined => new RegExp(/map \$request_uri \$node \{[^}]*"~(.*)" \$name;/.exec(nginx)?.[1] ?? '^$').exec(uri)?.groups?.name

t.test('compose - addresses and ports lead where something listens', async t => {
  for (const name of nodes) {
    const { GATEPOST_PORT: port = '', GATEPOST_PUBLIC_URL: url = '', GATEPOST_MONGODB_URL: mongodb = '' } = environmentOf(name)
    const { port: published, pathname } = new URL(url)
    t.ok(services.proxy?.ports?.some(line => line === `${published}:${published}`), `${name}: the proxy is published`)
    t.equal(services[name]?.ports, undefined, `${name} is behind it`)
    t.match(nginx, new RegExp(`upstream ${name} \\{[^}]*server ${name}:${port} resolve`))
    t.equal(nodeOf(`${pathname}/messages`), name)
    t.match(mongodb, /^mongodb:\/\/gatepost:[^@/]+@.*&tls=true$/, 'a login, by TLS')
    for (const host of mongodb.slice(mongodb.indexOf('@') + 1).split('/')[0]?.split(',') ?? []) {
      const [mongos = '', mongosPort] = host.split(':')
      t.equal(commandOf(mongos), 'mongos')
      t.equal(services[mongos]?.command?.[services[mongos].command.indexOf('--port') + 1], mongosPort)
      t.ok(sharedNetwork(name, mongos))
    }
    t.ok(listed(name).includes('mongodb-init'), `${name} waits until there are shards`)
  }
  for (const name of [...gates, ...nodes]) {
    const hosts = (environmentOf(name).GATEPOST_NATS_URL ?? '').split(',').map(url => new URL(url))
    t.equal(hosts.length, 3)
    t.ok(hosts.every(({ protocol }) => protocol === 'tls:'))
    t.equal(hosts[0]?.username, gates.includes(name) ? 'gate' : 'node')
    for (const { hostname, port } of hosts) {
      t.ok(services[hostname]?.image.startsWith('nats:') === true && sharedNetwork(name, hostname), `${name} reaches ${hostname}`)
      t.match(natsConf, `listen: "0.0.0.0:${port}"`)
    }
  }
  const behind = [...nginx.matchAll(/server ([\w-]+):(\d+) resolve/g)].map(match => [match[1] ?? '', match[2]] as const)
  t.strictSame(behind.map(([name]) => name).sort(), [...gates, ...nodes].sort())
  for (const [name, port] of behind) {
    t.equal(environmentOf(name).GATEPOST_PORT, port)
    t.ok(sharedNetwork('proxy', name))
  }
  for (const name of ['nats1', 'nats2', 'nats3']) {
    const { NATS_NAME: own, NATS_ADDRESS: address, NATS_ROUTES: routes = '[]' } = environmentOf(name)
    t.strictSame([own, address], [name, `${name}:6222`])
    t.strictSame((JSON.parse(routes) as string[]).map(route => new URL(route).host), ['nats1:6222', 'nats2:6222', 'nats3:6222'])
  }
})

t.test('compose - NATS and MongoDB can be reached by those who need them only', async t => {
  const open = Object.entries(services).filter(([, service]) => service.ports !== undefined).map(([name]) => name).sort()
  t.strictSame(open, ['grafana', 'prometheus', 'proxy'])
  const toOthers = Object.values(services).flatMap(service => service.ports ?? []).filter(port => !port.startsWith('127.0.0.1:')).sort()
  t.strictSame(toOthers, ['8080:8080'], 'one address')
  for (const name of [...gates, ...nodes]) {
    const port = environmentOf(name).GATEPOST_METRICS_PORT
    t.ok(port !== undefined && !toOthers.some(line => line.endsWith(`:${port}`)) && !nginx.includes(port), 'counts and probes are published nowhere')
    t.equal(environmentOf(name).GATEPOST_BUS_UNSIGNED, 'refuse')
  }
  for (const network of ['nats', 'mongodb']) t.equal(networks[network]?.internal, true)
  for (const name of gates) t.notOk(services[name]?.networks?.includes('mongodb'), 'a Gate needs no MongoDB')
})

t.test('compose - the replica sets that are initiated are those that run', async t => {
  const { MONGODB_CONFIG_SET = '', MONGODB_SHARD_SETS = '' } = environmentOf('mongodb-init')
  const sets = [MONGODB_CONFIG_SET, ...MONGODB_SHARD_SETS.split(' ')]
  t.equal(sets.length, 3, 'config servers and two shards')
  const members: string[] = []
  for (const set of sets) {
    const [name = '', hosts = ''] = set.split('/')
    t.equal(hosts.split(',').length, 3, `${name} has a majority without one of its members`)
    for (const host of hosts.split(',')) {
      const [service = '', port = ''] = host.split(':')
      const command = services[service]?.command ?? []
      t.equal(command[command.indexOf('--replSet') + 1], name)
      t.equal(command[command.indexOf('--port') + 1], port)
      t.ok(command.includes(name === 'config' ? '--configsvr' : '--shardsvr'))
      members.push(service)
    }
  }
  t.strictSame(members.sort(), Object.keys(services).filter(name => commandOf(name) === 'mongod').sort(), 'every mongod belongs to one')
  for (const name of ['mongos1', 'mongos2']) t.match(services[name]?.command?.join(' '), `--configdb ${MONGODB_CONFIG_SET}`)
  for (const [name, { command = [] }] of Object.entries(services).filter(([name]) => /^mongo[ds]$/.test(commandOf(name)))) {
    t.strictSame(command.slice(1, 3), ['--config', '/etc/mongodb/mongodb.conf'], `${name}: TLS and the key file`)
  }
})

t.test('nginx - takes what Gate and nodes take', async t => {
  const bytes = (text: string | undefined): number => Number.parseInt(text ?? '', 10) * (text?.endsWith('m') === true ? 1 << 20 : 1 << 10)
  const [gate, node] = [...nginx.matchAll(/client_max_body_size (\w+);/g)].map(match => bytes(match[1]))
  t.ok((gate ?? 0) > 8 << 20, 'a batch of 8 MiB')
  t.ok((node ?? 0) > 1 << 20)
  t.ok(bytes(/large_client_header_buffers \d+ (\w+);/.exec(nginx)?.[1]) > 16 << 10, 'a token of 16 KiB')
  t.ok(Number(/proxy_read_timeout (\d+)s;[^]*proxy_read_timeout (\d+)s;/.exec(nginx)?.[2]) > 25 + 20, 'a quiet socket is not cut')
  t.match(nginx, /proxy_set_header Upgrade \$http_upgrade;/)
})

const nginxPath = await findProgram('nginx', '-v')
t.test('nginx - the program itself takes the configuration', { skip: nginxPath === undefined && 'needs nginx' }, async t => {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-nginx-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true }) })
  await writeFile(join(dir, 'nginx.conf'), nginxOn(nginx, dir))
  await t.resolves(run(nginxPath ?? '', ['-t', '-c', join(dir, 'nginx.conf')]))
})

const hasNats = await findNatsServer()
t.test('nats - the program itself takes the configuration with the environment of each server', { skip: hasNats === undefined && natsMissing }, async t => {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-nats-conf-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true }) })
  if (await makeCertificates(dir) === undefined) { t.comment('needs openssl'); return }
  await writeFile(join(dir, 'nats.conf'), natsConfOn(dir))
  for (const name of ['nats1', 'nats2', 'nats3']) {
    await t.resolves(run(hasNats?.path ?? '', ['-t', '-c', join(dir, 'nats.conf')], { env: { ...process.env, ...environmentOf(name) } }))
  }
})

t.test('compose - what is let through for everybody, and what is not', async t => {
  const lists = [...nginx.matchAll(/map \$request_uri \$(\w+) \{([^]*?)\n {2}\}/g)].map(([, name, body = '']) => ({
    name, patterns: [...body.matchAll(/^ +~(\S+) 1;$/gm)].map(([, pattern = '']) => new RegExp(pattern))
  }))
  const passes = (name: string, uri: string): boolean => lists.find(list => list.name === name)?.patterns.some(pattern => pattern.test(uri)) === true
  const forEverybody = ['/gate/assign', '/gate/assign?avoid=node1', '/gate/messages', '/gate/messages/abc/recall', '/gate/groups/staff/members/ann%2Fb', '/gate/users/ann/presence', '/gate/clients/gatepost-inbox.js', '/gate/demo', '/gate/demo/phone?user=ann', '/gate/pages/demo/demo.js']
  for (const uri of forEverybody) t.ok(passes('is_for_everybody', uri), uri)
  for (const uri of ['/metrics', '/livez', '/readyz', '/gate/docs', '/gate/openapi.json', '/gate/admin', '/gate/%61dmin', '/gate/pages/admin.js', '/gate/nodes', '/gate/nodes/a/drain', '/gate/revocations', '/gate/revocations/user/ann', '/gate/messagesx', '/messages', '/gate/users/ann/export']) {
    t.notOk(passes('is_for_everybody', uri), uri)
  }
  for (const path of ['/messages', '/messages?box=inbox', '/messages/read', '/socket.io/?EIO=4']) t.equal(nodeOf(`/nodes/node2${path}`), 'node2', path)
  for (const path of ['/metrics', '/livez', '/readyz', '/docs', '/openapi.json', '/', '', '/messagesx', '/gate/assign', '/..']) t.equal(nodeOf(`/nodes/node2${path}`), undefined, path)
  for (const uri of ['/nodes/node4/messages', '/nodes/gates/messages', '/messages', '/nodes/node1%2Fmessages']) t.equal(nodeOf(uri), undefined, uri)
})

t.test('compose - no password is on a command line, and every program may do no more than it must', async t => {
  const marked = readCompose(exampleVariables(Object.fromEntries(['GATEPOST_SECRET', 'NATS_GATE_PASSWORD', 'NATS_NODE_PASSWORD', 'NATS_ROUTE_PASSWORD', 'MONGODB_PASSWORD', 'MONGODB_ADMIN_PASSWORD'].map(name => [name, `secret-${name}`]))))
  for (const [name, service] of Object.entries(marked.services)) {
    t.notMatch(JSON.stringify([service.command, service.entrypoint, service.healthcheck]), /secret-/, name)
    t.strictSame(service.cap_drop, ['ALL'], name)
    t.strictSame(service.security_opt, ['no-new-privileges:true'], name)
    if (!['prometheus', 'grafana'].includes(name)) t.equal(service.read_only, true, name)
  }
  for (const [name, { image }] of Object.entries(services)) t.match(image, /:v?\d+\.\d+\.\d+/, `${name}: an exact version`)
})
