/** One message to all: stored once and pushed to every socket, against `io.emit`. */
import { openClients, producerToken, startGatepost, startSocketIo } from '../clients.js'
import type { Child } from '../child.js'
import { cpuDuring } from '../cpu.js'
import { withResources } from '../resources.js'
import { wireBytesDuring } from '../wire.js'
import { populated, sized, type Measured, type Row } from '../row.js'

interface FanOut { readonly name: string, readonly sockets: number, readonly messages: number, readonly inFlight: number, readonly atLeast: number, readonly bare: number, readonly variantOf?: string }
interface Delivered { readonly deliveries: number, readonly others: number, readonly frames: number, readonly p50Ms: number }

function fanOut ({ name, sockets, messages, inFlight, atLeast, bare, variantOf }: FanOut): Row {
  const each = inFlight === 1 ? 'one in flight' : `${inFlight} in flight`
  return {
    name,
    unit: 'delivery',
    ours: `a message to all, stored once, to ${sockets} sockets, ${each}`,
    baseline: `io.emit to ${sockets} sockets, ${each}`,
    reach: { kind: 'rate', atLeast },
    reachBare: bare,
    ...variantOf !== undefined && { variantOf },
    prepare: async size => await withResources(async resources => {
      const users = populated(size, sockets, 8)
      const count = sized(size, messages, 8)
      const { server, gate, node } = await startGatepost(resources)
      const clients = await openClients(resources, { url: node.url, node: node.id, users })
      const plain = await startSocketIo(resources)
      const plainClients = await openClients(resources, { url: plain.url, users })
      const token = producerToken()
      const measure = async (of: Child, by: Child, url: string): Promise<Measured> => {
        const { micros, result: { bytes, result } } = await cpuDuring([of], [], async () => await wireBytesDuring(by, async () => await by.ask<Delivered>('fanOut', { url, token, to: { all: true }, messages: count, inFlight })))
        const { deliveries, others, frames, p50Ms } = result
        // What a reader gets beside the messages, the number of unread ones, is in the cost, too.
        return { cost: micros / deliveries, wireBytes: bytes / deliveries, figures: { p50Ms, unreadEventsPerDelivery: others / deliveries, deliveriesPerFrame: deliveries / frames } }
      }
      return {
        servers: [server],
        ours: async () => await measure(server, clients, `${gate}/gate/messages`),
        baseline: async () => await measure(plain.server, plainClients, plain.url),
        bare: async () => await measure(plain.server, plainClients, `${plain.url}/bare`)
      }
    })
  }
}

export const fanOutRows: readonly Row[] = [
  fanOut({ name: 'fan-out-1000', sockets: 1_000, messages: 200, inFlight: 1, atLeast: 1.2, bare: 1.25 }),
  fanOut({ name: 'fan-out-10000', sockets: 10_000, messages: 20, inFlight: 1, atLeast: 1.2, bare: 1.8, variantOf: 'fan-out-1000' }),
  fanOut({ name: 'fan-out-4', sockets: 1_000, messages: 400, inFlight: 4, atLeast: 2.5, bare: 3, variantOf: 'fan-out-1000' })
]
