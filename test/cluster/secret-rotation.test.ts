/**
 * GATEPOST_SECRET is changed under load, each process restarted one by one through the three steps: accept the new one, sign with it,
 * drop the old one. Nothing is refused but by a process that is just ending, nothing lost or doubled, and no client closes.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { paced } from '../../services/cli/bench/pace.js'
import { runGatepost, tempDir, tokensOf, type GatepostProcess, type Settings } from '../helpers/deployment.js'
import { faultsOfOrder, probeInbox } from '../helpers/inbox-probe.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false
const messagesPerSecond = isFull ? 200 : 40
const acceptedPerStep = messagesPerSecond / 2
/** A machine that is too slow for the rate gets what it can take. */
const maxUnanswered = isFull ? 100 : 20
t.setTimeout(600_000)

t.test('secrets - one is changed for another under load, process by process', { skip: missing }, async t => {
  const cwd = await tempDir(t)
  const nats = await startNatsServer(t)
  const mongodb = await startMongodbServer(t)
  const [old, next] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')]
  const common = { GATEPOST_NATS_URL: nats.url, GATEPOST_NATS_PREFIX: `secrets-${randomBytes(4).toString('hex')}`, GATEPOST_BUS_UNSIGNED: 'refuse', GATEPOST_RATE_USER: '0', GATEPOST_DRAIN: '1' }
  const running = new Map<string, { process: GatepostProcess, url: string }>()
  const logs: GatepostProcess[] = []
  t.teardown(async () => { await Promise.all(logs.filter(one => one.isAlive()).map(async one => await one.end('SIGKILL'))) })

  async function start (name: string, url: string, secrets: Settings): Promise<void> {
    const more = name === 'gate' ? {} : { GATEPOST_MONGODB_URL: mongodb?.url, GATEPOST_NODE_ID: name }
    const process = runGatepost([name === 'gate' ? 'gate' : 'node'], { cwd, settings: { ...common, ...secrets, GATEPOST_PORT: new URL(url).port, ...more } })
    logs.push(process)
    running.set(name, { process, url })
    await process.ready
    await until(`${name} is ready`, async () => (await request(url, 'GET', '/readyz')).status === 200, 60_000)
  }
  const names = ['node1', 'node2', 'gate']
  await Promise.all(names.map(async name => { await start(name, `http://127.0.0.1:${await freePort()}`, { GATEPOST_SECRET: old }) }))
  const gate = running.get('gate')!.url

  // ---- who writes and who reads: their site signs with the new secret once all accept it

  let signing = tokensOf(old)
  const users = Array.from({ length: 8 }, (_, i) => `user ${i}`)
  const timing = { readyTimeoutMs: 10_000, requestTimeoutMs: 10_000, patienceMs: 60_000, retryBaseMs: 50 }
  const devices = users.map(user => ({ user, ...probeInbox(t, { gate, token: async () => signing.userToken(user), timing }) }))
  await Promise.all(devices.map(async ({ inbox }) => { await inbox.whenLive() }))

  const accepted: Array<{ title: string, of: readonly string[] }> = []
  const refused: string[] = []
  let reconnects = 0

  async function send (n: number, title: string): Promise<void> {
    const to = users[5 * n % users.length]!
    if (n % 2 === 0) {
      const { inbox, user } = devices[3 * n % devices.length]!
      await inbox.send({ to: { user: to }, title })
      accepted.push({ title, of: [...new Set([`u:${to}`, `u:${user}`])] })
      return
    }
    for (;;) {
      const answer = await request(gate, 'POST', '/gate/messages', { token: signing.producerToken(), body: { to: { user: to }, title }, headers: { 'idempotency-key': title } }).catch(() => undefined)
      if (answer !== undefined && (answer.status === 201 || answer.status === 200)) {
        accepted.push({ title, of: [`u:${to}`] })
        return
      }
      // Nobody is there, or nobody yet who knows the others (a balancer goes by /readyz), or nobody knows what the one did who has ended.
      if (answer !== undefined && answer.status !== 503 && answer.status !== 504) throw new Error(`${answer.status} ${answer.text}`)
      reconnects++
      await pause(200)
    }
  }

  let isOver = false
  const begunMs = performance.now()
  const writing = paced({ perSecond: messagesPerSecond, inFlight: maxUnanswered }, { isOver: () => isOver }, async n => {
    const title = `message ${n}`
    await send(n, title).catch((error: Error) => { refused.push(`${title}: ${error.message}`) })
  })

  async function step (what: string, secrets: Settings): Promise<void> {
    for (const name of names) {
      const { process, url } = running.get(name)!
      t.equal(await process.end(), 0, `${name} ends well: ${what}`)
      await start(name, url, secrets)
      const before = accepted.length
      await until(`messages are accepted: ${name}, ${what}`, () => accepted.length > before + acceptedPerStep, 60_000)
    }
    t.comment(`${((performance.now() - begunMs) / 1000).toFixed(1)} s: ${what}; ${accepted.length} messages accepted, ${reconnects} reconnects`)
  }

  await step('the new one is accepted', { GATEPOST_SECRET: old, GATEPOST_SECRET_ACCEPT: next })
  signing = tokensOf(next)
  await step('the new one signs', { GATEPOST_SECRET: next, GATEPOST_SECRET_ACCEPT: old })
  await step('the old one is dropped', { GATEPOST_SECRET: next })
  isOver = true
  await writing
  const seconds = (performance.now() - begunMs) / 1000

  // ---- what became of it

  const got = (device: typeof devices[number]): string[] => device.entries.flatMap(entry => entry.type === 'message' && entry.stream === `u:${device.user}` ? [entry.title as string] : []).sort()
  const wanted = ({ user }: { user: string }): string[] => accepted.filter(({ of }) => of.includes(`u:${user}`)).map(({ title }) => title).sort()
  await until('everything is at every device', () => devices.every(device => got(device).length >= wanted(device).length), 60_000, 200).catch(() => {})
  for (const device of devices) {
    t.strictSame(got(device), wanted(device), `${device.user} has each message once`)
    t.same(faultsOfOrder(device.entries), [], 'in order')
    t.notOk(device.states.includes('closed'), 'never closed')
  }
  t.same(refused, [])
  t.match(await request(gate, 'GET', '/gate/assign', { token: tokensOf(old).userToken('late') }), { status: 401, body: { code: 'GP_TOKEN_INVALID' } }, 'the old one is worth nothing')
  const forged = logs.flatMap(one => one.stdout().split('\n')).filter(line => line.includes('"event":"bus-forged"') || line.includes('"level":50'))
  t.same(forged, [], 'no process took another for a stranger')
  t.comment(`${accepted.length} messages in ${seconds.toFixed(1)} s, ${reconnects} reconnects`)
})
