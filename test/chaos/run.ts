/**
 * A run of chaos: `npm run test:chaos -- --seed 7 --minutes 5`. A cluster of processes under load, a schedule of faults out of the
 * seed, then what clients got beside what is stored. Prints the schedule and a verdict; ends with 1 on a fault.
 */
import { parseArgs } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { startChaosCluster } from './cluster.js'
import { judge } from './history.js'
import { makeSchedule, shownStep } from './schedule.js'
import { startTraffic } from './traffic.js'

const { values: { seed: seedText, minutes: minutesText } } = parseArgs({ options: { seed: { type: 'string', default: '1' }, minutes: { type: 'string', default: '5' } } })
const seed = Number(seedText)
const minutes = Number(minutesText)
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error(`--seed takes an integer, --minutes a number above 0; got ${seedText}, ${minutesText}`)
  process.exit(2)
}
const nodes = ['node1', 'node2', 'node3']
const gates = ['gate1', 'gate2']
/** What no broadcast brought is found within 90 s (contract, section 8). */
const deliveredWithinMs = 100_000
const shownFaults = 40

const ends: Array<() => unknown> = []
/** As much of a test as the helpers need. */
const host = { teardown: (end: () => unknown) => { ends.push(end) } } as unknown as Test

async function main (): Promise<number> {
  const cluster = await startChaosCluster(host, { nodes, gates })
  const traffic = await startTraffic(host, cluster, seed)
  const lengthMs = minutes * 60_000
  const schedule = makeSchedule({ seed, lengthMs: lengthMs - 10_000, nodes, gates })
  console.log(`chaos: seed ${seed}, ${minutes} min, ${schedule.length} faults`)
  const begunMs = performance.now()
  const under: Array<Promise<void>> = []
  for (const step of schedule) {
    await pause(Math.max(0, step.atMs - (performance.now() - begunMs)))
    console.log(shownStep(step))
    under.push(cluster.act(step))
  }
  await Promise.all(under)
  await pause(Math.max(0, lengthMs - (performance.now() - begunMs)))
  await cluster.settled()
  await traffic.stop()

  const log = await traffic.readLog()
  const judged = (): ReturnType<typeof judge> => judge({ posts: traffic.posts, stays: traffic.stays, devices: traffic.devices, log, isMember: traffic.isMember })
  // What is still on its way to a device is no fault yet.
  const untilMs = performance.now() + deliveredWithinMs
  while (performance.now() < untilMs && judged().faults.some(fault => fault.startsWith('not delivered'))) await pause(1_000)
  const { faults, counts } = judged()
  faults.push(...cluster.endings, ...traffic.staleReads)
  const errors = cluster.errorLines()
  console.log(JSON.stringify({ seed, minutes, ...counts, reads: traffic.reads(), linesOfError: errors.length }))
  for (const line of errors.slice(0, 5)) console.log(`log: ${line.slice(0, 300)}`)
  for (const fault of faults.slice(0, shownFaults)) console.log(`FAULT ${fault}`)
  console.log(`verdict: seed ${seed}: ${faults.length === 0 ? 'no fault' : `${faults.length} faults`}`)
  return faults.length === 0 ? 0 : 1
}

let code = 1
try { code = await main() } catch (error) { console.error(error) } finally {
  for (const end of ends.reverse()) await Promise.resolve().then(end).catch((error: unknown) => { console.error(error) })
}
process.exit(code)
