/** The ways in which messages are sent: one call sends one request, of one message or of an array. */
import { performance } from 'node:perf_hooks'
import type { BenchSettings } from '../../../shared/platform/settings/settings.js'
import type { BenchClient } from './client.js'
import type { HttpClient } from './http-client.js'
import type { Identities } from './identities.js'
import type { Ledger } from './ledger.js'

export interface Sender {
  /** Messages in one request. */
  readonly weight: number
  /** Never rejects: what was not accepted is in the ledger. `at` counts the requests. */
  send: (at: number) => Promise<void>
  /** Why messages failed, how often. */
  readonly refusals: ReadonlyMap<string, number>
}

export interface SenderOptions {
  readonly settings: Pick<BenchSettings, 'to' | 'via' | 'batch' | 'bodyBytes'>
  readonly run: string
  readonly gate: string
  readonly clients: readonly BenchClient[]
  readonly identities: Identities
  readonly http: HttpClient
  readonly ledger: Ledger
}

/** A step through the clients that comes by all of them, in an order that is not theirs. */
const stride = 7_919

export function createSender ({ settings: { to, via, batch, bodyBytes }, run, gate, clients, identities, http, ledger }: SenderOptions): Sender {
  const body = 'x'.repeat(bodyBytes)
  const refusals = new Map<string, number>()
  const weight = via === 'batch' ? batch : 1
  const readers = to === 'user' ? 1 : clients.length

  function compose (at: number): { n: number, json: string } {
    const receiver = clients[(at * stride + 1) % clients.length]!
    const target = to === 'user' ? { user: receiver.name } : to === 'group' ? { group: identities.group } : { all: true }
    const n = ledger.send(performance.now(), readers)
    return { n, json: JSON.stringify({ to: target, title: `message ${n}`, body, data: { run, n } }) }
  }

  function refuse (n: number, why: string): void {
    ledger.fail(n)
    refusals.set(why, (refusals.get(why) ?? 0) + 1)
  }

  async function attempt (numbers: readonly number[], work: () => Promise<ReadonlyArray<string | undefined>>): Promise<void> {
    try {
      const faults = await work()
      for (const [i, n] of numbers.entries()) {
        const fault = i < faults.length ? faults[i] : 'no result'
        if (fault === undefined) ledger.accept(n)
        else refuse(n, fault)
      }
    } catch (error) {
      for (const n of numbers) refuse(n, error instanceof Error ? error.message : String(error))
    }
  }

  const clientAt = (at: number): BenchClient => clients[at % clients.length]!
  const producer = identities.producer ?? ''

  const ways: Record<BenchSettings['via'], (at: number) => Promise<void>> = {
    rest: async at => {
      const { n, json } = compose(at)
      const { nodeUrl, ticket } = clientAt(at)
      await attempt([n], async () => {
        const { status, text } = to === 'all' ? await http.ask('POST', `${gate}/gate/messages`, producer, json) : await http.ask('POST', `${nodeUrl}/messages`, ticket, json)
        return [status === 201 ? undefined : faultOf(status, text)]
      })
    },
    batch: async at => {
      const messages = Array.from({ length: batch }, (_, i) => compose(at * batch + i))
      await attempt(messages.map(({ n }) => n), async () => {
        const { status, text } = await http.ask('POST', `${gate}/gate/messages`, producer, `[${messages.map(({ json }) => json).join(',')}]`)
        if (status !== 207) return messages.map(() => faultOf(status, text))
        const { results } = JSON.parse(text) as { results: ReadonlyArray<{ status: number, code?: string }> }
        return results.map(result => result.status === 201 ? undefined : `${result.status} ${result.code ?? ''}`)
      })
    },
    socket: async at => {
      const { n, json } = compose(at)
      await attempt([n], async () => {
        const [answer] = JSON.parse(await clientAt(at).socket.ask('send', json)) as [{ error?: { code: string } }]
        return [answer.error?.code]
      })
    }
  }
  return { weight, send: ways[via], refusals }
}

function faultOf (status: number, text: string): string {
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  return code === undefined ? String(status) : `${status} ${code}`
}
