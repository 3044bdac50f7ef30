import t from 'tap'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { userStream } from '../../../shared/contract/names.js'
import { quickIntervals, startTestNode, startTestWatcher, statesOf } from '../../helpers/dispatch-nodes.js'
import { until } from '../../helpers/until.js'
import { dispatchBehaviour } from './behaviour.js'

for (const mode of ['broadcast', 'interest'] as const) {
  dispatchBehaviour(t, 'in-process', mode, quickIntervals, async () => {
    const hub = createInProcessBus()
    const names = new Set<string>()
    return {
      cutsOne: true,
      connect: async name => { names.add(name); return hub.connect(name) },
      cut: async (...cut) => { for (const name of cut.length > 0 ? cut : names) hub.disconnect(name) },
      mend: async (...mended) => { for (const name of mended.length > 0 ? mended : names) hub.reconnect(name) }
    }
  })
}

/** Within one process nobody waits for a round of heartbeats: here none would come. */
const slow = { ...quickIntervals, heartbeatMs: 60_000, settleMs: 60_000 }

void t.test('in-process dispatch - the list of members is believed once everybody has answered, and holds them all from then on', async t => {
  const hub = createInProcessBus()
  const alone = startTestWatcher(t, { bus: hub.connect('alone'), intervals: slow })
  await until('it knows that there is nobody', () => alone.hasConverged)
  t.same(alone.members(), [])
  const nodes = ['a', 'b', 'c'].map(id => startTestNode(t, { id, bus: hub.connect(id), intervals: slow }))
  const gate = startTestWatcher(t, { bus: hub.connect('gate'), intervals: slow })
  t.equal(gate.hasConverged, false, 'not before it has asked')
  // Turn by turn, so as not to miss the first moment.
  while (!gate.hasConverged) await new Promise(resolve => setImmediate(resolve))
  t.equal(statesOf(gate), 'a:up b:up c:up')
  t.ok(gate.isWhole)
  const [a, b] = nodes
  b!.wanted.add(userStream('anna'))
  a!.dispatch.broadcast(userStream('anna'), Buffer.from('first'))
  await until('it has come', () => b!.arrivals.length === 1)
})

void t.test('in-process dispatch - who was cut off before everybody had answered waits for a round of heartbeats', async t => {
  const hub = createInProcessBus()
  const { dispatch } = startTestNode(t, { id: 'a', bus: hub.connect('a') })
  hub.disconnect('a')
  hub.reconnect('a')
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
  t.equal(dispatch.hasConverged, false)
  await until('a round has passed', () => dispatch.hasConverged)
})
