/** Real processes whose clocks are wrong for a while, either way: nothing is refused, nothing purged, nothing lost. */
import t, { type Test } from 'tap'
import { startCluster, startEmbedded, tempDir, type Deployment } from '../helpers/deployment.js'
import { createFakeClock, faketimeMissing } from '../helpers/faketime.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, checkChain, request, openSocket, producerOf, sessionOf, type Session } from '../helpers/raw-client.js'
import { nowSeconds, resign } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const daySeconds = 86_400
const dayMs = 1000 * daySeconds
const hourMs = 3_600_000
/** When a token was issued and ends is judged by the wall clock: these hold under every clock of this file. */
const lasting = { iat: undefined, exp: nowSeconds() + 100 * daySeconds }
/** GATEPOST_TEST_CLOCKS=all tries each size both ways. */
const skewsMs = process.env.GATEPOST_TEST_CLOCKS === 'all' ? [15_000, 2 * hourMs, 40 * dayMs, -15_000, -2 * hourMs, -40 * dayMs] : [...isFull ? [15_000] : [], 40 * dayMs, -2 * hourMs]

const signIn = async (site: Deployment, user: string): Promise<Session> => await assign(site, user, { token: site.userToken(user, lasting) })

/** Mail, system messages, marks and memberships; every answer must be the one of a right clock. `sent` grows by the titles for bob. */
async function useAll (site: Deployment, ann: Session, bob: Session, name: string, sent: string[]): Promise<void> {
  const producer = producerOf({ gate: site.gate, producerToken: name => site.producerToken(name, lasting) })
  const mail = await ann.send({ to: { user: 'bob' }, title: `${name} mail` }, `${name} key`)
  await producer.send({ to: { user: 'bob' }, title: `${name} system` })
  await producer.send({ to: { all: true }, title: `${name} all` })
  await producer.join('staff', 'bob')
  await producer.send({ to: { group: 'staff' }, title: `${name} group` })
  const again = await ann.call('POST', '/messages', { body: { to: { user: 'bob' }, title: `${name} mail` }, headers: { 'idempotency-key': `${name} key` } })
  if (again.status !== 200 || again.body.id !== mail.id) throw new Error(`a retry: ${again.status} ${again.text}`)
  await bob.patch(mail.id, { read: true })
  sent.push(`${name} mail`, `${name} system`, `${name} all`, `${name} group`)
}

/** All of it is there: in lists, in the count, and for a device that starts anew. */
async function checkAll (t: Test, bob: Session, sent: readonly string[]): Promise<void> {
  const titles = (await bob.list()).map(({ title }) => title as string)
  t.same([...titles].sort(), [...sent].sort(), 'listed, each once')
  t.equal(await bob.unread(), sent.filter(title => !title.endsWith('mail')).length)
  const device = await openSocket(t, bob, { cursors: { 'u:bob': 0, all: 0 } })
  const heads = Object.entries(device.ready.heads)
  await until('the replay', () => heads.every(([stream, head]) => device.entries.some(entry => entry.stream === stream && (entry.seq ?? 0) >= head)))
  for (const [stream] of heads) checkChain(t, device.entries.filter(entry => entry.stream === stream), stream, stream.startsWith('g:') ? device.entries.find(entry => entry.stream === stream)?.prev ?? 0 : 0)
  const got = device.entries.filter(entry => entry.type === 'message').map(({ title }) => title as string)
  t.same([...got].sort(), [...sent].sort(), 'delivered, each once')
  device.close()
}

t.test('clocks - gatepost up, while it runs and over restarts', { skip: faketimeMissing ?? false }, async t => {
  const clock = await createFakeClock(await tempDir(t))
  const site = await startEmbedded(t, { settings: clock.settings })
  const sent: string[] = []
  const use = async (name: string): Promise<void> => { await useAll(site, await signIn(site, 'ann'), await signIn(site, 'bob'), name, sent) }
  await use('right')
  for (const aheadMs of skewsMs) {
    await clock.set(aheadMs)
    await use(`running ${aheadMs}`)
    await site.kill()
    await site.start()
    await use(`restarted ${aheadMs}`)
    await clock.set(0)
    await use(`set right after ${aheadMs}`)
    await checkAll(t, await signIn(site, 'bob'), sent)
  }
  await site.stop()
  await site.start()
  await checkAll(t, await signIn(site, 'bob'), sent)
})

const missing = faketimeMissing ?? (await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : undefined)

t.test('clocks - a cluster: one node is wrong and the others stay right; then every process is wrong, and MongoDB is right', { skip: missing ?? false }, async t => {
  const [clock, itsClock] = [await createFakeClock(await tempDir(t)), await createFakeClock(await tempDir(t))]
  const site = await startCluster(t, { nodes: 2, gates: 1, settings: clock.settings })
  const badUrl = await site.addNode(itsClock.settings)
  const sent: string[] = []
  const find = async (): Promise<{ id: string, url: string }> => {
    const answer = await producerOf(site).call('GET', '/gate/nodes', { token: site.adminToken() })
    return answer.body.nodes.find(({ url }: { url: string }) => url === badUrl)
  }
  await until('Gate knows it', async () => await find() !== undefined)
  const bad = await find()
  /** On the bad node, with a ticket that no clock ends. */
  const atBad = async (user: string): Promise<Session> => {
    const { token, ticket, expiresAt } = await signIn(site, user)
    return sessionOf(user, token, bad, resign(ticket, { node: bad.id, iat: nowSeconds() - 50 * daySeconds, exp: nowSeconds() + 100 * daySeconds }, site.secret), expiresAt)
  }
  const use = async (name: string): Promise<void> => { await useAll(site, await signIn(site, 'ann'), await signIn(site, 'bob'), name, sent) }
  const useBad = async (name: string): Promise<void> => { await useAll(site, await atBad('ann'), await atBad('bob'), name, sent) }

  for (const aheadMs of skewsMs) {
    await itsClock.set(aheadMs)
    await useBad(`at it ${aheadMs}`)
    await use(`beside it ${aheadMs}`)
    const right = await (await signIn(site, 'ann')).send({ to: { user: 'bob' }, title: `right ${aheadMs} mail` })
    await (await atBad('bob')).patch(right.id, { read: true }) // by a clock that is ahead it has expired
    sent.push(`right ${aheadMs} mail`)
    await itsClock.set(0)
    await useBad(`set right after ${aheadMs}`)
    await checkAll(t, await signIn(site, 'bob'), sent)
  }

  const areReady = async (): Promise<boolean[]> => await Promise.all([...site.nodes, badUrl].map(async url => (await request(url, 'GET', '/readyz')).status === 200))
  await until('all are ready', async () => (await areReady()).every(isReady => isReady), 120_000)
  for (const aheadMs of isFull ? [2 * hourMs, -40 * dayMs] : [-40 * dayMs]) {
    await Promise.all([clock.set(aheadMs), itsClock.set(aheadMs)])
    await use(`at once ${aheadMs}`)
    await until('all have noticed', async () => (await areReady()).every(isReady => !isReady), 120_000)
    await use(`noticed ${aheadMs}`)
    await Promise.all([clock.set(0), itsClock.set(0)])
    await until('all are ready again', async () => (await areReady()).every(isReady => isReady), 120_000)
    await use(`set right after all ${aheadMs}`)
    await checkAll(t, await signIn(site, 'bob'), sent)
  }
})
