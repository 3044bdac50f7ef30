/**
 * One user does as much as the default settings let: ever new categories and watermarks, sockets, receivers, ids that nobody has. Another
 * user is served meanwhile as before, and memory and disk stay in bounds. The figures are in the comments of the output. GATEPOST_TEST_HOSTILE=10000 adds what writes much.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { createClock, createMessageId } from '../../shared/contract/clock.js'
import { startEmbedded } from '../helpers/deployment.js'
import { assign, openSocket, producerOf, refusedSocket, type Session } from '../helpers/raw-client.js'
import { roundsWanted } from './site.js'

const MiB = 1 << 20
const isLong = roundsWanted >= 10_000
t.setTimeout(1_200_000)

const site = await startEmbedded(t, { settings: { GATEPOST_RATE_USER: undefined } })
const producer = producerOf(site)
const bystander = await assign(site, 'bystander')
const pid = site.pids()[0]!

/** Memory of its own in bytes: what is mapped of the data file is the system's. */
async function anonymousBytes (): Promise<number> {
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? NaN) * 1024
}

/** Seconds that its threads have computed. */
async function cpuSeconds (): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function diskBytes (): Promise<number> {
  const files = (await readdir(site.dir, { withFileTypes: true, recursive: true })).filter(file => file.isFile())
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).blocks * 512))
  return sizes.reduce((sum, size) => sum + size, 0)
}

let sent = 0
/** How long the bystander's sends take, in ms, as long as `isOver` says. */
async function sendMeanwhile (isOver: () => boolean): Promise<number[]> {
  const took: number[] = []
  while (!isOver() || took.length < 10) {
    const begunMs = performance.now()
    await bystander.send({ to: { user: 'bystander' }, title: `b${sent++}` })
    took.push(performance.now() - begunMs)
    await new Promise(resolve => setTimeout(resolve, 150))
  }
  return took.sort((a, b) => a - b)
}
const told = (took: readonly number[]): string => `half within ${took[took.length >> 1]!.toFixed(1)} ms, all within ${took.at(-1)!.toFixed(1)} ms`

interface Bounds { readonly memoryMiB: number, readonly diskMiB: number }

/** What it costs, and what the bystander sees of it. */
async function measured (t: Test, { memoryMiB, diskMiB }: Bounds, attack: () => Promise<void>): Promise<void> {
  const before = { memory: await anonymousBytes(), disk: await diskBytes(), cpu: await cpuSeconds() }
  const quiet = await sendMeanwhile(() => true)
  let isOver = false
  let peak = 0
  const watch = setInterval(() => { void anonymousBytes().then(bytes => { peak = Math.max(peak, bytes) }) }, 50)
  const sending = sendMeanwhile(() => isOver)
  const begunMs = performance.now()
  try { await attack() } finally { isOver = true; clearInterval(watch) }
  const seconds = (performance.now() - begunMs) / 1000
  const took = await sending
  const afterwards = await sendMeanwhile(() => true)
  const grown = { memoryMiB: Math.round((peak - before.memory) / MiB), diskMiB: Math.round((await diskBytes() - before.disk) / MiB), cpuSeconds: await cpuSeconds() - before.cpu }
  t.comment(`${seconds.toFixed(1)} s, ${grown.cpuSeconds.toFixed(1)} s of CPU; memory from ${Math.round(before.memory / MiB)} MiB by at most ${grown.memoryMiB} MiB, disk by ${grown.diskMiB} MiB`)
  t.comment(`another user's sends: before ${told(quiet)}; meanwhile ${told(took)}; afterwards ${told(afterwards)}`)
  t.ok(grown.memoryMiB < memoryMiB, 'memory', grown)
  t.ok(grown.diskMiB < diskMiB, 'disk', grown)
  // A machine with other work makes everybody wait; who has stopped a node makes them wait far longer.
  t.ok(took[took.length >> 1]! < 6_000 && took.at(-1)! < 30_000, 'nobody waits long', { took })
}

/** Asks in turn for each of these, so many at once; how often each status came. */
async function each (count: number, atOnce: number, ask: (i: number) => Promise<{ status: number }>): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      const { status } = await ask(next++)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }))
  return statuses
}

const categoryOf = (i: number): string => '😀'.repeat(123) + String(i).padStart(5, '0')

t.test('one user - 5,000 categories', async t => {
  const mallory = await assign(site, 'categories')
  const device = await openSocket(t, mallory)
  await measured(t, { memoryMiB: 150, diskMiB: 60 }, async () => {
    const statuses = await each(5_000, 20, async i => await mallory.call('POST', '/messages', { body: { to: { user: 'categories' }, title: 'x', category: categoryOf(i) } }))
    t.comment(statuses)
    t.ok(statuses[201]! >= 600 && statuses[201]! < 1_200, 'so many as the rate lets')
    t.equal(statuses[201]! + statuses[429]!, 5_000)
  })
  t.ok(device.closed() === undefined)
})

t.test('one user - 5,000 categories by a backend to one user, and each of them read', async t => {
  const victim = await assign(site, 'victim')
  const device = await openSocket(t, victim)
  await measured(t, { memoryMiB: 200, diskMiB: 100 }, async () => {
    for (let i = 0; i < 5_000; i += 500) {
      const results = await producer.sendAll(Array.from({ length: 500 }, (_, k) => ({ to: { user: 'victim' }, title: 'x', category: categoryOf(i + k) })))
      t.ok(results.every(({ status }) => status === 201))
    }
    t.equal(await victim.unread(), 5_000)
  })
  const answer = await victim.call('GET', '/messages/unread')
  t.ok(answer.text.length < 32 * 1024)
  await measured(t, { memoryMiB: 150, diskMiB: 60 }, async () => {
    const statuses = await each(3_000, 20, async i => await victim.call('POST', '/messages/read', { body: { category: categoryOf(i) } }))
    t.comment(statuses)
    t.equal(statuses[200]! + statuses[429]!, 3_000)
    const made = await each(500, 20, async i => await victim.call('POST', '/messages/read', { body: { category: `made up ${i}` } }))
    t.comment(made)
  })
  t.ok(device.closed() === undefined)
})

t.test('one user - 1,500 sockets with one ticket', async t => {
  const mallory = await assign(site, 'sockets')
  await measured(t, { memoryMiB: 150, diskMiB: 10 }, async () => {
    const answers = await Promise.all(Array.from({ length: 1_500 }, async () => await refusedSocket(t, mallory, {}).catch((error: Error) => error.message)))
    const counts: Record<string, number> = {}
    for (const answer of answers) counts[answer ?? ''] = (counts[answer ?? ''] ?? 0) + 1
    t.comment(counts)
    t.equal(counts['accepted'], 50)
  })
})

t.test('one user - receivers x 40 KB', async t => {
  const mallory: Session = await assign(site, 'receivers')
  const body = 'x'.repeat(40_000)
  await measured(t, { memoryMiB: 250, diskMiB: 80 }, async () => {
    const many = await mallory.call('POST', '/messages', { body: { to: { users: Array.from({ length: 1_000 }, (_, i) => `r${i}`) }, title: 'x', body } })
    t.equal(many.status, 400)
    const statuses = await each(100, 20, async i => await mallory.call('POST', '/messages', { body: { to: { users: Array.from({ length: 50 }, (_, k) => `r${i}-${k}`) }, title: 'x', body } }))
    t.comment(statuses)
    t.ok(statuses[201]! >= 4 && statuses[201]! <= 24)
  })
})

t.test('producers - two batches of 120 x 40 KB to 1,000 receivers at once', { skip: isLong ? false : 'GATEPOST_TEST_HOSTILE=10000 writes its 500 MB' }, async t => {
  const body = 'x'.repeat(40_000)
  await measured(t, { memoryMiB: 650, diskMiB: 900 }, async () => {
    const answers = await Promise.all(['shop', 'bank'].map(async (name, b) => await producerOf(site, name).sendAll(Array.from({ length: 120 }, (_, m) =>
      ({ to: { users: Array.from({ length: 1_000 }, (_, i) => `many ${b} ${i}`) }, title: `${m}`, body })))))
    const counts: Record<number, number> = {}
    for (const { status } of answers.flat()) counts[status] = (counts[status] ?? 0) + 1
    t.comment(counts)
    t.ok(counts[201]! > 0)
    t.equal(counts[201]! + (counts[503] ?? 0), 240, 'stored, or surely not')
  })
})

t.test('one user - 1,000 made-up ids in one event beside 10,000 real entries', async t => {
  const mallory = await assign(site, 'ids')
  for (let i = 0; i < 10_000; i += 1_000) await producer.sendAll(Array.from({ length: 1_000 }, (_, k) => ({ to: { user: 'ids' }, title: `m${i + k}` })))
  const page = (await mallory.call('GET', '/messages?limit=100')).body as { messages: Array<{ createdAt: string }> }
  const device = await openSocket(t, mallory)
  const lastMs = Date.parse(page.messages[0]!.createdAt)
  const firstMs = lastMs - 2_000
  const clock = createClock(() => firstMs + Math.random() * (lastMs - firstMs))
  const madeUp = (): string[] => Array.from({ length: 1_000 }, () => createMessageId(clock.tick(), undefined))
  await measured(t, { memoryMiB: 150, diskMiB: 20 }, async () => {
    for (const round of ['first', 'second', 'third']) {
      const before = await cpuSeconds()
      const begunMs = performance.now()
      const answer = await device.ask('read', { ids: madeUp() })
      const tookMs = performance.now() - begunMs
      t.match(answer, { error: { code: 'GP_NOT_FOUND' } })
      t.comment(`${round}: ${tookMs.toFixed(0)} ms, ${(await cpuSeconds() - before).toFixed(2)} s of CPU in the whole process`)
    }
  })
})
