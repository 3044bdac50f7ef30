/** deploy/kubernetes: what it says fits the code, and its parts fit each other. No cluster is needed. */
import { execFile } from 'node:child_process'
import { cpSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { environmentNames } from '../../shared/platform/settings/catalogue.js'
import { readGateSettings, readNodeSettings } from '../../shared/platform/settings/config.js'
import { deployFolder, findProgram, makeCertificates } from '../helpers/compose-file.js'
import { tempDir } from '../helpers/deployment.js'

type Labels = Readonly<Record<string, string>>
interface Probe { readonly httpGet?: { path: string, port: string }, readonly tcpSocket?: { port: string }, readonly exec?: { command: string[] } }
interface Container {
  readonly name: string
  readonly image?: string
  readonly args?: readonly string[]
  readonly command?: readonly string[]
  readonly ports?: ReadonlyArray<{ name: string, containerPort: number }>
  readonly env?: ReadonlyArray<{ name: string, value?: string, valueFrom?: { secretKeyRef?: { name: string, key: string }, fieldRef?: { fieldPath: string } } }>
  readonly envFrom?: ReadonlyArray<{ configMapRef: { name: string } }>
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly lifecycle?: { readonly preStop?: { readonly exec: { command: string[] } } }
  readonly volumeMounts?: ReadonlyArray<{ name: string }>
  readonly resources?: { readonly requests?: object, readonly limits?: { memory?: string } }
  readonly securityContext?: { readonly allowPrivilegeEscalation?: boolean, readonly readOnlyRootFilesystem?: boolean, readonly capabilities?: { drop: string[] } }
}
interface PodSpec {
  readonly terminationGracePeriodSeconds?: number
  readonly automountServiceAccountToken?: boolean
  readonly enableServiceLinks?: boolean
  readonly securityContext?: { readonly runAsNonRoot?: boolean, readonly seccompProfile?: { type: string } }
  readonly affinity?: { readonly podAntiAffinity?: object }
  readonly containers?: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: ReadonlyArray<{ name: string, secret?: { secretName: string }, configMap?: { name: string } }>
}
interface Peer { readonly podSelector?: { matchLabels: Labels }, readonly namespaceSelector?: object }
interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly replicas?: number
    readonly serviceName?: string
    readonly selector?: Labels & { readonly matchLabels?: Labels }
    readonly template?: { readonly metadata?: { readonly labels: Labels }, readonly spec: PodSpec }
    readonly volumeClaimTemplates?: ReadonlyArray<{ metadata: { name: string } }>
    readonly ports?: ReadonlyArray<{ name: string, port: number, targetPort: string }>
    readonly publishNotReadyAddresses?: boolean
    readonly maxUnavailable?: number
    readonly podSelector?: { readonly matchLabels?: Labels }
    readonly policyTypes?: readonly string[]
    readonly ingress?: ReadonlyArray<{ from: Peer[], ports: Array<{ port: number }> }>
    readonly egress?: ReadonlyArray<{ to: Peer[], ports: Array<{ port: number }> }>
    readonly tls?: ReadonlyArray<{ hosts: string[] }>
    readonly rules?: ReadonlyArray<{ host: string, http: { paths: Array<{ path: string, backend: { service: { name: string, port: { name: string } } } }> } }>
  }
}
interface Kustomization {
  readonly resources?: readonly string[]
  readonly components?: readonly string[]
  readonly patches?: ReadonlyArray<{ path: string }>
  readonly configMapGenerator?: ReadonlyArray<{ name: string, literals?: string[], files?: string[] }>
  readonly secretGenerator?: ReadonlyArray<{ name: string, envs?: string[], files?: string[] }>
}

const folder = `${deployFolder}kubernetes/`
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.yaml'))
const isKustomization = (name: string): boolean => name.endsWith('kustomization.yaml')
const kustomizations = files.filter(isKustomization).map(name => ({ dir: join(folder, name, '..'), content: parse(readFileSync(join(folder, name), 'utf8')) as Kustomization }))
const patches = kustomizations.flatMap(({ dir, content }) => (content.patches ?? []).map(({ path }) => join(dir, path)))
const manifestsOf = (path: string): Manifest[] => parseAllDocuments(readFileSync(path, 'utf8')).map(one => one.toJS() as Manifest)
const manifests = files.filter(name => !isKustomization(name) && !patches.includes(join(folder, name))).flatMap(name => manifestsOf(join(folder, name)))
const ofKind = (...kinds: string[]): Manifest[] => manifests.filter(({ kind }) => kinds.includes(kind))
const named = (kind: string, name: string): Manifest => {
  const found = manifests.find(one => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}
const workloads = ofKind('Deployment', 'StatefulSet', 'Job')
const podOf = ({ spec }: Manifest): PodSpec => spec.template?.spec ?? {}
const containerOf = (workload: Manifest): Container => {
  const [container] = podOf(workload).containers ?? []
  if (container === undefined) throw new Error(`${workload.metadata.name} has no container`)
  return container
}
const matches = (selector: Labels | undefined, labels: Labels | undefined): boolean =>
  Object.entries(selector ?? {}).every(([name, value]) => labels?.[name] === value)
const podsFor = (selector: Labels | undefined): Manifest[] => workloads.filter(({ spec }) => matches(selector, spec.template?.metadata?.labels))

const literals = Object.fromEntries(kustomizations.flatMap(({ content }) => content.configMapGenerator ?? []).map(({ name, literals: lines = [] }) =>
  [name, Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))]))
const example = parseEnv(readFileSync(`${folder}gatepost/secrets.env.example`, 'utf8'))
/** As it is once somebody has filled it in. */
const secrets = Object.fromEntries(Object.entries(example).map(([name, text]) => [name, text === '' ? 'lettersAndDigits0123456789ForTests' : text]))

/** The environment of a container in the pod of this name. */
function environmentOf (container: Container, pod: string): Record<string, string> {
  const env: Record<string, string> = Object.assign({}, ...(container.envFrom ?? []).map(({ configMapRef }) => literals[configMapRef.name] ?? {})) as Record<string, string>
  for (const { name, value, valueFrom } of container.env ?? []) {
    const text = valueFrom?.fieldRef?.fieldPath === 'metadata.name' ? pod : valueFrom?.secretKeyRef === undefined ? value : secrets[valueFrom.secretKeyRef.key]
    env[name] = (text ?? '').replace(/\$\((\w+)\)/g, (_, other: string) => env[other] ?? '')
  }
  return env
}

const gate = named('Deployment', 'gate')
const node = named('StatefulSet', 'node')
const pods = Array.from({ length: node.spec.replicas ?? 0 }, (_, i) => `node-${i}`)

t.test('kubernetes - what kustomizations name is there, and each file is named by one', async t => {
  const used = new Set<string>()
  for (const { dir, content } of kustomizations) {
    for (const name of [...content.resources ?? [], ...content.components ?? [], ...(content.patches ?? []).map(({ path }) => path), ...(content.configMapGenerator ?? []).flatMap(one => one.files ?? [])]) {
      used.add(join(dir, name))
      t.doesNotThrow(() => { readdirSync(name.includes('.') ? dir : join(dir, name)) }, name)
    }
    for (const { envs = [] } of content.secretGenerator ?? []) for (const file of envs) t.doesNotThrow(() => readFileSync(join(dir, `${file}.example`)))
  }
  for (const name of files.filter(one => !isKustomization(one))) t.ok(used.has(join(folder, name)), `${name} is used`)
})

t.test('kubernetes - the example has no secret that works', async t => {
  t.ok(Object.keys(example).length === 6 && Object.values(example).every(value => value === ''))
})

t.test('kubernetes - Gates and nodes have settings that their commands take', async t => {
  const cwd = t.testdir()
  const ofGate = environmentOf(containerOf(gate), 'gate-x')
  t.equal(readGateSettings([], { env: ofGate, cwd }).port, containerOf(gate).ports?.[0]?.containerPort)
  const read = pods.map(pod => readNodeSettings([], { env: environmentOf(containerOf(node), pod), cwd }))
  t.strictSame(read.map(({ nodeId }) => nodeId), pods)
  for (const { port } of read) t.equal(port, containerOf(node).ports?.[0]?.containerPort)
  for (const env of [ofGate, environmentOf(containerOf(node), 'node-0')]) {
    for (const name of Object.keys(env).filter(one => one.startsWith('GATEPOST_'))) t.ok(environmentNames.includes(name), name)
    t.notOk(/\$\(|:@/.test(`${env.GATEPOST_NATS_URL} ${env.GATEPOST_MONGODB_URL}`), 'a password comes before what uses it')
    t.match(env, { GATEPOST_BUS_UNSIGNED: 'refuse', NODE_EXTRA_CA_CERTS: /^\/etc\/gatepost\// })
  }
})

t.test('kubernetes - every node has its own address, and it leads to its own pod', async t => {
  t.equal(pods.length, 3)
  const rules = ofKind('Ingress').flatMap(({ spec }) => spec.rules ?? [])
  t.equal(new Set(rules.map(({ host }) => host)).size, 1, 'one host for all')
  const paths = rules.flatMap(({ http }) => http.paths)
  for (const pod of pods) {
    const url = readNodeSettings([], { env: environmentOf(containerOf(node), pod), cwd: t.testdir() }).publicUrl ?? ''
    const { hostname, pathname } = new URL(url)
    t.equal(rules[0]?.host, hostname)
    const own = paths.filter(({ path }) => path.startsWith(`${pathname}/`))
    t.strictSame(own.map(({ path }) => path), [`/nodes/${pod}/messages`, `/nodes/${pod}/socket.io`])
    for (const { backend } of own) {
      const service = named('Service', backend.service.name)
      t.strictSame(service.spec.selector, { 'statefulset.kubernetes.io/pod-name': pod })
      t.equal(service.spec.publishNotReadyAddresses, true, 'a node that drains or has no NATS keeps its clients')
      t.ok(service.spec.ports?.some(({ name, targetPort }) => name === backend.service.port.name && containerOf(node).ports?.some(port => port.name === targetPort)))
    }
  }
  t.equal(paths.filter(({ path }) => path.startsWith('/nodes/')).length, 2 * pods.length, 'no more paths than nodes')
  for (const { spec } of ofKind('Ingress')) {
    for (const { host } of spec.rules ?? []) t.ok(spec.tls?.some(({ hosts }) => hosts.includes(host) || hosts.includes(`*.${host.slice(host.indexOf('.') + 1)}`)), `${host} has TLS`)
  }
})

t.test('kubernetes - a pod may take longer to end than its drain does', async t => {
  const drain = Number(literals.gatepost?.GATEPOST_DRAIN)
  t.ok(drain > 0)
  t.ok((podOf(node).terminationGracePeriodSeconds ?? 30) > drain + 13)
  const pause = Number(containerOf(gate).lifecycle?.preStop?.exec.command[1])
  t.ok((podOf(gate).terminationGracePeriodSeconds ?? 30) > pause + drain && pause > 0)
  const nats = named('StatefulSet', 'nats')
  const lameDuck = Number(/lame_duck_duration: "(\d+)s"/.exec(readFileSync(`${folder}nats/nats.conf`, 'utf8'))?.[1])
  const natsPause = Number(/sleep (\d+)/.exec(containerOf(nats).lifecycle?.preStop?.exec.command.join(' ') ?? '')?.[1])
  t.ok(natsPause > lameDuck && (podOf(nats).terminationGracePeriodSeconds ?? 30) > natsPause)
})

t.test('kubernetes - probes ask ports that are there; an outage of NATS takes no address away', async t => {
  for (const workload of workloads.filter(({ kind }) => kind !== 'Job')) {
    const { ports, startupProbe, readinessProbe, livenessProbe } = containerOf(workload)
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      if (probe?.exec !== undefined) t.match(probe.exec.command, ['wget', '-q', '--spider', 'http://127.0.0.1:8222/healthz'])
      else t.ok(ports?.some(({ name }) => name === (probe?.httpGet ?? probe?.tcpSocket)?.port), `${workload.metadata.name}: ${JSON.stringify(probe)}`)
    }
  }
  t.equal(containerOf(gate).startupProbe?.httpGet?.path, '/readyz', 'no requests before it has heard of the nodes')
  t.equal(containerOf(gate).readinessProbe?.httpGet?.path, '/livez')
  t.equal(containerOf(node).readinessProbe?.httpGet?.path, '/readyz', 'an update waits for it')
  for (const workload of [gate, node]) {
    const { livenessProbe, startupProbe, readinessProbe, ports } = containerOf(workload)
    t.equal(livenessProbe?.httpGet?.path, '/livez', 'what is missing elsewhere is no reason to start again')
    t.strictSame([livenessProbe, startupProbe, readinessProbe].map(probe => probe?.httpGet?.port), ['metrics', 'metrics', 'metrics'])
    t.equal(ports?.find(({ name }) => name === 'metrics')?.containerPort, Number(literals.gatepost?.GATEPOST_METRICS_PORT))
  }
  const routed = ofKind('Ingress').flatMap(({ spec }) => spec.rules ?? []).flatMap(({ http }) => http.paths.map(({ path }) => path))
  for (const path of routed) t.match(path, /^\/(?:gate\/(?:assign|messages|groups|users|clients)|nodes\/node-\d\/(?:messages|socket\.io))$/, 'no dashboard, no documents, no counts')
})

t.test('kubernetes - pods are apart, bounded, and may do no more than they must', async t => {
  for (const workload of [...workloads, ...patches.flatMap(manifestsOf)]) {
    const pod = podOf(workload)
    const name = workload.metadata.name
    if (workload.spec.template?.metadata !== undefined) {
      t.equal(pod.securityContext?.runAsNonRoot, true, name)
      t.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault', name)
      t.equal(pod.automountServiceAccountToken, false, name)
      t.equal(pod.enableServiceLinks, false, `${name}: no settings by the names of Services`)
      if (workload.kind !== 'Job') t.ok(pod.affinity?.podAntiAffinity, name)
    }
    for (const container of [...pod.containers ?? [], ...pod.initContainers ?? []]) {
      // A patch adds to a container that has all this already.
      if (container.image === undefined) continue
      t.match(container.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, `${name}: ${container.name}`)
      t.ok(container.resources?.requests !== undefined && container.resources.limits?.memory !== undefined, `${name}: ${container.name} is bounded`)
      const volumes = [...pod.volumes ?? [], ...(workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(one => one.name)
      for (const mount of container.volumeMounts ?? []) t.ok(volumes.includes(mount.name), `${name}: volume ${mount.name}`)
    }
  }
})

t.test('kubernetes - every selector finds its pods, every port its container', async t => {
  for (const { metadata, spec } of workloads) {
    if (spec.selector !== undefined) t.ok(matches(spec.selector.matchLabels, spec.template?.metadata?.labels), metadata.name)
    if (spec.serviceName !== undefined) t.equal(named('Service', spec.serviceName).metadata.name, spec.serviceName)
  }
  for (const { metadata, spec } of ofKind('Service')) {
    const isOfOnePod = spec.selector?.['statefulset.kubernetes.io/pod-name'] !== undefined
    const found = isOfOnePod ? [node] : podsFor(spec.selector)
    t.equal(found.length, 1, metadata.name)
    for (const { targetPort } of spec.ports ?? []) t.ok(found.some(one => containerOf(one).ports?.some(({ name }) => name === targetPort)), `${metadata.name}: ${targetPort}`)
  }
  for (const workload of workloads.filter(({ kind, spec }) => kind !== 'Job' && (spec.replicas ?? 1) > 1)) {
    const budget = ofKind('PodDisruptionBudget').filter(({ spec }) => matches(spec.selector?.matchLabels, workload.spec.template?.metadata?.labels))
    t.equal(budget.length, 1, `${workload.metadata.name} has one budget`)
    t.equal(budget[0]?.spec.maxUnavailable, 1)
  }
  for (const { metadata, spec } of ofKind('NetworkPolicy')) {
    const found = podsFor(spec.podSelector?.matchLabels)
    t.ok(found.length > 0, metadata.name)
    for (const { to, ports } of spec.egress ?? []) {
      for (const { podSelector } of to) {
        if (podSelector === undefined) continue
        for (const { port } of ports) t.ok(podsFor(podSelector.matchLabels).some(one => containerOf(one).ports?.some(({ containerPort }) => containerPort === port)), `${metadata.name}: to port ${port}`)
      }
    }
    for (const { from, ports } of spec.ingress ?? []) {
      for (const { podSelector } of from) if (podSelector !== undefined) t.ok(podsFor(podSelector.matchLabels).length > 0, `${metadata.name}: ${JSON.stringify(podSelector)}`)
      for (const { port } of ports) t.ok(found.some(one => containerOf(one).ports?.some(({ containerPort }) => containerPort === port)), `${metadata.name}: port ${port}`)
    }
  }
})

t.test('kubernetes - every address of NATS and MongoDB is a pod that listens there', async t => {
  const hosts = new Set<string>()
  const env = environmentOf(containerOf(node), 'node-0')
  for (const url of (env.GATEPOST_NATS_URL ?? '').split(',')) hosts.add(new URL(url).host)
  const nats = environmentOf(containerOf(named('StatefulSet', 'nats')), 'nats-0')
  t.equal(nats.NATS_ADDRESS, 'nats-0.nats:6222')
  for (const route of JSON.parse(nats.NATS_ROUTES ?? '[]') as string[]) hosts.add(new URL(route).host)
  for (const list of [env.GATEPOST_MONGODB_URL, ...Object.values(literals['mongodb-sets'] ?? {})]) for (const [host] of (list ?? '').matchAll(/[\w-]+\.[\w-]+:\d+/g)) hosts.add(host)
  t.equal(hosts.size, 3 + 3 + 3 + 6 + 2)
  for (const host of hosts) {
    const [, set = '', ordinal, service, port] = /^([\w-]+)-(\d+)\.([\w-]+):(\d+)$/.exec(host) ?? []
    const workload = named('StatefulSet', set)
    t.ok(Number(ordinal) < (workload.spec.replicas ?? 0), host)
    t.equal(workload.spec.serviceName, service)
    t.ok(containerOf(workload).ports?.some(({ containerPort }) => containerPort === Number(port)), host)
  }
  for (const set of ['config', 'shard1', 'shard2']) {
    const command = containerOf(named('StatefulSet', set)).command ?? []
    t.equal(command[command.indexOf('--replSet') + 1], set)
  }
})

t.test('kubernetes - all is refused but what a policy lets pass, in both directions', async t => {
  t.strictSame(named('NetworkPolicy', 'refuse').spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
  /** Which pods may open a connection to this one's port, by policies of both sides. */
  const from = (target: Manifest, port: number): string[] => {
    const labelsOf = (one: Manifest): Labels | undefined => one.spec.template?.metadata?.labels
    const policies = ofKind('NetworkPolicy').map(({ spec }) => spec)
    const lets = (rules: ReadonlyArray<{ peers: readonly Peer[], ports: ReadonlyArray<{ port: number }> }>, other: Manifest): boolean =>
      rules.some(({ peers, ports }) => ports.some(one => one.port === port) && peers.some(({ podSelector }) => podSelector !== undefined && matches(podSelector.matchLabels, labelsOf(other))))
    return workloads.filter(source =>
      lets(policies.filter(policy => matches(policy.podSelector?.matchLabels, labelsOf(target))).flatMap(({ ingress = [] }) => ingress).map(({ from: peers, ports }) => ({ peers, ports })), source) &&
      lets(policies.filter(policy => matches(policy.podSelector?.matchLabels, labelsOf(source))).flatMap(({ egress = [] }) => egress).map(({ to: peers, ports }) => ({ peers, ports })), target)
    ).map(({ metadata }) => metadata.name).sort()
  }
  const nats = named('StatefulSet', 'nats')
  t.strictSame(from(nats, 4222), ['gate', 'node'])
  t.strictSame(from(nats, 6222), ['nats'])
  t.strictSame(from(nats, 8222), [])
  t.strictSame(from(named('StatefulSet', 'mongos'), 27017), ['config', 'mongodb-init', 'mongos', 'node', 'shard1', 'shard2'])
  t.strictSame(from(named('StatefulSet', 'shard1'), 27018), ['config', 'mongodb-init', 'mongos', 'shard1', 'shard2'])
  for (const port of [8080, 9464]) t.strictSame(from(gate, port), [])
})

t.test('kubernetes - what is mounted is made: secrets and files of make-certificates.sh', async t => {
  const generated = kustomizations.flatMap(({ content }) => [...content.configMapGenerator ?? [], ...content.secretGenerator ?? []])
  for (const workload of [...workloads, ...patches.flatMap(manifestsOf)]) {
    for (const { secret, configMap } of podOf(workload).volumes ?? []) {
      const name = secret?.secretName ?? configMap?.name
      if (name !== undefined) t.ok(generated.some(one => one.name === name), `${workload.metadata.name}: ${name}`)
    }
  }
  const dir = await tempDir(t)
  if (await makeCertificates(join(dir, 'tls')) === undefined) { t.comment('needs openssl'); return }
  const made = generated.flatMap(({ files: names = [] }) => names).filter(name => name.startsWith('tls/'))
  t.ok(made.length >= 7)
  for (const name of made) t.doesNotThrow(() => readFileSync(join(dir, name)), name)
  t.notOk(made.some(name => name.includes('ca.key')), "the authority's key goes nowhere")
})

const kubectl = await findProgram('kubectl', 'version', '--client')
t.test('kubernetes - kustomize puts it together', { skip: kubectl === undefined && 'needs kubectl' }, async t => {
  const dir = await tempDir(t)
  cpSync(folder, dir, { recursive: true })
  cpSync(join(dir, 'gatepost/secrets.env.example'), join(dir, 'gatepost/secrets.env'))
  await makeCertificates(join(dir, 'tls'))
  const { stdout } = await promisify(execFile)(kubectl ?? '', ['kustomize', dir], { maxBuffer: 16 << 20 })
  const made = parseAllDocuments(stdout).map(one => one.toJS() as Manifest)
  t.equal(made.length, manifests.length + Object.keys(literals).length + 3, 'all manifests, the ConfigMaps and the Secrets')
  const waiting = made.find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'node')
  t.strictSame(waiting?.spec.template?.spec.initContainers?.map(({ name }) => name), ['wait-for-shards'])
  const secret = made.find(({ kind, metadata }) => kind === 'Secret' && metadata.name.startsWith('gatepost-secrets'))?.metadata.name
  for (const workload of made) {
    for (const { valueFrom } of workload.spec?.template?.spec.containers?.[0]?.env ?? []) if (valueFrom?.secretKeyRef !== undefined) t.equal(valueFrom.secretKeyRef.name, secret)
  }
})
