import { performance } from 'node:perf_hooks'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readIdentities, signIdentities } from '../../services/cli/bench/identities.js'
import { paced } from '../../services/cli/bench/pace.js'
import { cpuSecondsOf } from '../../services/cli/bench/process-cpu.js'
import { createProgress } from '../../services/cli/progress.js'
import { isFaulty, renderResult, type BenchResult } from '../../services/cli/bench/report.js'
import { readBenchSettings } from '../../shared/platform/settings/config.js'
import { againstLine, findCommit } from '../bench/against.js'
import { resultOf, spreadOf } from '../bench/interleave.js'

const secret = 'a secret of at least 32 bytes, for tests'
const nowhere = { env: {}, cwd: '/nonexistent' }

t.test('bench settings - defaults, and what does not go together', async t => {
  t.match(readBenchSettings([], nowhere), { gate: undefined, nodes: 2, clients: 100, messagesPerSecond: 1_000, durationMs: 10_000, to: 'user', via: 'rest', serverPids: [], isJson: false })
  t.match(readBenchSettings(['--gate', 'http://g.test', '--secret', secret, '--server-pids', '12,34', '--json'], nowhere), { gate: 'http://g.test', serverPids: [12, 34], isJson: true })
  const faultOf = (...argv: string[]): string => {
    try { readBenchSettings(argv, nowhere) } catch (error) { return (error as Error).message }
    return 'none'
  }
  t.match(faultOf('--gate', 'http://g.test'), /^GATEPOST_SECRET: got nothing/)
  t.match(faultOf('--tokens', '/dev/null'), /^--tokens: got a file without --gate/)
  t.match(faultOf('--to', 'all', '--via', 'socket'), /^--via: got "socket"/)
  t.match(faultOf('--clients', '0', '--to', 'nobody', '--server-pids', '0'), /^--clients: [^\n]*\n--to: [^\n]*\n--server-pids: /)
})

t.test('bench tokens - a file of signed ones is read back, what is missing is said', async t => {
  const wanted = { clients: 3, to: 'group', via: 'batch', group: 'team' } as const
  const signed = signIdentities(secret, 'r1', wanted)
  t.equal(signed.users.length, 3)
  const file = join(t.testdir(), 'tokens')
  writeFileSync(file, [...signed.users.map(({ token }) => token), signed.producer ?? '', ''].join('\n'))
  t.strictSame(readIdentities(file, wanted), { ...signed, group: 'team' })
  t.throws(() => readIdentities(file, { ...wanted, clients: 4 }), { message: /tokens of 3 users; takes one for each of the 4 clients/ })
  writeFileSync(file, signed.users.map(({ token }) => token).join('\n'))
  t.throws(() => readIdentities(file, wanted), { message: /no token of a producer/ })
  writeFileSync(file, 'nonsense\n')
  t.throws(() => readIdentities(file, wanted), { message: /a line that is no token/ })
})

t.test('bench pace - not faster than the rate, not more at once than allowed, and to the end', async t => {
  let open = 0
  let most = 0
  const order: number[] = []
  const startedMs = performance.now()
  await paced({ perSecond: 200, inFlight: 3 }, { count: 20 }, async at => {
    order.push(at)
    most = Math.max(most, ++open)
    await new Promise(resolve => setImmediate(resolve))
    open--
  })
  t.strictSame(order, Array.from({ length: 20 }, (_, i) => i))
  t.ok(performance.now() - startedMs >= 90, 'the 20th is due after 95 ms')
  t.ok(most <= 3)
  most = 0
  await paced({ perSecond: 0, inFlight: 3 }, { count: 20 }, async () => {
    most = Math.max(most, ++open)
    await new Promise(resolve => setImmediate(resolve))
    open--
  })
  t.equal(most, 3)
  t.equal(open, 0)
  await t.rejects(paced({ perSecond: 0, inFlight: 2 }, {}, async at => { if (at === 3) throw new Error('refused') }), { message: 'refused' })
})

t.test('bench report - faults decide, and are shown', async t => {
  const good: BenchResult = { to: 'user', via: 'rest', clients: 2, nodes: 1, seconds: 1, accepted: 10, failed: 0, expected: 10, deliveries: 10, lost: 0, duplicates: 0, orderFaults: 0, messagesPerSecond: 10, deliveriesPerSecond: 10, latencyMs: { p50: 1, p99: 2, max: 3 }, serverCpuSeconds: 0.5, serverCpuMicrosPerDelivery: 50_000, closedSockets: 0, refusals: {} }
  t.equal(isFaulty(good), false)
  for (const fault of [{ lost: 1 }, { duplicates: 1 }, { orderFaults: 1 }, { accepted: 0 }]) t.equal(isFaulty({ ...good, ...fault }), true)
  t.match(renderResult(good), /deliveries +10 of 10[^]*p50 1 ms, p99 2 ms[^]*50,000 µs a delivery/)
  t.match(renderResult({ ...good, latencyMs: null, serverCpuSeconds: null, serverCpuMicrosPerDelivery: null, failed: 2, refusals: { '429 GP_RATE_LIMIT': 2 } }), /2; 429 GP_RATE_LIMIT: 2[^]*nothing was delivered[^]*not known/)
})

t.test('bench progress - rewritten on a terminal, else a line a second', async t => {
  let text = ''
  let now = 0
  const write = (more: string): void => { text += more }
  const terminal = createProgress({ write, isTerminal: true, now: () => now })
  terminal.show('a')
  terminal.show('b')
  terminal.end()
  t.equal(text, '\r\x1b[Ka\r\x1b[Kb\n')
  text = ''
  const file = createProgress({ write, isTerminal: false, now: () => now })
  for (const [at, line] of [[0, 'a'], [500, 'b'], [1_000, 'c']] as const) {
    now = at
    file.show(line)
  }
  file.end()
  t.equal(text, 'a\nc\n')
})

t.test('bench CPU - of processes that are there, and of none that are not', { skip: process.platform !== 'linux' && 'needs /proc' }, async t => {
  const before = cpuSecondsOf([process.pid]) ?? NaN
  const startedAt = process.cpuUsage()
  while (process.cpuUsage(startedAt).user < 100_000) Math.sqrt(startedAt.user)
  const used = (cpuSecondsOf([process.pid]) ?? NaN) - before
  t.ok(used >= 0.08, `${used} s`)
  t.equal(cpuSecondsOf([]), undefined)
  t.equal(cpuSecondsOf([2 ** 31 - 1]), undefined)
})

t.test('comparison - medians, spread and what is reached', async t => {
  t.strictSame(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
  t.strictSame(spreadOf([4, 1]), { median: 2.5, min: 1, max: 4 })
  const turns = { ours: [{ cost: 10 }, { cost: 20 }, { cost: 12 }], baseline: [{ cost: 15 }, { cost: 20 }, { cost: 24 }] }
  const rate = resultOf({ name: 'x', unit: 'y', reach: { kind: 'rate', atLeast: 1.5 } }, turns)
  t.match(rate, { ratio: { median: 20 / 12, min: 1, max: 2 }, isReached: true })
  t.match(resultOf({ name: 'x', unit: 'y', reach: { kind: 'cost', atMost: 0.5 } }, turns), { ratio: { median: 12 / 20 }, isReached: false })
  const timed = (ours: number, baseline: number) => resultOf({ name: 'x', unit: 'y', reach: { kind: 'rate', atLeast: 1 }, noWorse: ['p99Ms'] },
    { ours: [{ cost: 1, figures: { p99Ms: ours } }], baseline: [{ cost: 2, figures: { p99Ms: baseline } }] }).isReached
  t.equal(timed(1, 2), true)
  t.equal(timed(2, 1), false, 'twice as many, but later')
})

t.test('comparison with a former revision - the costs of neighbouring turns, beside the drift of the machine', async t => {
  const result = (ours: number, baseline: number) => resultOf({ name: 'a', unit: 'entry', reach: { kind: 'rate', atLeast: 1 } }, { ours: [{ cost: ours }], baseline: [{ cost: baseline }] })
  const turns = [[30, 10, 20, 10], [60, 12, 30, 10], [40, 10, 40, 10]].map(([ours, baseline, formerOurs, formerBaseline]) =>
    ({ now: result(ours!, baseline!), then: result(formerOurs!, formerBaseline!) }))
  t.equal(againstLine(turns), '| a | entry | 40.0 (30.0–60.0) | 30.0 (20.0–40.0) | 1.50 (1.00–2.00) | 1.00 (1.00–1.20) |')
  t.throws(() => findCommit('no such revision'), /^--against: got "no such revision"; takes a revision that git knows here$/)
})
