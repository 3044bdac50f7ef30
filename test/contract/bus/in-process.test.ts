import t from 'tap'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createLossyBus } from '../../helpers/lossy-bus.js'
import { busContract } from './bus-contract.js'

busContract(t, 'in-process', async () => {
  const hub = createInProcessBus()
  return {
    connect: async name => hub.connect(name),
    disconnect: async name => { hub.disconnect(name) },
    reconnect: async name => { hub.reconnect(name) }
  }
})

busContract(t, 'in-process with losses', async () => {
  const hub = createLossyBus()
  return {
    connect: async name => hub.connect(name),
    disconnect: async name => { hub.disconnect(name) },
    reconnect: async name => { hub.reconnect(name) }
  }
})

void t.test('in-process bus - hands the payload through without a copy', async t => {
  const hub = createInProcessBus()
  const [a, b] = [hub.connect('a'), hub.connect('b')]
  const payload = Buffer.from('the same')
  const got = new Promise<Uint8Array>(resolve => { b.subscribe('x', (_subject, given) => { resolve(given) }) })
  a.publish('x', payload)
  t.equal(await got, payload)
})

void t.test('lossy bus - loses what the test names, for one receiver only', async t => {
  const hub = createLossyBus()
  const [a, b, c] = [hub.connect('a'), hub.connect('b'), hub.connect('c')]
  const got: string[] = []
  b.subscribe('>', subject => { got.push(`b ${subject}`) })
  c.subscribe('>', subject => { got.push(`c ${subject}`) })
  const end = hub.lose(({ from, to, subject }) => from === 'a' && to === 'b' && subject === 'x')
  a.publish('x', Buffer.from(''))
  a.publish('y', Buffer.from(''))
  await a.roundTrip()
  end()
  a.publish('x', Buffer.from(''))
  await a.roundTrip()
  t.same(got, ['c x', 'b y', 'c y', 'b x', 'c x'])
})

void t.test('in-process bus - a name is used by one participant at a time', async t => {
  const hub = createInProcessBus()
  const first = hub.connect('a')
  t.throws(() => hub.connect('a'))
  await first.close()
  t.ok(hub.connect('a').isConnected)
})
