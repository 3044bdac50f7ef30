/** `gatepost up --processes 2`: two processes on one port, over one embedded store. */
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import t, { type Test } from 'tap'
import { howMany } from '../../services/cli/processes/how-many.js'
import { createInbox } from '../../clients/index.js'
import { runGatepost, startEmbedded, tempDir, type Deployment } from '../helpers/deployment.js'
import { freePort } from '../helpers/free-port.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { assignBoth, openSocket, producerOf, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.setTimeout(400_000)
const skip = process.platform === 'linux' ? false : 'needs /proc: Linux'
const settings = { GATEPOST_PROCESSES: '2' }

/** The processes that the first one has started. */
const childrenOf = (pid: number): number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(text => text !== '').map(Number)
const isRunning = (pid: number): boolean => { try { return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) } catch { return false } }

const backs = (site: Deployment): number => site.log().split('"event":"process-back"').length - 1

function follow (t: Test, site: Deployment, user: string): { titles: string[] } {
  const titles: string[] = []
  const inbox = createInbox({ gate: site.gate, token: site.userToken(user), onEntry: entry => { if (entry.type === 'message' && entry.title !== null) titles.push(entry.title) } })
  t.teardown(async () => { await inbox.close() })
  return { titles }
}

t.test('processes - two on one port', { skip }, async t => {
  const site = await startEmbedded(t, { settings })
  const first = (): number => site.pids()[0] ?? 0

  await t.test('each node is reached, whichever process takes the connection, and mail goes between them', async t => {
    t.equal(childrenOf(first()).length, 2)
    const sessions = await assignBoth(site, 'ann')
    // Connections are handed out in turn: several for each node meet both processes.
    const transports: Array<Array<'websocket' | 'polling'>> = [['websocket'], ['websocket'], ['polling'], ['polling', 'websocket']]
    const devices = await Promise.all(sessions.flatMap(session => transports.map(async transports => await openSocket(t, session, { transports }))))
    for (const [at, session] of sessions.entries()) {
      for (let n = 0; n < 4; n++) {
        const title = `mail ${at} ${n}`
        await session.send({ to: { user: 'ann' }, title })
        // What was answered is read at once, wherever.
        for (const reader of sessions) t.ok((await reader.list()).some(message => message.title === title), `${title} is listed at ${reader.node.id}`)
        for (const device of devices) await device.message(title)
      }
    }
    t.equal((await request(site.gate, 'GET', `/nodes/${sessions[0].node.id}/docs/`)).status, 200)
    const large = 'x'.repeat(60_000)
    await sessions[0].send({ to: { user: 'ann' }, title: 'large', body: large })
    t.equal((await sessions[1].list()).find(({ title }) => title === 'large')?.body, large)
  })

  await t.test('many at once, each of which speaks as soon as it may', async t => {
    const users = Array.from({ length: 50 }, (_, n) => `user ${n}`)
    const sessions = (await Promise.all(users.map(async user => await assignBoth(site, user)))).flat()
    const devices = await Promise.all(sessions.map(async session => await openSocket(t, session, { transports: ['websocket'] })))
    await producerOf(site).send({ to: { users }, title: 'to all of them' })
    for (const device of devices) await device.message('to all of them')
    t.equal(devices.length, 100)
  })

  await t.test('metrics are those of all, whoever of them answers', async t => {
    /** Each request is a connection of its own: any process may take it. */
    const page = async (): Promise<string> => (await request(site.gate, 'GET', '/metrics', { headers: { connection: 'close' } })).text
    const sent = (text: string): number => [...text.matchAll(/^gatepost_system_messages_total\{process="[12]",status="201"\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
    const before = sent(await page())
    for (let n = 1; n <= 12; n++) {
      await request(site.gate, 'POST', '/gate/messages', { token: site.producerToken(), body: { to: { user: 'eve' }, title: `counted ${n}` }, headers: { connection: 'close' } })
      const text = await page()
      t.equal(sent(text) - before, n)
      for (const process of [0, 1, 2]) t.match(text, new RegExp(`^process_resident_memory_bytes\\{process="${process}"\\} \\d+$`, 'm'))
      t.equal(text.split('# TYPE process_resident_memory_bytes ').length, 2)
    }
  })

  await t.test('the dashboard is one Gate\'s, whoever takes the question', async t => {
    const answers = await Promise.all(Array.from({ length: 12 }, async () => (await request(site.gate, 'GET', '/gate/overview', { token: site.adminToken(), headers: { connection: 'close' } })).body))
    t.equal(new Set(answers.map(({ gates }) => gates.find(({ isThis }: { isThis: boolean }) => isThis).id)).size, 1)
    t.equal(new Set(answers.map(({ watchedSince }) => watchedSince)).size, 1)
    const history = await request(site.gate, 'GET', '/gate/history?node=nobody', { token: site.adminToken(), headers: { connection: 'close' } })
    t.match([history.status, history.body], [404, { code: 'GP_NOT_FOUND' }])
    t.equal((await request(site.gate, 'GET', '/gate/overview')).status, 401)
  })

  await t.test('SIGUSR1 opens no debugger in any of them', async t => {
    const workers = childrenOf(first())
    for (const worker of workers) process.kill(worker, 'SIGUSR1')
    await until('they say so', () => site.log().split('SIGUSR1 does nothing here').length - 1 === workers.length)
    t.notMatch(site.log(), /Debugger listening/)
  })

  await t.test('one that is killed is started again, and nobody misses anything', async t => {
    const followed = ['bob', 'carl', 'dora', 'eve'].map(user => follow(t, site, user))
    const producer = producerOf(site)
    let sent = 0
    const send = async (): Promise<void> => {
      const title = `message ${sent}`
      await until(title, async () => (await producer.call('POST', '/gate/messages', { body: { to: { all: true }, title }, headers: { 'idempotency-key': title } }).catch(() => undefined))?.status === 201, 60_000)
      sent++
    }
    await until('all have one', async () => {
      await send()
      return followed.every(({ titles }) => titles.length > 0)
    }, 60_000, 200)
    // Each alone, then all of them.
    for (const at of [[0], [0], [0, 1]]) {
      const before = backs(site)
      const victims = childrenOf(first()).filter((_, place) => at.includes(place))
      for (const victim of victims) process.kill(victim, 'SIGKILL')
      for (let n = 0; n < 5; n++) await send()
      await until('they are back', () => backs(site) === before + victims.length, 60_000)
      t.equal(childrenOf(first()).length, 2)
      await send()
    }
    await until('all have the last', () => followed.every(({ titles }) => titles.at(-1) === `message ${sent - 1}`), 60_000)
    for (const { titles } of followed) t.same(titles, Array.from({ length: titles.length }, (_, at) => `message ${sent - titles.length + at}`), 'none is missing, and none there twice')
    t.match(site.log(), /"event":"process-gone"/)
  })

  await t.test('SIGTERM ends all of them in order', async t => {
    const workers = childrenOf(first())
    t.same(await site.stop(), [0])
    t.notOk(workers.some(isRunning))
  })

  await t.test('none outlives the first', async t => {
    await site.start()
    const workers = childrenOf(first())
    t.equal(workers.length, 2)
    await site.kill()
    await until('they have ended', () => !workers.some(isRunning), 30_000)
  })
})

t.test('processes - a start behind one that was killed waits for the port, which a process without a turn still has', { skip }, async t => {
  const site = await startEmbedded(t, { settings, port: await freePort() })
  const workers = childrenOf(site.pids()[0] ?? 0)
  for (const pid of workers) process.kill(pid, 'SIGSTOP')
  const [pid = 0] = site.pids()
  const killed = site.kill()
  await until('it is killed', () => !isRunning(pid))
  setTimeout(() => { for (const pid of workers) process.kill(pid, 'SIGCONT') }, 1_000)
  await Promise.all([site.start(), killed])
  t.equal(childrenOf(site.pids()[0] ?? 0).length, 2)
})

t.test('processes - one that comes back takes no request before it can answer it: over NATS it hears a round of heartbeats first', { skip: process.platform === 'linux' ? await findNatsServer() === undefined && natsMissing : skip }, async t => {
  const nats = await startNatsServer(t)
  const site = await startEmbedded(t, { settings: { ...settings, GATEPOST_NATS_URL: nats.url } })
  const statuses: number[] = []
  process.kill(childrenOf(site.pids()[0] ?? 0)[1] ?? 0, 'SIGKILL')
  await until('it is back', async () => {
    // So many at once that both would take some. What the killed one had accepted is reset.
    await Promise.all(Array.from({ length: 50 }, async () => {
      const answer = await request(site.gate, 'GET', '/gate/assign', { token: site.userToken('ann'), headers: { connection: 'close' } }).catch(() => undefined)
      if (answer !== undefined) statuses.push(answer.status)
    }))
    return backs(site) > 0
  }, 60_000, 1)
  t.same([...new Set(statuses)], [200], `${statuses.length} answers`)
})

t.test('processes - where nobody says, the cores but the one of the first process', { skip }, async t => {
  const site = runGatepost(['up', '--port', '0', '--drain', '0'], { cwd: await tempDir(t) })
  await site.ready
  const workers = childrenOf(site.pid)
  const { processes } = howMany({ processes: undefined, nodes: undefined })
  t.equal(workers.length, processes === 1 ? 0 : processes, `for ${availableParallelism()} cores`)
  t.equal(await site.end(), 0)
})

t.test('processes - what the start warns of is said once', { skip }, async t => {
  const site = runGatepost(['up', '--port', '0', '--drain', '0', '--processes', '3'], { cwd: await tempDir(t) })
  await site.ready
  t.equal(childrenOf(site.pid).length, 3)
  t.equal(site.stdout().split('"event":"demo-on"').length, 2)
  t.equal(await site.end(), 0)
})

t.test('processes - one metrics port for the Gates of all, and one for each node', { skip }, async t => {
  const site = await startEmbedded(t, { settings: { ...settings, GATEPOST_METRICS_PORT: '0' } })
  const ports = site.log().split('\n').filter(line => line.includes('"operations-listen"')).map(line => JSON.parse(line) as { url: string, node?: string })
  const urlsOf = (isNode: boolean): Set<string> => new Set(ports.filter(({ node }) => (node !== undefined) === isNode).map(({ url }) => url))
  t.equal(urlsOf(false).size, 1)
  t.equal(urlsOf(true).size, 2)
  const [gates = ''] = urlsOf(false)
  for (let n = 0; n < 8; n++) {
    const { text } = await request(gates, 'GET', '/metrics', { headers: { connection: 'close' } })
    for (const process of [0, 1, 2]) t.match(text, `process_cpu_seconds_total{process="${process}"}`)
  }
})

t.test('processes - a start that cannot be names the setting', { skip }, async t => {
  const cwd = await tempDir(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as AddressInfo
  const one = runGatepost(['up', '--processes', '2', '--port', String(port)], { cwd })
  t.equal(await one.exited, 2)
  t.match(one.stderr(), /GATEPOST_PORT: got \d+, which is in use; takes a free port/)
})
