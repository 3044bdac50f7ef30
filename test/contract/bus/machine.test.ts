/** The bus of several processes of one machine: here both ends of its links are in one process. */
import { connect as connectSocket, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { createInProcessBus, type InProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createMachineBus } from '../../../services/dispatch/buses/machine-bus.js'
import { joinHub } from '../../../services/dispatch/buses/machine-hub.js'
import { makeSocketFolder } from '../../../shared/platform/link.js'
import { until } from '../../helpers/until.js'
import { busContract } from './bus-contract.js'

/** Brings a process with the name `p1`, `p2` and so on to the hub. */
async function listen (t: Test, hub: InProcessBus): Promise<() => Promise<Socket>> {
  const folder = makeSocketFolder()
  const path = folder.pathOf('bus')
  let processes = 0
  const server = createServer(socket => { joinHub(hub, `p${++processes}`, socket) }).listen(path)
  await once(server, 'listening')
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    folder.remove()
  })
  return async () => {
    const socket = connectSocket(path)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
}

busContract(t, 'machine', async t => {
  const hub = createInProcessBus()
  const join = await listen(t, hub)
  const buses = new Map<string, { bus: Bus, process: number }>()
  let processes = 0
  const cut = (name: string): { bus: Bus, hubName: string } => {
    const { bus, process } = buses.get(name) ?? (() => { throw new Error(`no ${name}`) })()
    return { bus, hubName: `p${process} ${name}` }
  }
  return {
    connect: async name => {
      const bus = createMachineBus(await join()).connect(name)
      buses.set(name, { bus, process: ++processes })
      await bus.roundTrip()
      return bus
    },
    disconnect: async name => {
      const { bus, hubName } = cut(name)
      hub.disconnect(hubName)
      await until(`${name} is cut off`, () => !bus.isConnected)
    },
    reconnect: async name => {
      const { bus, hubName } = cut(name)
      hub.reconnect(hubName)
      await until(`${name} is back`, () => bus.isConnected)
    }
  }
})

t.test('machine bus - a process that is gone leaves nothing behind, and what it was asked ends', async t => {
  const hub = createInProcessBus()
  const join = await listen(t, hub)
  const socket = await join()
  const gone = createMachineBus(socket)
  const stays = createMachineBus(await join()).connect('node')
  const bus = gone.connect('node')
  bus.subscribe('x', () => {}) // never answers
  await bus.roundTrip()
  const changes: boolean[] = []
  bus.onStatus(isConnected => { changes.push(isConnected) })
  const question = stays.request('x', Buffer.from(''), 200)
  const own = bus.request('nobody answers', Buffer.from(''), 60_000)
  socket.destroy()
  await t.rejects(own, { code: 'GP_OUTCOME_UNKNOWN' })
  t.same(changes, [false])
  await t.rejects(question, { code: 'GP_OUTCOME_UNKNOWN' })
  await until('its place is free', async () => await stays.request('x', Buffer.from(''), 200).then(() => false, ({ code }: { code: string }) => code === 'GP_DISPATCH_UNAVAILABLE'))
  await t.rejects(bus.roundTrip(), { code: 'GP_DISPATCH_UNAVAILABLE' })
  await t.rejects(gone.connect('another').roundTrip(), { code: 'GP_DISPATCH_UNAVAILABLE' })
  await bus.close()
})

t.test('machine bus - two participants of one process hear each other, and not themselves', async t => {
  const hub = createInProcessBus()
  const machine = createMachineBus(await (await listen(t, hub))())
  const [gate, node] = [machine.connect('gate'), machine.connect('node')]
  const got: string[] = []
  gate.subscribe('x', () => { got.push('gate') })
  node.subscribe('x', () => { got.push('node') })
  await node.roundTrip()
  gate.publish('x', Buffer.from('1'))
  await gate.roundTrip()
  await until('it has come', () => got.length > 0)
  t.same(got, ['node'])
})
