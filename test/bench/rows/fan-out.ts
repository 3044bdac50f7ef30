/** One message to all: stored once and pushed to every socket, against `io.emit`. */
import { openClients, producerToken, startGatepost, startSocketIo } from '../clients.js'
import type { Child } from '../child.js'
import { cpuDuring } from '../cpu.js'
import { withResources } from '../resources.js'
import { populated, sized, type Measured, type Row } from '../row.js'

function fanOut (name: string, sockets: number, messages: number, inFlight: number, atLeast: number): Row {
  const each = inFlight === 1 ? 'one in flight' : `${inFlight} in flight`
  return {
    name,
    unit: 'delivery',
    ours: `a message to all, stored once, to ${sockets} sockets, ${each}`,
    baseline: `io.emit to ${sockets} sockets, ${each}`,
    reach: { kind: 'rate', atLeast },
    prepare: async size => await withResources(async resources => {
      const users = populated(size, sockets, 8)
      const count = sized(size, messages, 8)
      const { server, gate, node } = await startGatepost(resources)
      const clients = await openClients(resources, { url: node.url, node: node.id, users })
      const bare = await startSocketIo(resources)
      const bareClients = await openClients(resources, { url: bare.url, users })
      const token = producerToken()
      const measure = async (of: Child, by: Child, url: string): Promise<Measured> => {
        const { micros, result } = await cpuDuring([of], [], async () => await by.ask<{ deliveries: number, others: number, frames: number }>('fanOut', { url, token, to: { all: true }, messages: count, inFlight }))
        // What a reader gets beside the messages, the number of unread ones, is in the cost, too.
        return { cost: micros / result.deliveries, figures: { unreadEventsPerDelivery: result.others / result.deliveries, deliveriesPerFrame: result.deliveries / result.frames } }
      }
      return {
        servers: [server],
        ours: async () => await measure(server, clients, `${gate}/gate/messages`),
        baseline: async () => await measure(bare.server, bareClients, bare.url)
      }
    })
  }
}

export const fanOutRows: readonly Row[] = [
  fanOut('fan-out-1000', 1_000, 200, 1, 1.2),
  fanOut('fan-out-10000', 10_000, 20, 1, 1.2),
  fanOut('fan-out-4', 1_000, 400, 4, 2.5)
]
