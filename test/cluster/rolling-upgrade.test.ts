/**
 * A cluster of the version before, replaced process by process under load, and one node taken back again: nothing that was
 * accepted is lost or doubled, and nothing is refused but by a process that is just ending or beginning, whose clients ask again.
 * GATEPOST_TEST_UPGRADE=60 keeps the load up for at least so many seconds between two steps.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { paced } from '../../services/cli/bench/pace.js'
import { bin, runGatepost, tempDir, tokensOf, type GatepostProcess } from '../helpers/deployment.js'
import { findFormerBuild, formerMissing } from '../helpers/former-build.js'
import { faultsOfOrder, probeInbox, type Probe } from '../helpers/inbox-probe.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { assign, request, type Answer, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const former = await findFormerBuild()
const missing = former === undefined ? formerMissing : await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false
const stepSeconds = Number(process.env['GATEPOST_TEST_UPGRADE'] ?? (isFull ? 2 : 0))
const messagesPerSecond = isFull ? 200 : 40
const acceptedPerStep = messagesPerSecond / 2
const userCount = isFull ? 18 : 9
/** A machine that is too slow for the rate gets what it can take. */
const maxUnanswered = isFull ? 100 : 20
t.setTimeout(600_000 + 12_000 * stepSeconds)

interface Place {
  readonly name: string
  readonly url: string
  running: GatepostProcess
  /** As a balancer sees it. */
  isReady: boolean
}
interface Accepted { readonly title: string, readonly streams: readonly string[] }

t.test('rolling upgrade - each process replaced under load, one node taken back: nothing lost, doubled or refused', { skip: missing }, async t => {
  const cwd = await tempDir(t)
  const nats = await startNatsServer(t)
  const mongodb = await startMongodbServer(t)
  const secret = randomBytes(24).toString('hex')
  const tokens = tokensOf(secret)
  const processes: GatepostProcess[] = []
  t.teardown(async () => { await Promise.all(processes.filter(one => one.isAlive()).map(async one => await one.end('SIGKILL'))) })
  const settings = {
    GATEPOST_SECRET: secret,
    GATEPOST_NATS_URL: nats.url,
    GATEPOST_NATS_PREFIX: `upgrade-${randomBytes(4).toString('hex')}`,
    GATEPOST_DRAIN: '1'
  }
  const run = (program: string, name: string, url: string): GatepostProcess => {
    const more = name.startsWith('gate') ? {} : { GATEPOST_MONGODB_URL: mongodb?.url, GATEPOST_NODE_ID: name }
    const started = runGatepost([name.startsWith('gate') ? 'gate' : 'node'], { cwd, program, settings: { ...settings, GATEPOST_PORT: new URL(url).port, ...more } })
    processes.push(started)
    return started
  }
  const place = async (name: string): Promise<Place> => {
    const url = `http://127.0.0.1:${await freePort()}`
    return { name, url, running: run(former as string, name, url), isReady: true }
  }
  const nodes = await Promise.all(['node1', 'node2', ...isFull ? ['node3'] : []].map(place))
  const gates = await Promise.all(['gate1', 'gate2'].map(place))
  await Promise.all([...nodes, ...gates].map(async ({ running }) => await running.ready))
  const gateUrls = gates.map(({ url }) => url)
  for (const gate of gateUrls) {
    await until('the nodes are up', async () => {
      const { body } = await request(gate, 'GET', '/gate/nodes', { token: tokens.adminToken() })
      return (body.nodes as Array<{ state: string }>).filter(({ state }) => state === 'up').length === nodes.length
    })
  }

  // ---- who writes and who reads

  const users = Array.from({ length: userCount }, (_, i) => `user ${i}`)
  const groups = ['red', 'green']
  const groupOf = (i: number): string => groups[i % groups.length] as string
  const producerToken = tokens.producerToken()
  for (const [i, user] of users.entries()) {
    const { status } = await request(gateUrls[0] as string, 'PUT', `/gate/groups/${groupOf(i)}/members/${encodeURIComponent(user)}`, { token: producerToken })
    t.equal(status, 200)
  }
  const timing = { readyTimeoutMs: 10_000, requestTimeoutMs: 10_000, patienceMs: 60_000, retryBaseMs: 50 }
  const devices: Array<Probe & { user: string }> = users.flatMap((user, i) => [...i % 3 === 0 ? [0, 1] : [0]].map(n =>
    ({ user, ...probeInbox(t, { gate: gateUrls[(i + n) % 2] as string, token: tokens.userToken(user), timing }) })))
  await Promise.all(devices.map(async ({ inbox }) => { await inbox.whenLive() }))

  const accepted: Accepted[] = []
  const refused: string[] = []
  let reconnects = 0

  /**
   * Tries under the same key until there is an answer: `ask` throws where nobody answers, or a process that is ending breaks the link.
   * One that has just begun refuses what comes before it has reached its store (503): a balancer goes by /readyz, this client does not.
   * Such a refusal speaks for that one request: the one before, whose link broke, may have stored it.
   */
  async function insist (title: string, ask: () => Promise<Answer>): Promise<void> {
    for (;;) {
      let answer: Answer
      try { answer = await ask() } catch {
        reconnects++
        await pause(50)
        continue
      }
      if (answer.status === 504 || (answer.status === 503 && answer.headers.get('retry-after') !== null)) {
        reconnects++
        await pause(50)
        continue
      }
      if (answer.status !== 201 && answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
      return
    }
  }

  const sessions = new Map<string, Session>()
  let gateTurn = 0
  const someGate = (): string => {
    const ready = gates.filter(({ isReady }) => isReady)
    return (ready[gateTurn++ % ready.length] as Place).url
  }
  const writers: Array<(n: number, title: string) => Promise<readonly string[]>> = [
    // The sockets of the client library.
    async (n, title) => {
      const { inbox, user } = devices[n % devices.length] as Probe & { user: string }
      const to = users[5 * n % users.length] as string
      await inbox.send({ to: { user: to }, title })
      return [`u:${to}`, `u:${user}`]
    },
    async (n, title) => {
      const at = n % users.length
      const device = devices.find(({ user }) => user === users[at]) as Probe
      await device.inbox.send({ to: { group: groupOf(at) }, title })
      return [`g:${groupOf(at)}`, `u:${users[at]}`]
    },
    // REST by a ticket.
    async (n, title) => {
      const from = users[7 * n % users.length] as string
      const to = users[(3 * n + 1) % users.length] as string
      await insist(title, async () => {
        const session = sessions.get(from) ?? await assign({ gate: someGate(), ...tokens }, from)
        sessions.set(from, session)
        try {
          const answer = await session.call('POST', '/messages', { body: { to: { user: to }, title }, headers: { 'idempotency-key': title } })
          if (answer.status === 503) sessions.delete(from)
          return answer
        } catch (error) {
          sessions.delete(from)
          throw error
        }
      })
      return [`u:${to}`, `u:${from}`]
    },
    // A backend's REST.
    async (n, title) => {
      const [to, stream] = [[{ all: true }, 'all'], [{ group: groupOf(n) }, `g:${groupOf(n)}`], [{ user: users[n % users.length] }, `u:${users[n % users.length]}`]][n % 3] as [object, string]
      await insist(title, async () => await request(someGate(), 'POST', '/gate/messages', { token: producerToken, body: { to, title }, headers: { 'idempotency-key': title } }))
      return [stream]
    }
  ]

  let isOver = false
  const begunMs = performance.now()
  const writing = paced({ perSecond: messagesPerSecond, inFlight: maxUnanswered }, { isOver: () => isOver }, async n => {
    const title = `message ${n}`
    const writer = writers[n % writers.length] as (typeof writers)[number]
    await writer(n >> 2, title).then(
      streams => { accepted.push({ title, streams }) },
      (error: Error) => { refused.push(`${title}: ${error.message}`) }
    )
  })

  /** Old and new stand side by side for a while, under load. */
  async function load (what: string): Promise<void> {
    const before = accepted.length
    await pause(1000 * stepSeconds)
    await until(`messages are accepted: ${what}`, () => accepted.length > before + acceptedPerStep, 60_000)
    t.comment(`${((performance.now() - begunMs) / 1000).toFixed(1)} s: ${what}; ${accepted.length} messages accepted`)
  }

  async function replace (place: Place, program: string, what: string): Promise<void> {
    place.isReady = false
    t.equal(await place.running.end(), 0, `${place.name} ends well`)
    place.running = run(program, place.name, place.url)
    await place.running.ready
    await until(`${place.name} is ready`, async () => (await request(place.url, 'GET', '/readyz')).status === 200, 60_000)
    place.isReady = true
    await load(`${place.name} is ${what}`)
  }

  await load('all are old')
  const [first, ...others] = gates as [Place, ...Place[]]
  await replace(first, bin, 'new')
  for (const node of nodes) await replace(node, bin, 'new')
  for (const gate of others) await replace(gate, bin, 'new')
  // Any release may be taken back.
  await replace(nodes[0] as Place, former as string, 'old again')
  if (isFull) await replace(first, former as string, 'old again')
  isOver = true
  await writing
  const seconds = (performance.now() - begunMs) / 1000

  // ---- what became of it

  const wanted = (device: { user: string }): string[] => {
    const streams = [`u:${device.user}`, `g:${groupOf(users.indexOf(device.user))}`, 'all']
    return accepted.flatMap(({ title, streams: to }) => [...new Set(to)].filter(stream => streams.includes(stream)).map(stream => `${stream} ${title}`)).sort()
  }
  const got = ({ entries }: Probe): string[] => entries.flatMap(entry => entry.type === 'message' ? [`${entry.stream} ${entry.title}`] : []).sort()
  await until('everything is at every device', () => devices.every(device => got(device).length >= wanted(device).length), 60_000, 200).catch(() => {})
  for (const device of devices) {
    const [want, have] = [wanted(device), got(device)]
    if (want.join('\n') !== have.join('\n')) {
      const lost = want.filter(one => !have.includes(one))
      t.fail(`${device.user}: got ${have.length} of ${want.length}`, { lost: lost.slice(0, 5), twice: have.filter((one, i) => one === have[i - 1]).slice(0, 5), foreign: have.filter(one => !want.includes(one)).slice(0, 5) })
    }
    t.same(faultsOfOrder(device.entries), [])
    // No balancer stands before a device: it asks a process that has just begun, or a slow store, and must ask again.
    t.same(device.errors.filter(({ retry }) => retry === 'never'), [], `${device.user} was told of nothing but what is tried again`)
  }
  t.same(refused, [], 'nothing was refused')
  t.comment(`${accepted.length} messages in ${seconds.toFixed(1)} s, ${(accepted.length / seconds).toFixed(0)} a second; ${devices.length} devices; ${reconnects} requests went to another process`)
  const faults = processes.flatMap(one => one.stdout().split('\n')).filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line))
  t.same(faults, [], 'nothing that somebody must act upon')
})
