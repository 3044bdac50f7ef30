/** One user on the node that Gate gave, with an open socket. */
import { performance } from 'node:perf_hooks'
import type { HttpClient } from './http-client.js'
import type { Ledger, SeenEntry } from './ledger.js'
import { openRawSocket, type RawSocket } from './raw-socket.js'

export interface BenchClient {
  readonly name: string
  readonly ticket: string
  readonly nodeUrl: string
  readonly socket: RawSocket
}

export interface BenchClientOptions {
  readonly gate: string
  readonly user: { readonly name: string, readonly token: string }
  readonly http: HttpClient
  readonly ledger: Ledger
  readonly onClosed: (reason: string) => void
}

interface Assignment { readonly node: { readonly url: string }, readonly ticket: string }

/** Resolves once the node has said `ready`. */
export async function openBenchClient ({ gate, user, http, ledger, onClosed }: BenchClientOptions): Promise<BenchClient> {
  const answer = await http.ask('GET', `${gate}/gate/assign`, user.token)
  if (answer.status !== 200) throw new Error(`Gate refused to assign a node: ${answer.status} ${answer.text.slice(0, 300)}`)
  const { node, ticket } = JSON.parse(answer.text) as Assignment
  let read: ReturnType<Ledger['reader']> | undefined
  let isReady = (): void => {}
  let isRefused = (_error: Error): void => {}
  const ready = new Promise<void>((resolve, reject) => { isReady = resolve; isRefused = reject })
  const opening = openRawSocket({
    url: node.url,
    auth: { ticket },
    onEvent: (event, json) => {
      if (event === 'entries') read?.(JSON.parse(json) as SeenEntry[], performance.now())
      else if (event === 'ready') {
        read = ledger.reader((JSON.parse(json) as { heads: Record<string, number> }).heads)
        isReady()
      }
    },
    onClosed: reason => {
      isRefused(new Error(`closed before it was ready: ${reason}`))
      onClosed(reason)
    }
  })
  const [socket] = await Promise.all([opening, ready])
  return { name: user.name, ticket, nodeUrl: node.url, socket }
}
