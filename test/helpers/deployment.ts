/**
 * A running Gatepost, started as a user starts it: processes, settings, signals. `startDeployment` takes one `gatepost up`; with
 * GATEPOST_TEST_DEPLOYMENT=cluster Gates and nodes of their own with NATS and MongoDB, with =processes two processes on one port.
 * GATEPOST_TEST_DISPATCH=interest sets GATEPOST_DISPATCH for all that does not set it, `mixed` for every second process that starts.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { MongodbServer } from './mongodb-server.js'
import type { NatsServer } from './nats-server.js'
import { serverFlags } from './server-flags.js'
import { nowSeconds, signHs256, type Claims } from './tokens.js'
import { until } from './until.js'

export const bin = fileURLToPath(new URL('../../bin/gatepost.js', import.meta.url))

export type Settings = Record<string, string | undefined>

export interface GatepostProcess {
  readonly pid: number
  /** The url of the ready line; resolves once it is logged, rejects where the process ends before. */
  readonly ready: Promise<string>
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  stdout: () => string
  stderr: () => string
  isAlive: () => boolean
  /** Sends a signal and waits for the end. */
  end: (signal?: NodeJS.Signals) => Promise<number | NodeJS.Signals>
}

export interface DeploymentOptions {
  nodes?: number
  /** Gate's, under `up`; 0 where none is given: any free one. */
  port?: number
  settings?: Settings
  maxDescriptors?: number
}

export interface ClusterOptions extends DeploymentOptions {
  /** Two by default. */
  gates?: number
  /** A MongoDB that the test started itself. */
  mongodb?: MongodbServer
  /** The address of MongoDB in the nodes' settings, where a proxy stands before it. */
  mongodbUrl?: (url: string) => string
  /** That of a site which was there before. */
  secret?: string
}

export interface Deployment {
  readonly kind: 'embedded' | 'cluster'
  /** The address of (the first) Gate; another one after a restart. */
  readonly gate: string
  readonly gates: readonly string[]
  readonly secret: string
  readonly dir: string
  readonly nodeCount: number
  userToken: (user: string, claims?: Claims) => string
  producerToken: (name?: string, claims?: Claims) => string
  adminToken: (name?: string, claims?: Claims) => string
  isAlive: () => boolean
  /** Of all its processes. */
  pids: () => readonly number[]
  /** What all processes have logged. */
  log: () => string
  start: () => Promise<void>
  /** SIGTERM; the exit codes. */
  stop: () => Promise<Array<number | NodeJS.Signals>>
  /** SIGKILL. */
  kill: () => Promise<void>
}

/** The environment without any setting of the shell that runs the tests. */
function environment (settings: Settings): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATEPOST_') && !name.startsWith('TAP') && name !== 'NODE_OPTIONS')
  return { ...Object.fromEntries(inherited), ...settings }
}

/** Tests send as fast as the machine can; those of the limits set their own. */
const noHurry: Settings = { GATEPOST_RATE_USER: '1000000' }

const dispatchMode = process.env['GATEPOST_TEST_DISPATCH']
let started = 0
/** Not for a former build, which does not know it. */
function usualOf (program: string): Settings {
  if (program !== bin || dispatchMode === undefined) return {}
  return { GATEPOST_DISPATCH: dispatchMode === 'mixed' ? (started++ % 2 === 0 ? 'interest' : 'broadcast') : dispatchMode }
}

/** As where three of them start at once on a machine with much else to do. */
const readyWithinMs = 180_000

export interface RunOptions {
  cwd: string
  settings?: Settings | undefined
  program?: string
  /** How many files it may have open. */
  maxDescriptors?: number | undefined
}

export function runGatepost (args: readonly string[], { cwd, settings = {}, program = bin, maxDescriptors }: RunOptions): GatepostProcess {
  const command = [process.execPath, ...serverFlags, program, ...args]
  const [file = '', ...rest] = maxDescriptors === undefined ? command : ['sh', '-c', `ulimit -n ${maxDescriptors} && exec "$@"`, 'sh', ...command]
  const child: ChildProcess = spawn(file, rest, { cwd, env: environment({ ...usualOf(program), ...settings }), stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => { resolve(code ?? signal ?? -1) })
  })
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (!out.includes('"event":"ready"')) return
      for (const line of out.split('\n')) {
        if (line.includes('"event":"ready"') && line.endsWith('}')) resolve((JSON.parse(line) as { url: string }).url)
      }
    })
    const tooLate = setTimeout(() => { reject(new Error(`gatepost ${args.join(' ')} is not ready after ${readyWithinMs} ms:\n${err}${out}`.slice(0, 4000))) }, readyWithinMs).unref()
    exited.finally(() => { clearTimeout(tooLate) }).catch(() => {})
    exited.then(code => { reject(new Error(`gatepost ${args.join(' ')} ended with ${code} before it was ready:\n${err}${out}`.slice(0, 4000))) }, reject)
  })
  ready.catch(() => {})
  child.stderr?.on('data', (chunk: Buffer) => { err += chunk.toString() })
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    stdout: () => out,
    stderr: () => err,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal)
      return await exited
    }
  }
}

export async function tempDir (t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true, maxRetries: 3 }) })
  return dir
}

export async function startDeployment (t: Test, options: DeploymentOptions = {}): Promise<Deployment> {
  switch (process.env['GATEPOST_TEST_DEPLOYMENT']) {
    case 'cluster': return await startCluster(t, options)
    case 'processes': return await startEmbedded(t, { ...options, settings: { GATEPOST_PROCESSES: '2', ...options.settings } })
    default: return await startEmbedded(t, options)
  }
}

export function tokensOf (secret: string): Pick<Deployment, 'userToken' | 'producerToken' | 'adminToken'> {
  const token = (sub: string, scope: string | undefined, claims: Claims): string =>
    signHs256({ sub, ...(scope === undefined ? {} : { scope }), iat: nowSeconds(), exp: nowSeconds() + 3600, ...claims }, secret)
  return {
    userToken: (user, claims = {}) => token(user, undefined, claims),
    producerToken: (name = 'shop', claims = {}) => token(name, 'producer', claims),
    adminToken: (name = 'operator', claims = {}) => token(name, 'admin', claims)
  }
}

/** One `gatepost up` in a folder of its own. */
export async function startEmbedded (t: Test, options: DeploymentOptions = {}): Promise<Deployment> {
  const dir = await tempDir(t)
  const secret = randomBytes(24).toString('hex')
  // Each process has a node at least.
  const nodeCount = Math.max(options.nodes ?? 2, Number(options.settings?.['GATEPOST_PROCESSES'] ?? 1))
  const logs: GatepostProcess[] = []
  let running: GatepostProcess | undefined
  let gate = ''
  const deployment: Deployment = {
    kind: 'embedded',
    get gate () { return gate },
    get gates () { return [gate] },
    secret,
    dir,
    nodeCount,
    ...tokensOf(secret),
    isAlive: () => running?.isAlive() ?? false,
    pids: () => running === undefined ? [] : [running.pid],
    log: () => logs.map(one => one.stdout() + one.stderr()).join(''),
    start: async () => {
      running = runGatepost(['up', '--port', String(options.port ?? 0), '--nodes', String(nodeCount)], {
        cwd: dir,
        settings: { GATEPOST_SECRET: secret, GATEPOST_DRAIN: '1', GATEPOST_PROCESSES: '1', ...noHurry, ...options.settings },
        maxDescriptors: options.maxDescriptors
      })
      logs.push(running)
      gate = await running.ready
      await everyNodeUp(deployment)
    },
    stop: async () => running === undefined ? [] : [await running.end('SIGTERM')],
    kill: async () => { await running?.end('SIGKILL') }
  }
  t.teardown(async () => {
    // A drain is tested elsewhere; here only nothing may be left behind.
    if (running?.isAlive() === true) await running.end('SIGKILL')
  })
  await deployment.start()
  return deployment
}

export interface Cluster extends Deployment {
  readonly nats: NatsServer
  /** The address of MongoDB in the nodes' settings. */
  readonly mongodbUrl: string
  /** What all its processes share. */
  readonly settings: Settings
  /** The addresses of the nodes that were started first. */
  readonly nodes: readonly string[]
  /** The process of the node that listens at this address. */
  nodeAt: (url: string) => GatepostProcess
  /** One more node; resolves once it serves. */
  addNode: (settings?: Settings) => Promise<string>
}

/** Two Gates and three nodes by default, each a process, on a real NATS server and a MongoDB (or what speaks its protocol). */
export async function startCluster (t: Test, options: ClusterOptions = {}): Promise<Cluster> {
  const { startNatsServer } = await import('./nats-server.js')
  const { startMongodbServer } = await import('./mongodb-server.js')
  const dir = await tempDir(t)
  const secret = options.secret ?? randomBytes(24).toString('hex')
  const nats = await startNatsServer(t)
  const mongodb = options.mongodb ?? await startMongodbServer(t)
  if (mongodb === undefined) throw new Error('a cluster needs MongoDB or what speaks its protocol')
  const mongodbUrl = options.mongodbUrl?.(mongodb.url) ?? mongodb.url
  const nodeCount = options.nodes ?? 3
  const logs: GatepostProcess[] = []
  let running: GatepostProcess[] = []
  let gates: string[] = []
  let nodes: string[] = []
  const settings: Settings = {
    ...noHurry,
    GATEPOST_SECRET: secret,
    GATEPOST_NATS_URL: nats.url,
    GATEPOST_NATS_PREFIX: `test-${randomBytes(4).toString('hex')}`,
    GATEPOST_DRAIN: '1',
    GATEPOST_PORT: '0',
    ...options.settings
  }
  const run = (command: string, more: Settings): GatepostProcess => {
    const started = runGatepost([command], { cwd: dir, settings: { ...settings, ...more }, maxDescriptors: options.maxDescriptors })
    running.push(started)
    logs.push(started)
    return started
  }
  const nodesByUrl = new Map<string, GatepostProcess>()
  const addNode = async (more: Settings = {}): Promise<string> => {
    const node = run('node', { GATEPOST_MONGODB_URL: mongodbUrl, ...more })
    const url = await node.ready
    nodesByUrl.set(url, node)
    return url
  }
  const deployment: Cluster = {
    kind: 'cluster',
    nats,
    mongodbUrl,
    settings,
    get nodes () { return nodes },
    addNode,
    nodeAt: url => {
      const node = nodesByUrl.get(url)
      if (node === undefined) throw new Error(`no node at ${url}`)
      return node
    },
    get gate () { return gates[0] ?? '' },
    get gates () { return gates },
    secret,
    dir,
    nodeCount,
    ...tokensOf(secret),
    isAlive: () => running.length > 0 && running.every(one => one.isAlive()),
    pids: () => running.map(({ pid }) => pid),
    log: () => logs.map(one => one.stdout() + one.stderr()).join(''),
    start: async () => {
      running = []
      const starting = Array.from({ length: nodeCount }, async () => await addNode())
      const startingGates = Array.from({ length: options.gates ?? 2 }, () => run('gate', {}))
      nodes = await Promise.all(starting)
      gates = await Promise.all(startingGates.map(async gate => await gate.ready))
      await everyNodeUp(deployment)
    },
    stop: async () => await Promise.all(running.map(async one => await one.end('SIGTERM'))),
    kill: async () => { await Promise.all(running.map(async one => await one.end('SIGKILL'))) }
  }
  t.teardown(async () => { await Promise.all(running.filter(one => one.isAlive()).map(async one => await one.end('SIGKILL'))) })
  await deployment.start()
  return deployment
}

async function everyNodeUp (deployment: Deployment): Promise<void> {
  for (const gate of deployment.gates) {
    await until(`${deployment.nodeCount} nodes up at ${gate}`, async () => {
      // Also under a clock that a test has set.
      const token = deployment.adminToken(undefined, { iat: undefined, exp: nowSeconds() + 100 * 86_400 })
      const answer = await fetch(`${gate}/gate/nodes`, { headers: { authorization: `Bearer ${token}` } })
      if (!answer.ok) return false
      const { nodes } = await answer.json() as { nodes: Array<{ state: string }> }
      return nodes.filter(node => node.state === 'up').length === deployment.nodeCount
    }, 60_000, 50)
  }
}
