import t from 'tap'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { quickIntervals } from '../../helpers/dispatch-nodes.js'
import { dispatchBehaviour } from './behaviour.js'

dispatchBehaviour(t, 'in-process', quickIntervals, async () => {
  const hub = createInProcessBus()
  const names = new Set<string>()
  return {
    cutsOne: true,
    connect: async name => { names.add(name); return hub.connect(name) },
    cut: async (...cut) => { for (const name of cut.length > 0 ? cut : names) hub.disconnect(name) },
    mend: async (...mended) => { for (const name of mended.length > 0 ? mended : names) hub.reconnect(name) }
  }
})
