/** A program that has nothing to do but an open dispatch: it must end by itself. */
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import { createDispatch } from '../../../services/dispatch/create-dispatch.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { idleLoad, testSecret } from '../../helpers/dispatch-nodes.js'

const dispatch = createDispatch({
  bus: createInProcessBus().connect('a'),
  prefix: 'test',
  secret: testSecret,
  self: { id: 'a' as NodeId, startedAt: 1 },
  clock: createClock(),
  log: createSilentLog()
})
dispatch.join({ url: 'http://a', weight: 1, version: '1', state: () => 'up', load: () => idleLoad })
dispatch.onArrival(() => false, () => undefined)
console.log(dispatch.members()[0]?.state)
