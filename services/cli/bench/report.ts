import type { Totals } from './ledger.js'

export interface BenchResult extends Totals {
  readonly to: string
  readonly via: string
  readonly clients: number
  readonly nodes: number
  readonly seconds: number
  readonly messagesPerSecond: number
  readonly deliveriesPerSecond: number
  /** From sending to delivery; null without deliveries. */
  readonly latencyMs: { readonly p50: number, readonly p99: number, readonly max: number } | null
  /** Null where it cannot be known. */
  readonly serverCpuSeconds: number | null
  readonly serverCpuMicrosPerDelivery: number | null
  /** Sockets that the servers closed. */
  readonly closedSockets: number
  readonly refusals: Readonly<Record<string, number>>
}

/** Something arrived that should not have, or did not that should have. */
export const isFaulty = ({ accepted, lost, duplicates, orderFaults }: Totals): boolean => accepted === 0 || lost + duplicates + orderFaults > 0

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : value < 1000 ? 1 : 0 })

export function renderResult (result: BenchResult): string {
  const { latencyMs, serverCpuSeconds, serverCpuMicrosPerDelivery } = result
  const rows: Array<[string, string]> = [
    ['messages', `${number(result.accepted)} to ${result.to === 'user' ? 'one user each' : result.to === 'group' ? 'a group' : 'all'} over ${result.via}, ${number(result.messagesPerSecond)} a second`],
    ['not accepted', [number(result.failed), ...Object.entries(result.refusals).map(([why, count]) => `${why}: ${count}`)].join('; ')],
    ['deliveries', `${number(result.deliveries)} of ${number(result.expected)}, ${number(result.deliveriesPerSecond)} a second`],
    ['lost', number(result.lost)],
    ['duplicates', number(result.duplicates)],
    ['order faults', number(result.orderFaults)],
    ['send to delivery', latencyMs === null ? 'nothing was delivered' : `p50 ${number(latencyMs.p50)} ms, p99 ${number(latencyMs.p99)} ms, longest ${number(latencyMs.max)} ms`],
    ['server CPU', serverCpuSeconds === null || serverCpuMicrosPerDelivery === null ? 'not known' : `${number(serverCpuMicrosPerDelivery)} µs a delivery, ${number(serverCpuSeconds)} s in all`],
    ['clients', `${number(result.clients)} over ${number(result.nodes)} ${result.nodes === 1 ? 'node' : 'nodes'}${result.closedSockets === 0 ? '' : `, ${number(result.closedSockets)} closed by the server`}`]
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('')
}
