/**
 * Two processes against one, each a `gatepost up` as users start it, on two cores. The clients share the machine with them, so no wall time is compared, but what
 * two cores of their own would let each of them do: a mail takes half of all CPU time, and no less than that of the busiest thread.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { serverFlags } from '../../helpers/server-flags.js'
import { startChild, type Child } from '../child.js'
import { secret, userName } from '../message.js'
import { withResources, type Resources } from '../resources.js'
import { populated, sized, type Measured, type Row } from '../row.js'
import { mailTo, userToken } from './post.js'

const command = fileURLToPath(new URL(import.meta.url.includes('/dist/test/') ? '../../../../bin/gatepost.js' : '../../../bin/gatepost.js', import.meta.url))
const cores = 2
const inFlight = 64

interface Site { readonly gate: string, readonly pids: readonly number[] }

async function startSite (resources: Resources, processes: number): Promise<Site> {
  const dir = await resources.tempDir()
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GATEPOST_')))
  const child = spawn(process.execPath, [...serverFlags, command, 'up', '--nodes', '2', '--processes', String(processes), '--port', '0', '--data-dir', dir], { env: { ...env, GATEPOST_SECRET: secret, GATEPOST_RATE_USER: '0', GATEPOST_DRAIN: '0' }, stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  resources.add({ close: async () => { child.kill('SIGTERM'); await exited } })
  const lines = createInterface({ input: child.stdout })
  const gate = await new Promise<string>((resolve, reject) => {
    lines.on('line', line => { if (line.includes('"event":"ready"')) resolve((JSON.parse(line) as { url: string }).url) })
    exited.then(() => { reject(new Error('gatepost up ended before it was ready')) }, reject)
  })
  const pid = child.pid ?? 0
  return { gate, pids: [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(text => text !== '').map(Number)] }
}

/** By process and thread: µs of CPU since it began. */
function threadTimes ({ pids }: Site): Map<string, number> {
  return new Map(pids.flatMap(pid => readdirSync(`/proc/${pid}/task`).map(thread => {
    const fields = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return [`${pid} ${thread}`, Number(fields[0]) / 1000] as const
  })))
}

/** A load for each node, of the users that Gate assigns to it. */
async function loadsOf ({ gate }: Site, users: number, count: number): Promise<object[]> {
  const ticketsByUrl = new Map<string, string[]>()
  for (let i = 0; i < users; i++) {
    const answer = await fetch(`${gate}/gate/assign`, { headers: { authorization: `Bearer ${userToken(userName(i))}` } })
    const { node, ticket } = await answer.json() as { node: { url: string }, ticket: string }
    ticketsByUrl.set(node.url, [...ticketsByUrl.get(node.url) ?? [], ticket])
  }
  const bodies = Array.from({ length: count / ticketsByUrl.size }, (_, i) => JSON.stringify(mailTo(i, users)))
  return [...ticketsByUrl].map(([url, tokens]) => ({ url: `${url}/messages`, method: 'POST', tokens, bodies, status: 201, inFlight: inFlight / ticketsByUrl.size }))
}

async function measure (site: Site, clients: Child, loads: readonly object[]): Promise<Measured> {
  const before = threadTimes(site)
  const begunMs = performance.now()
  const results = await Promise.all(loads.map(async load => await clients.ask<{ count: number, p50Ms: number }>('requests', load)))
  const wallMs = performance.now() - begunMs
  const mails = results.reduce((sum, { count }) => sum + count, 0)
  const spent = [...threadTimes(site)].map(([thread, micros]) => ({ pid: thread.split(' ')[0], micros: (micros - (before.get(thread) ?? 0)) / mails }))
  const all = spent.reduce((sum, { micros }) => sum + micros, 0)
  const busiest = Math.max(...spent.map(({ micros }) => micros))
  const first = spent.filter(({ pid }) => pid === String(site.pids[0])).reduce((sum, { micros }) => sum + micros, 0)
  return { cost: Math.max(all / cores, busiest), figures: { cpuMicros: all, busiestThreadMicros: busiest, firstProcessMicros: first, mailsPerSecondHere: mails / wallMs * 1000, p50Ms: results[0]?.p50Ms ?? NaN } }
}

export const processesRow: Row = {
  name: 'processes-2',
  unit: 'mail on two cores (µs)',
  ours: '`gatepost up --processes 2`: POST /messages by users of both nodes, 64 in flight. The time that a mail takes where two cores are there for the servers alone',
  baseline: '`gatepost up --processes 1`, the same',
  reach: { kind: 'rate', atLeast: 1.8 },
  missing: async () => process.platform === 'linux' ? undefined : 'needs /proc: Linux',
  prepare: async size => await withResources(async resources => {
    const users = populated(size, 200, 8)
    const count = sized(size, 16_000, 40)
    const clients = resources.add(await startChild('./load-child.ts', []))
    const [two, one] = [await startSite(resources, 2), await startSite(resources, 1)]
    const [ofTwo, ofOne] = [await loadsOf(two, users, count), await loadsOf(one, users, count)]
    return { ours: async () => await measure(two, clients, ofTwo), baseline: async () => await measure(one, clients, ofOne) }
  })
}
