import t from 'tap'
import { createSilentLog } from '../../../shared/platform/log.js'
import { groupStream, userStream } from '../../../shared/contract/names.js'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { isInDoubt, quickIntervals, startTestNode, startTestWatcher, statesOf } from '../../helpers/dispatch-nodes.js'
import { findNatsServer, natsMissing, startNatsServer } from '../../helpers/nats-server.js'
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.js'
import { allowed, until } from '../../helpers/until.js'
import { dispatchBehaviour } from './behaviour.js'

if (await findNatsServer() === undefined) {
  void t.test('nats dispatch', { skip: natsMissing }, async () => undefined)
} else {
  for (const mode of ['broadcast', 'interest'] as const) {
    dispatchBehaviour(t, 'nats', mode, quickIntervals, async t => {
      const server = await startNatsServer(t)
      const links = new Map<string, TcpProxy>()
      const chosen = (names: string[]): TcpProxy[] => [...links].filter(([name]) => names.length === 0 || names.includes(name)).map(([, link]) => link)
      return {
        cutsOne: true,
        connect: async name => {
          const link = await startTcpProxy(t, server.port)
          links.set(name, link)
          return await connectBus(`nats://127.0.0.1:${link.port}`, name)
        },
        cut: async (...names) => { for (const link of chosen(names)) await link.cut() },
        mend: async (...names) => { for (const link of chosen(names)) await link.mend() }
      }
    })
  }

  async function connectBus (url: string, name: string): Promise<Bus> {
    const bus = createNatsBus({ url, name, role: 'node', log: createSilentLog() })
    t.teardown(async () => { await bus.close() })
    await until(`${name} is connected`, () => bus.isConnected)
    return bus
  }

  for (const how of ['stop', 'kill'] as const) {
    void t.test(`nats dispatch - a ${how} of the server for longer than silence lasts makes nobody down, and all that was lost is named`, async t => {
      const server = await startNatsServer(t)
      const a = startTestNode(t, { id: 'a', bus: await connectBus(server.url, 'a') })
      const b = startTestNode(t, { id: 'b', bus: await connectBus(server.url, 'b') })
      const watcher = startTestWatcher(t, { bus: await connectBus(server.url, 'w') })
      await until('all see both', () => [a.dispatch, b.dispatch, watcher].every(dispatch => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up'))
      const told: string[] = []
      for (const dispatch of [a.dispatch, b.dispatch, watcher]) dispatch.onMembers(() => { told.push(statesOf(dispatch)) })
      await server[how]()
      await until('all are cut off', () => [a.dispatch, b.dispatch, watcher].every(dispatch => !dispatch.isConnected))
      const cutAtMs = Date.now()
      await until('longer than silence may last', () => {
        a.dispatch.broadcast(userStream('anna'), Buffer.from('lost'))
        return Date.now() - cutAtMs > 1000
      })
      b.dispatch.broadcast(groupStream('team'), Buffer.from('lost too'))
      await server.restart()
      const backAtMs = Date.now()
      await until('both name what was lost', () => isInDoubt(b, userStream('anna')) && isInDoubt(a, groupStream('team')))
      t.ok(Date.now() - backAtMs < allowed(3_000), 'within 3 s')
      await until('verdicts are made again', () => Date.now() - backAtMs > 1500)
      t.same(told.filter(states => states !== 'a:up b:up'), [])
      t.notOk([...a.doubts, ...b.doubts].some(({ kind }) => kind !== 'streams'))
    })
  }

  void t.test('nats dispatch - a server that hangs makes nobody down', async t => {
    const server = await startNatsServer(t)
    const a = startTestNode(t, { id: 'a', bus: await connectBus(server.url, 'a') })
    const b = startTestNode(t, { id: 'b', bus: await connectBus(server.url, 'b') })
    await until('both see both', () => [a, b].every(({ dispatch }) => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up'))
    const told: string[] = []
    for (const { dispatch } of [a, b]) dispatch.onMembers(() => { told.push(statesOf(dispatch)) })
    server.pause()
    t.teardown(() => { server.resume() })
    const pausedAtMs = Date.now()
    await until('longer than silence may last', () => Date.now() - pausedAtMs > 1500)
    t.ok(a.dispatch.isConnected, 'the client has not noticed')
    t.notOk(a.dispatch.isResponsive, 'dispatch has')
    a.dispatch.broadcast(userStream('anna'), Buffer.from('late or lost'))
    b.wanted.add(userStream('anna'))
    server.resume()
    const resumedAtMs = Date.now()
    await until('it arrives or is named', () => b.arrivals.length === 1 || isInDoubt(b, userStream('anna')))
    await until('verdicts are made again', () => Date.now() - resumedAtMs > 1000)
    t.ok(a.dispatch.isResponsive)
    t.same(told.filter(states => states.includes('down')), [])
  })

  void t.test('nats dispatch - a slow consumer learns what it lost', async t => {
    const server = await startNatsServer(t, { config: 'write_deadline: "300ms"\nmax_pending: 1MB' })
    const link = await startTcpProxy(t, server.port)
    const bus = await connectBus(server.url, 'a')
    const a = startTestNode(t, { id: 'a', bus })
    const slow = startTestNode(t, { id: 'slow', bus: await connectBus(`nats://127.0.0.1:${link.port}`, 'slow') })
    await until('both see both', () => [a, slow].every(({ dispatch }) => dispatch.hasConverged && statesOf(dispatch) === 'a:up slow:up'))
    const streams = Array.from({ length: 100 }, (_, i) => userStream(`user ${i}`))
    for (const stream of streams) slow.wanted.add(stream)
    link.freeze()
    const payload = Buffer.alloc(256 * 1024)
    for (const stream of streams) {
      a.dispatch.broadcast(stream, payload)
      // The buffers on the way take a part; what exceeds them makes the server close the slow connection.
      await bus.roundTrip()
    }
    link.thaw()
    await until('each stream has come or is named', () => streams.every(stream => isInDoubt(slow, stream) || slow.arrivals.some(text => text.startsWith(`a ${stream} `))), 20_000)
    t.ok(slow.doubts.length > 0)
    t.notOk(slow.doubts.some(({ kind }) => kind === 'everything'))
  })

  void t.test('nats dispatch - in a cluster of servers one may be killed: its processes go to another, and what was lost is named', async t => {
    const cluster = 'server_name: one\ncluster { name: test, listen: "127.0.0.1:-1" }'
    const one = await startNatsServer(t, { config: cluster })
    const two = await startNatsServer(t, { config: `server_name: two\ncluster { name: test, listen: "127.0.0.1:-1", routes: ["${one.routeUrl}"] }` })
    const a = startTestNode(t, { id: 'a', bus: await connectBus(`${one.url},${two.url}`, 'a') })
    const b = startTestNode(t, { id: 'b', bus: await connectBus(two.url, 'b') })
    const c = startTestNode(t, { id: 'c', bus: await connectBus(`${two.url},${one.url}`, 'c') })
    const nodes = [a, b, c]
    await until('all see all', () => nodes.every(({ dispatch }) => dispatch.hasConverged && statesOf(dispatch) === 'a:up b:up c:up'))
    const told: string[] = []
    for (const { dispatch } of nodes) dispatch.onMembers(() => { told.push(statesOf(dispatch)) })
    const streams = Array.from({ length: 200 }, (_, i) => userStream(`user ${i}`))
    for (const { wanted } of nodes) for (const stream of streams) wanted.add(stream)
    for (const [index, stream] of streams.entries()) {
      for (const { dispatch } of nodes) dispatch.broadcast(stream, Buffer.from(''))
      if (index === 100) await one.kill()
      await new Promise(resolve => { setImmediate(resolve) })
    }
    for (const node of nodes) {
      for (const from of nodes) {
        if (from !== node) await until(`${node.id} has all of ${from.id}`, () => streams.every(stream => isInDoubt(node, stream) || node.arrivals.includes(`${from.id} ${stream} `)))
      }
      await until('it is connected', () => node.dispatch.isConnected)
    }
    t.notOk(told.some(states => states.includes('down')))
  })

  void t.test('nats dispatch - a process that is killed is down by silence; a watcher that starts before the server sees all', async t => {
    const server = await startNatsServer(t)
    await server.stop()
    const early = createNatsBus({ url: server.url, name: 'early', role: 'node', log: createSilentLog() })
    t.teardown(async () => { await early.close() })
    const watcher = startTestWatcher(t, { bus: early })
    t.equal(watcher.hasConverged, false)
    await server.restart()
    const link = await startTcpProxy(t, server.port)
    const a = startTestNode(t, { id: 'a', bus: await connectBus(server.url, 'a') })
    startTestNode(t, { id: 'b', bus: await connectBus(`nats://127.0.0.1:${link.port}`, 'b') })
    await until('both are seen', () => watcher.hasConverged && statesOf(watcher) === 'a:up b:up' && statesOf(a.dispatch) === 'a:up b:up')
    await link.cut()
    const cutAtMs = Date.now()
    await until('it is down', () => statesOf(watcher) === 'a:up b:down')
    t.ok(Date.now() - cutAtMs < allowed(1_000), 'in time')
    await until('the node is told to look', () => a.doubts.some(doubt => doubt.kind === 'node' && doubt.node === 'b'))
  })
}
