/** A program that connects to the address it is given, makes a round trip, says so and ends. */
import { createSilentLog } from '../../../shared/platform/log.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { until } from '../../helpers/until.js'

const bus = createNatsBus({ url: process.argv[2] ?? '', name: 'tls', role: 'node', log: createSilentLog() })
await until('it is connected', () => bus.isConnected)
await bus.roundTrip()
console.log('connected')
await bus.close()
