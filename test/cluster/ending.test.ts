/** SIGTERM: an end within the drain's time and 2 s, whatever clients do, and said to the others (docs/operations.md "Scaling"). */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bin, startCluster, startEmbedded, tempDir, type Deployment } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, openSocket, producerOf, request, type Session } from '../helpers/raw-client.js'
import { openDeaf, openSuspended, openTcp } from '../helpers/silent-clients.js'
import { allowed, until } from '../helpers/until.js'

t.setTimeout(300_000)
const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false

/** Every kind of client that holds up an end. */
async function holdUp (t: Test, site: Deployment, session: Session): Promise<void> {
  await openDeaf(t, session)
  await openSuspended(t, session)
  await openSocket(t, session, { transports: ['polling'] })
  await openSocket(t, session)
  // More than the system's buffers hold waits for those who do not read.
  await producerOf(site).sendAll(Array.from({ length: 60 }, () => ({ to: { user: session.user }, body: 'x'.repeat(60_000) })))
  for (const url of [session.node.url, site.gate]) {
    openTcp(t, url)
    openTcp(t, url, 'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{')
    openTcp(t, url, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n').pause()
    openTcp(t, url, `GET /messages?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${session.ticket}\r\n\r\n`.repeat(3)).pause()
  }
}

/** A machine that is slow or busy needs more time to close than a process gives itself. */
function checkEnd (t: Test, site: Deployment): void {
  t.notMatch(site.log(), /"event":"(?:close|drain)-failed"/)
  if (allowed(1) < 2) t.notMatch(site.log(), /"event":"(?:close|drain)-late"/)
  else t.comment('too slow a machine to say whether an end is late')
}

for (const nodes of isFull ? [1, 2] : [2]) {
  t.test(`ending - up with ${nodes} node(s): nobody is left to hand over to, so it does not wait for the drain`, async t => {
    const site = await startEmbedded(t, { nodes, settings: { GATEPOST_DRAIN: '60' } })
    await holdUp(t, site, await assign(site, 'ada'))
    const begun = performance.now()
    t.same(await site.stop(), [0])
    const ms = Math.round(performance.now() - begun)
    t.comment(`after ${ms} ms`)
    t.ok(ms < 30_000, 'soon: half of the drain is far more than it takes on a busy machine', { ms })
    checkEnd(t, site)
    t.match(site.log(), /"event":"stopped"/)
  })
}

t.test('ending - with a log that nobody reads any more', async t => {
  const dir = await tempDir(t)
  const pipe = join(dir, 'log')
  execFileSync('mkfifo', [pipe])
  // Both ends of it: reads and writes do not wait for another.
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  t.teardown(() => { closeSync(reader) })
  const writer = openSync(pipe, constants.O_WRONLY)
  const child = spawn(process.execPath, [bin, 'up', '--port', '0', '--log-level', 'debug'], { cwd: dir, stdio: ['ignore', writer, 'ignore'] })
  closeSync(writer)
  t.teardown(() => { child.kill('SIGKILL') })
  const ended = once(child, 'exit')
  const read = (): string => {
    const bytes = Buffer.alloc(65_536)
    try { return bytes.toString('utf8', 0, readSync(reader, bytes)) } catch { return '' }
  }
  let log = ''
  await until('ready', () => (log += read()).includes('"event":"ready"'), 120_000)
  const url = /"event":"ready","url":"([^"]+)"/.exec(log)?.[1] ?? ''
  // More than a pipe holds.
  for (let i = 0; i < 2_000; i += 100) await Promise.all(Array.from({ length: 100 }, async () => { await (await fetch(`${url}/livez?${'x'.repeat(200)}`)).text() }))
  t.equal((await fetch(`${url}/livez`)).status, 200, 'it goes on')
  child.kill('SIGTERM')
  const begun = performance.now()
  t.same(await ended, [0, null])
  t.ok(performance.now() - begun < 20_000, 'and ends')
})

t.test('ending - a node in a rolling stop, with clients that have stopped reading', { skip: missing }, async t => {
  const drainMs = 2_000
  const site = await startCluster(t, { nodes: 2, gates: 1, settings: { GATEPOST_DRAIN: String(drainMs / 1000) } })
  const session = await assign(site, 'ada')
  await holdUp(t, site, session)
  const begun = performance.now()
  t.equal(await site.nodeAt(session.node.url).end(), 0)
  const ms = Math.round(performance.now() - begun)
  t.comment(`after ${ms} ms`)
  // docs/operations.md: no more than 2 s. The process sees to that by its own clock; a busy machine starts and ends it later.
  t.ok(ms >= drainMs - 100 && ms < drainMs + 10_000, 'the drain, and little more', { ms })
  checkEnd(t, site)
  await until('the others know that it has ended', async () => (await request(site.gate, 'GET', `/gate/nodes/${session.node.id}`, { token: site.adminToken() })).body.state === 'down', 15_000)
  t.match(site.log(), /"change":"lifeEnded","reason":"bye"/)
  const last = performance.now()
  t.same((await site.stop()).filter(code => code !== 0), [])
  t.ok(performance.now() - last < drainMs + 10_000)
})
