import { existsSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createLog, createSilentLog } from '../../../shared/platform/log.js'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { inspectNats } from '../../../services/dispatch/buses/nats-inspect.js'
import { findNatsServer, natsMissing, startNatsServer } from '../../helpers/nats-server.js'
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.js'
import { allowed, until } from '../../helpers/until.js'
import { busContract } from './bus-contract.js'

const asNode = { prefix: 'gatepost', role: 'node' } as const

if (await findNatsServer() === undefined) {
  void t.test('nats bus', { skip: natsMissing }, async () => undefined)
} else {
  const server = await startNatsServer(t)

  busContract(t, 'nats', async t => {
    const links = new Map<string, TcpProxy>()
    return {
      connect: async name => {
        const link = await startTcpProxy(t, server.port)
        links.set(name, link)
        return await connectBus(t, `nats://127.0.0.1:${link.port}`, name)
      },
      disconnect: async name => { await links.get(name)?.cut() },
      reconnect: async name => { await links.get(name)?.mend() }
    }
  })

  void t.test('nats bus - an unreachable server is tried until it is there, with a log line each time that names the setting', async t => {
    const later = await startNatsServer(t)
    await later.stop()
    const lines: string[] = []
    const bus = createNatsBus({ url: later.url, name: 'early', role: 'node', log: createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } }) })
    t.teardown(async () => { await bus.close() })
    const got: string[] = []
    bus.subscribe('x', (_subject, payload) => { got.push(Buffer.from(payload).toString()) })
    bus.publish('x', Buffer.from('lost'))
    await t.rejects(bus.request('x', Buffer.from(''), 10_000), { code: 'GP_DISPATCH_UNAVAILABLE' })
    await until('it has tried three times', () => lines.length >= 3)
    for (const line of lines) t.match(JSON.parse(line), { event: 'nats-unreachable', msg: /GATEPOST_NATS_URL/ })
    await later.restart()
    await until('it is connected', () => bus.isConnected)
    const other = await connectBus(t, later.url, 'other')
    await bus.roundTrip()
    other.publish('x', Buffer.from('hello'))
    await until('what was subscribed before is heard', () => got.length === 1)
    t.same(got, ['hello'])
  })

  for (const [how, seconds] of [['stop', 0], ['kill', 0], ['kill', 3]] as const) {
    void t.test(`nats bus - a server that ends by ${how} and is back after ${seconds} s is found again by all`, async t => {
      const own = await startNatsServer(t)
      const [a, b] = [await connectBus(t, own.url, 'a'), await connectBus(t, own.url, 'b')]
      const got: string[] = []
      b.subscribe('x', (_subject, payload) => { got.push(Buffer.from(payload).toString()) })
      await b.roundTrip()
      await own[how]()
      await until('both notice', () => !a.isConnected && !b.isConnected)
      const endedAtMs = Date.now()
      await until('so long away', () => {
        a.publish('x', Buffer.from('lost'))
        return Date.now() - endedAtMs >= seconds * 1000
      })
      await own.restart()
      const backAtMs = Date.now()
      await until('both are back', () => a.isConnected && b.isConnected)
      t.ok(Date.now() - backAtMs < allowed(2_000), 'soon')
      await b.roundTrip()
      a.publish('x', Buffer.from('after'))
      await until('it works again', () => got.includes('after'))
      t.same(got, ['after'], 'nothing is kept and sent later')
    })
  }

  void t.test('nats bus - a server that hangs is noticed by its missing answers', async t => {
    const own = await startNatsServer(t)
    const a = await connectBus(t, own.url, 'a')
    await a.roundTrip()
    own.pause()
    t.teardown(() => { own.resume() })
    // The signal arrives a moment later; where the system does not tell, the moment is taken for granted.
    const stat = `/proc/${own.pid}/stat`
    await until('it stands still', () => !existsSync(stat) || readFileSync(stat, 'utf8').includes(') T '))
    let isResponsive = false
    const trip = a.roundTrip().then(() => { isResponsive = true }, () => undefined)
    await until('the connection is given up', () => !a.isConnected, 15_000)
    t.equal(isResponsive, false)
    await trip
    own.resume()
    await until('it is back', () => a.isConnected)
    await a.roundTrip()
  })

  void t.test('nats bus - what a hanging server does not take is dropped, not piled up', async t => {
    const link = await startTcpProxy(t, server.port)
    const a = await connectBus(t, `nats://127.0.0.1:${link.port}`, 'a')
    link.freeze()
    const payload = new Uint8Array(512 * 1024)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 400 && a.isConnected; i++) {
      a.publish('x', payload)
      if (i % 10 === 0) await new Promise(resolve => { setImmediate(resolve) })
    }
    t.ok(a.isConnected, 'not noticed yet')
    t.ok(process.memoryUsage().arrayBuffers - before < 150 * 1024 * 1024, 'of 200 MB a bounded part is held')
    link.thaw()
    await a.roundTrip()
    await until('it takes again', async () => {
      const got = await a.request('nobody', new Uint8Array(10), 1000).catch((error: unknown) => (error as Error).message)
      return typeof got === 'string' && got.includes('nobody listens')
    })
  })

  void t.test('nats bus - a slow consumer loses its connection and comes back', async t => {
    const own = await startNatsServer(t, { config: 'write_deadline: "300ms"\nmax_pending: 1MB' })
    const link = await startTcpProxy(t, own.port)
    const [a, slow] = [await connectBus(t, own.url, 'a'), await connectBus(t, `nats://127.0.0.1:${link.port}`, 'slow')]
    const status: boolean[] = []
    let count = 0
    slow.subscribe('x', () => { count++ })
    slow.onStatus(isConnected => { status.push(isConnected) })
    await slow.roundTrip()
    link.freeze()
    const payload = new Uint8Array(256 * 1024)
    for (let i = 0; i < 200; i++) {
      a.publish('x', payload)
      if (i % 4 === 0) await a.roundTrip()
    }
    link.thaw()
    await until('it was cut off and is back', () => status.length >= 2 && slow.isConnected, 20_000)
    t.same(status.slice(0, 2), [false, true])
    t.ok(count < 200, 'some were lost')
    await slow.roundTrip()
    const before = count
    a.publish('x', payload)
    await until('it hears again', () => count === before + 1)
  })

  void t.test('nats bus - logs in as the address says, and goes on trying where it is refused', async t => {
    const own = await startNatsServer(t, { config: 'authorization { user: "gate/post", password: "p@ss word" }' })
    const lines: string[] = []
    const log = createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } })
    const refused = createNatsBus({ role: 'node', url: `nats://${encodeURIComponent('gate/post')}:wrongword@127.0.0.1:${own.port}`, name: 'refused', log })
    t.teardown(async () => { await refused.close() })
    const allowed = await connectBus(t, `nats://${encodeURIComponent('gate/post')}:${encodeURIComponent('p@ss word')}@127.0.0.1:${own.port}`, 'allowed')
    await allowed.roundTrip()
    await until('it has tried three times', () => lines.length >= 3)
    t.equal(refused.isConnected, false)
    t.notMatch(lines.join(''), /wrongword/)
    t.match(lines.join(''), /Authorization Violation/i)
  })

  void t.test('nats bus - a server of several is enough', async t => {
    const gone = await startNatsServer(t)
    await gone.stop()
    const bus = await connectBus(t, `${gone.url},${server.url}`, 'a')
    await bus.roundTrip()
    t.ok(bus.isConnected)
  })

  void t.test('nats bus - an inspection tells version, limit and round trip, or why not', async t => {
    const found = await inspectNats({ ...asNode, url: server.url })
    if (!found.reachable) throw found.cause
    t.equal(found.version, server.version)
    t.equal(found.maxPayloadBytes, 1024 * 1024)
    t.ok(found.roundTripMs >= 0)
    const gone = await startNatsServer(t)
    await gone.stop()
    t.match(await inspectNats({ ...asNode, url: gone.url }), { reachable: false, isLoginRefused: false })
  })

  void t.test('nats bus - the limit is the server\'s', async t => {
    const own = await startNatsServer(t, { config: 'max_payload: 2048' })
    const bus = await connectBus(t, own.url, 'a')
    t.equal(bus.maxPayloadBytes, 2048)
    t.throws(() => { bus.publish('x', new Uint8Array(2049)) }, { code: 'GP_TOO_LARGE', message: /2048/ })
  })
}

async function connectBus (t: Test, url: string, name: string): Promise<Bus> {
  const bus = createNatsBus({ url, name, role: 'node', log: createSilentLog() })
  t.teardown(async () => { await bus.close() })
  await until(`${name} is connected`, () => bus.isConnected)
  return bus
}
