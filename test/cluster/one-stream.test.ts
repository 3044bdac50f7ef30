/**
 * Fifty writers on three nodes, by REST, all into one stream: a group's, then a user's. Readers on every node poll it
 * meanwhile, and none ever passes a hole. GATEPOST_TEST_APPENDS=200 for 200 by each writer.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startCluster, type Cluster } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assignEach, openSocket, producerOf, type Entry, type RawSocket, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const writerCount = 50
const appends = Number(process.env['GATEPOST_TEST_APPENDS'] ?? (isFull ? 10 : 4))
const pollMs = isFull ? 20 : 60
const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false
t.setTimeout(240_000 + writerCount * appends * 160)

/** Short, and equal where the contents are. */
const textOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/** Reads on by `sync`, from where it last was, until it is stopped. */
function poll (device: RawSocket, stream: string, from: number): { entries: Entry[], faults: string[], stop: () => Promise<void> } {
  const entries: Entry[] = []
  const faults: string[] = []
  let cursor = from
  let isStopped = false
  const readOnce = async (): Promise<number> => {
    const answer = await device.ask('sync', { cursors: { [stream]: cursor, ...Object.fromEntries(Object.entries(device.ready.heads).filter(([name]) => name !== stream).map(([name]) => [name, Number.MAX_SAFE_INTEGER])) }, limit: 1000 })
    // A store that is too slow for all this may refuse a read; it is asked again.
    if (answer.error?.code === 'GP_STORE_UNAVAILABLE') return 1
    if (answer.entries === undefined) throw new Error(JSON.stringify(answer))
    const own = (answer.entries as Entry[]).filter(entry => entry.stream === stream)
    for (const entry of own) {
      if (entry.prev !== cursor) faults.push(`${entry.type} ${entry.seq} follows ${entry.prev}, the reader had ${cursor}`)
      cursor = entry.seq ?? 0
      entries.push(entry)
    }
    return own.length
  }
  const done = (async () => {
    while (!isStopped) { await readOnce(); await pause(pollMs) }
    while (await readOnce() > 0);
  })()
  return { entries, faults, stop: async () => { isStopped = true; await done } }
}

async function writeAll (t: Test, site: Cluster, stream: string, readers: readonly RawSocket[], sessions: readonly Session[], to: object): Promise<void> {
  const polls = readers.map(reader => poll(reader, stream, reader.ready.heads[stream] ?? 0))
  const answered: string[] = []
  const begun = performance.now()
  await Promise.all(sessions.map(async (session, writer) => {
    // One after the other: this writer's messages lie in the stream in their order.
    for (let n = 0; n < appends; n++) answered.push((await session.send({ to, title: `${stream} ${writer} ${n}` })).id)
  }))
  const tookMs = performance.now() - begun
  await Promise.all(polls.map(async one => { await one.stop() }))
  for (const [i, { entries, faults }] of polls.entries()) {
    const where = `${stream} polled at ${readers[i]?.session.node.url}`
    t.same(faults, [], `${where}: no hole`)
    const messages = entries.filter(entry => entry.type === 'message')
    t.equal(messages.length, answered.length, `${where}: all of it`)
    // As texts: comparing long arrays piece by piece would hold up this process for longer than sockets wait.
    t.equal(textOf(messages.map(entry => entry['id']).sort()), textOf([...answered].sort()), `${where}: each once`)
    const next = new Map<string, number>()
    for (const { title } of messages as Array<Entry & { title: string }>) {
      const [writer = '', n] = title.slice(stream.length + 1).split(' ')
      if (Number(n) !== (next.get(writer) ?? 0)) { t.fail(`${where}: ${title} out of its writer's order`); break }
      next.set(writer, Number(n) + 1)
    }
    t.equal(textOf(entries.map(({ seq }) => seq)), textOf(polls[0]?.entries.map(({ seq }) => seq)), `${where}: the same as elsewhere`)
    // What was pushed meanwhile is the same chain.
    const reader = readers[i] as RawSocket
    await until('all pushed', () => reader.entries.filter(entry => entry.stream === stream && entry.type === 'message').length >= answered.length, 60_000, 100)
    t.equal(textOf(reader.entries.filter(entry => entry.stream === stream).map(({ seq, prev }) => [seq, prev])), textOf(entries.map(({ seq, prev }) => [seq, prev])), `${where}: pushed as polled`)
  }
  t.comment(`${stream}: ${answered.length} appends by ${sessions.length} writers over ${site.nodes.length} nodes, ${(answered.length / tookMs * 1000).toFixed(0)} a second`)
}

t.test('one stream - fifty writers on three nodes: one unbroken chain, polled without a hole', { skip: missing }, async t => {
  const site = await startCluster(t, { gates: 1, settings: { GATEPOST_RATE_USER: '0' } })
  const producer = producerOf(site)
  const users = Array.from({ length: writerCount }, (_, i) => `writer ${i}`)
  await Promise.all([...users, 'reader'].map(async user => { await producer.join('busy', user) }))
  // Each writer on another node than its neighbours, whatever the ring says.
  const sessions = await Promise.all(users.map(async (user, i) => (await assignEach(site, user)).find(session => session.node.url === site.nodes[i % 3]) as Session))
  const readers = await Promise.all((await assignEach(site, 'reader')).map(async session => await openSocket(t, session)))
  await writeAll(t, site, 'g:busy', readers, sessions, { group: 'busy' })
  await writeAll(t, site, 'u:reader', readers, sessions, { user: 'reader' })
  t.same(site.log().split('\n').filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line)), [])
})
