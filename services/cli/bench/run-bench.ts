/** `gatepost bench`: connect, send, wait for the rest, report. */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { readBenchSettings } from '../../../shared/platform/settings/config.js'
import { SettingsError } from '../../../shared/platform/settings/fault.js'
import type { BenchSettings } from '../../../shared/platform/settings/settings.js'
import type { Terminal } from '../command.js'
import { openBenchClient, type BenchClient } from './client.js'
import { createHttpClient } from './http-client.js'
import { readIdentities, signIdentities, type Identities } from './identities.js'
import { createLedger, type Ledger } from './ledger.js'
import { startOwnServers, type OwnServers } from './own-servers.js'
import { paced } from './pace.js'
import { cpuSecondsOf } from './process-cpu.js'
import { createProgress, type Progress } from '../progress.js'
import { isFaulty, renderResult, type BenchResult } from './report.js'
import { createSender } from './senders.js'

const connectsInFlight = 64
const showEveryMs = 250
/** Without a delivery for so long, what is missing counts as lost. */
const quietMs = 5_000
const settlePollMs = 20

export async function runBench (argv: readonly string[], { surroundings, stdout, stderr }: Terminal): Promise<number> {
  const settings = readBenchSettings(argv, surroundings)
  const run = randomBytes(4).toString('hex')
  const given = settings.tokensFile === undefined ? undefined : readIdentities(settings.tokensFile, settings)
  const progress = createProgress({ write: stderr, isTerminal: process.stderr.isTTY, now: () => performance.now() })
  progress.show(settings.gate === undefined ? `starting a Gate and ${settings.nodes} nodes` : `at ${settings.gate}`)
  let own: OwnServers | undefined
  try {
    if (settings.gate === undefined) own = await startOwnServers({ nodes: settings.nodes, secret: settings.secret, env: surroundings.env })
    const identities = given ?? signIdentities(own?.secret ?? settings.secret ?? '', run, settings)
    const result = await load({ settings, run, identities, gate: own?.gate ?? settings.gate ?? '', own, progress })
    stdout(settings.isJson ? `${JSON.stringify(result)}\n` : `\n${renderResult(result)}`)
    return isFaulty(result) ? 1 : 0
  } catch (error) {
    if (error instanceof SettingsError) throw error
    progress.end()
    stderr(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    progress.end()
    await own?.close()
  }
}

interface LoadOptions {
  readonly settings: BenchSettings
  readonly run: string
  readonly identities: Identities
  readonly gate: string
  readonly own: OwnServers | undefined
  readonly progress: Progress
}

async function load ({ settings, run, identities, gate, own, progress }: LoadOptions): Promise<BenchResult> {
  const { inFlight, connectsPerSecond, messagesPerSecond, durationMs } = settings
  const pids = settings.serverPids.length > 0 ? settings.serverPids : own?.pids ?? []
  const http = createHttpClient(Math.max(inFlight, connectsInFlight))
  const ledger = createLedger(run)
  const clients: BenchClient[] = []
  let closedSockets = 0
  try {
    await paced({ perSecond: connectsPerSecond, inFlight: connectsInFlight }, { count: identities.users.length }, async at => {
      clients.push(await openBenchClient({ gate, user: identities.users[at]!, http, ledger, onClosed: () => { closedSockets++ } }))
      progress.show(`${clients.length} of ${identities.users.length} clients connected`)
    })
    progress.note('all clients connected')

    const sender = createSender({ settings, run, gate, clients, identities, http, ledger })
    const cpuBefore = cpuSecondsOf(pids)
    const startedMs = performance.now()
    const seconds = (): number => (performance.now() - startedMs) / 1000
    const timer = setInterval(() => { progress.show(state(ledger, seconds())) }, showEveryMs)
    let sendingSeconds: number
    try {
      await paced({ perSecond: messagesPerSecond, inFlight, weight: sender.weight }, { isOver: () => performance.now() - startedMs >= durationMs }, sender.send)
      sendingSeconds = seconds()
      await untilDelivered(ledger)
    } finally { clearInterval(timer) }
    const wholeSeconds = seconds()
    const cpuAfter = cpuSecondsOf(pids)
    progress.show(state(ledger, wholeSeconds))

    const totals = ledger.totals()
    const { latency } = ledger
    const cpu = cpuBefore === undefined || cpuAfter === undefined ? null : cpuAfter - cpuBefore
    return {
      to: settings.to,
      via: settings.via,
      clients: clients.length,
      nodes: new Set(clients.map(({ nodeUrl }) => nodeUrl)).size,
      seconds: rounded(wholeSeconds),
      ...totals,
      messagesPerSecond: rounded(totals.accepted / sendingSeconds),
      deliveriesPerSecond: rounded(totals.deliveries / wholeSeconds),
      latencyMs: latency.count === 0 ? null : { p50: rounded(latency.quantile(0.5)), p99: rounded(latency.quantile(0.99)), max: rounded(latency.max) },
      serverCpuSeconds: cpu === null ? null : rounded(cpu),
      serverCpuMicrosPerDelivery: cpu === null || totals.deliveries === 0 ? null : rounded(cpu * 1e6 / totals.deliveries),
      closedSockets,
      refusals: Object.fromEntries(sender.refusals)
    }
  } finally {
    for (const { socket } of clients) socket.close()
    http.close()
  }
}

/** Until all that was accepted has come, or nothing comes any more. */
async function untilDelivered (ledger: Ledger): Promise<void> {
  let before = -1
  let movedMs = performance.now()
  for (;;) {
    const { lost, deliveries } = ledger.totals()
    if (lost === 0) return
    if (deliveries !== before) {
      before = deliveries
      movedMs = performance.now()
    } else if (performance.now() - movedMs > quietMs) return
    await pause(settlePollMs)
  }
}

function state (ledger: Ledger, seconds: number): string {
  const { accepted, failed, deliveries, duplicates, orderFaults } = ledger.totals()
  const p99 = ledger.latency.count === 0 ? '' : `, p99 ${ledger.latency.quantile(0.99).toFixed(1)} ms`
  const faults = failed + duplicates + orderFaults === 0 ? '' : `; not accepted ${failed}, twice ${duplicates}, out of order ${orderFaults}`
  return `${seconds.toFixed(1)} s: ${accepted} messages, ${deliveries} deliveries${p99}${faults}`
}

const rounded = (value: number): number => Math.round(value * 100) / 100
