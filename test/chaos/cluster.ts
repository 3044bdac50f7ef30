/** Two Gates and three nodes as processes, each with links of its own to NATS and to the store, and what can be done to them. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { runGatepost, tokensOf, type Deployment, type GatepostProcess } from '../helpers/deployment.js'
import { startMongodbServer } from '../helpers/mongodb-server.js'
import { startNatsServer } from '../helpers/nats-server.js'
import { request } from '../helpers/raw-client.js'
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'
import type { Step } from './schedule.js'
import { freePort } from '../helpers/free-port.js'

interface Place {
  readonly name: string
  readonly url: string
  readonly nats: TcpProxy
  readonly store: TcpProxy
  running: GatepostProcess
  /** Its end is our doing. */
  isEnding: boolean
}

export interface ChaosCluster extends Pick<Deployment, 'userToken' | 'producerToken' | 'adminToken'> {
  readonly gates: readonly string[]
  /** Does it, and undoes it after its time. */
  act: (step: Step) => Promise<void>
  /** Everything is there again, and all Gates say so. */
  settled: () => Promise<void>
  /** Processes that ended by themselves, and lines that somebody must act upon. */
  endings: readonly string[]
  errorLines: () => string[]
}

const slowMs = 40

export async function startChaosCluster (host: Test, { nodes, gates }: { nodes: readonly string[], gates: readonly string[] }): Promise<ChaosCluster> {
  const nats = await startNatsServer(host)
  const mongodb = await startMongodbServer(host)
  if (mongodb === undefined) throw new Error('needs MongoDB or its stand-in')
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-chaos-'))
  host.teardown(async () => { await rm(dir, { recursive: true, force: true }) })
  const secret = randomBytes(24).toString('hex')
  const prefix = `chaos-${randomBytes(4).toString('hex')}`
  const tokens = tokensOf(secret)
  const all: GatepostProcess[] = []
  const endings: string[] = []
  host.teardown(async () => {
    for (const place of places.values()) place.isEnding = true
    await Promise.all(all.filter(one => one.isAlive()).map(async one => await one.end('SIGKILL')))
  })
  const places = new Map<string, Place>()

  function run (place: Omit<Place, 'running'>): GatepostProcess {
    const isGate = gates.includes(place.name)
    const started = runGatepost([isGate ? 'gate' : 'node'], {
      cwd: dir,
      settings: {
        GATEPOST_SECRET: secret,
        GATEPOST_NATS_URL: `nats://127.0.0.1:${place.nats.port}`,
        GATEPOST_NATS_PREFIX: prefix,
        GATEPOST_DRAIN: '2',
        GATEPOST_PORT: new URL(place.url).port,
        GATEPOST_RATE_USER: '0',
        ...isGate ? {} : { GATEPOST_MONGODB_URL: mongodb?.url.replace(`:${mongodb.port}/`, `:${place.store.port}/`) }
      }
    })
    all.push(started)
    return started
  }

  function watch (place: Place): void {
    const { running } = place
    place.isEnding = false
    void running.exited.then(code => { if (!place.isEnding && place.running === running) endings.push(`${place.name} ended with ${code}`) })
  }

  async function begin (name: string): Promise<Place> {
    const links = { nats: await startTcpProxy(host, nats.port), store: await startTcpProxy(host, mongodb?.port ?? 0) }
    const still = { name, url: `http://127.0.0.1:${await freePort()}`, ...links, isEnding: false }
    const place: Place = { ...still, running: run(still) }
    watch(place)
    places.set(name, place)
    return place
  }

  function again (place: Place): void {
    place.running = run(place)
    watch(place)
  }

  const isUp = async ({ url }: Place): Promise<boolean> => await request(url, 'GET', '/readyz').then(({ status }) => status === 200, () => false)

  async function settled (): Promise<void> {
    await until('every process is ready', async () => (await Promise.all([...places.values()].map(isUp))).every(Boolean), 90_000, 200)
    for (const gate of gates) {
      await until(`${gate} sees all nodes`, async () => {
        const { body } = await request(places.get(gate)?.url ?? '', 'GET', '/gate/nodes', { token: tokens.adminToken() })
        return (body?.nodes as Array<{ state: string }> | undefined)?.filter(({ state }) => state === 'up').length === nodes.length
      }, 60_000, 200)
    }
  }

  const kill = async (place: Place, signal: NodeJS.Signals): Promise<void> => {
    place.isEnding = true
    await place.running.end(signal)
  }
  const broken = async (link: TcpProxy, doIt: () => unknown, forMs: number): Promise<void> => {
    await doIt()
    await pause(forMs)
    link.delay(0)
    link.thaw()
    await link.mend()
  }

  async function act ({ fault, place: name, forMs }: Step): Promise<void> {
    if (fault === 'nats restart') {
      await nats.kill()
      await pause(forMs)
      await nats.restart()
      return
    }
    if (fault === 'join') {
      const newcomer = await begin(name)
      await pause(forMs)
      await kill(newcomer, 'SIGTERM')
      places.delete(name)
      return
    }
    const place = places.get(name)
    if (place === undefined) return
    const { nats: natsLink, store } = place
    switch (fault) {
      case 'kill':
        await kill(place, 'SIGKILL')
        await pause(forMs)
        again(place)
        break
      case 'drain':
        await kill(place, 'SIGTERM')
        await pause(forMs)
        again(place)
        break
      case 'freeze':
        process.kill(place.running.pid, 'SIGSTOP')
        await pause(forMs)
        process.kill(place.running.pid, 'SIGCONT')
        break
      case 'nats cut': await broken(natsLink, natsLink.cut, forMs); break
      case 'nats half open': await broken(natsLink, natsLink.freeze, forMs); break
      case 'nats slow': await broken(natsLink, () => { natsLink.delay(slowMs) }, forMs); break
      case 'store cut': await broken(store, store.cut, forMs); break
      case 'store half open': await broken(store, store.freeze, forMs); break
      case 'store unsaid':
        store.mute()
        await pause(Math.min(forMs, 1_500))
        await broken(store, store.cut, forMs)
        break
      case 'store slow': await broken(store, () => { store.delay(slowMs) }, forMs); break
    }
  }

  await Promise.all([...nodes, ...gates].map(begin))
  await Promise.all([...places.values()].map(async ({ running }) => await running.ready))
  await settled()
  return {
    ...tokens,
    gates: gates.map(name => places.get(name)?.url ?? ''),
    act,
    settled,
    endings,
    errorLines: () => all.flatMap(one => one.stdout().split('\n')).filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line))
  }
}
