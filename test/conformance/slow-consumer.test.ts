import type { Socket as TcpSocket } from 'node:net'
import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, checkChain, openSocket, producerOf, request, type Entry } from '../helpers/raw-client.js'
import { allowed, until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('slow consumer - falls behind, delays nobody, and syncs', async t => {
  const session = await assign(site, 'slow')
  const slow = await openSocket(t, session)
  const quick = await openSocket(t, session)
  const neighbour = await openSocket(t, await assign(site, 'neighbour'))
  const rss = async (): Promise<number> => (await request(site.gate, 'GET', `/gate/nodes/${encodeURIComponent(session.node.id)}`, { token: site.adminToken() })).body.rssBytes
  const tcp = (slow.socket.io.engine as unknown as { transport: { ws: { _socket: TcpSocket } } }).transport.ws._socket
  const before = await rss()
  tcp.pause()
  const total = 600
  for (let i = 0; i < total; i += 100) {
    const results = await producer.sendAll(Array.from({ length: 100 }, (_, k) => ({ to: { user: 'slow' }, title: `s${i + k}`, body: 'x'.repeat(60_000) })))
    t.equal(results.filter(result => result.status === 201).length, 100)
    const begun = performance.now()
    await producer.send({ to: { user: 'neighbour' }, title: `n${i}` })
    await neighbour.message(`n${i}`)
    t.ok(performance.now() - begun < allowed(2_000), 'a neighbour is served')
  }
  await quick.message(`s${total - 1}`, 30_000)
  t.equal(quick.titles('u:slow').length, total, 'the other device of the same user has it all')
  // 36 MB were sent; a socket holds 1 MiB at most. The rest of the growth is the process's own.
  t.ok(await rss() - before < 300_000_000)
  tcp.resume()
  await until('behind', () => slow.behinds.length > 0, 15_000)
  t.same(slow.behinds, [{}])
  const live = slow.titles('u:slow').length
  t.ok(live < total, 'its live delivery stopped', { live })
  await producer.send({ to: { user: 'slow' }, title: 'while behind' })
  await quick.message('while behind')
  t.notOk(slow.titles().includes('while behind'), 'nothing comes while it is behind')

  const all: Entry[] = [...slow.entries]
  const cursors: Record<string, number> = { ...slow.ready.heads }
  for (const entry of all) cursors[entry.stream ?? ''] = Math.max(cursors[entry.stream ?? ''] ?? 0, entry.seq ?? 0)
  for (let round = 0; ; round++) {
    const answer = await slow.ask('sync', { cursors, limit: 50 })
    for (const entry of answer.entries as Entry[]) { all.push(entry); cursors[entry.stream ?? ''] = entry.seq ?? 0 }
    if (answer.more === false) break
    if (round > 100) { t.fail('does not end'); break }
  }
  await until('the number that it missed', () => slow.shown().unread === total + 1)
  await producer.send({ to: { user: 'slow' }, title: 'live again' })
  const last = await slow.message('live again')
  all.push(...slow.entries.slice(slow.entries.indexOf(last) - 5))
  const titles = checkChain(t, all, 'u:slow', slow.ready.heads['u:slow'] ?? 0).map(entry => entry['title'])
  t.same(titles, [...Array.from({ length: total }, (_, i) => `s${i}`), 'while behind', 'live again'])
})

t.test('slow consumer - volatile ones may be dropped for it and are not for others', async t => {
  const session = await assign(site, 'lossy')
  const quick = await openSocket(t, session)
  for (let i = 0; i < 100; i++) await producer.send({ to: { user: 'lossy' }, title: `v${i}`, volatile: true })
  await until('all', () => quick.titles().length === 100)
})
