/**
 * Leaving and joining a group while the node of the open socket, which is also the one of the group's stream and of who leaves and joins,
 * has lost NATS, its store, or both: the others do it, nothing that is posted later than 2 s after the leave's answer reaches the
 * socket, everything after the join's does. GATEPOST_TEST_OUTAGE=30 for 30 s each.
 */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { groupStream, type NodeId } from '../../shared/contract/names.js'
import { createRing, ringName } from '../../shared/contract/ring.js'
import { startCluster, type Cluster } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, checkChain, openSocket, producerOf, request, type Session } from '../helpers/raw-client.js'
import { startTcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

const outageMs = 1000 * Number(process.env['GATEPOST_TEST_OUTAGE'] ?? (isFull ? 8 : 2))
const leaveHoldsMs = 2000
const mongodb = await findNatsServer() === undefined ? undefined : await startMongodbServer(t)
const skip = mongodb === undefined ? `${natsMissing}; ${mongodbMissing}` : false
t.setTimeout(300_000 + 4 * (outageMs + 60_000))

async function sessionAt (site: Cluster, user: string, url: string): Promise<Session> {
  const avoid: string[] = []
  for (;;) {
    const session = await assign(site, user, { avoid })
    if (session.node.url === url) return session
    if (avoid.includes(session.node.id)) throw new Error(`${user} is not given ${url}`)
    avoid.push(session.node.id)
  }
}

t.test('groups - a leave and a join while the node of the socket is cut off', { skip }, async t => {
  if (mongodb === undefined) return
  const site = await startCluster(t, { mongodb, nodes: 2, gates: 1 })
  const link = await startTcpProxy(t, site.nats.port)
  const store = await startTcpProxy(t, mongodb.port)
  const cutOff = await site.addNode({
    GATEPOST_NATS_URL: `nats://127.0.0.1:${link.port}`,
    GATEPOST_MONGODB_URL: mongodb.url.replace(`:${mongodb.port}/`, `:${store.port}/`) + (mongodb.url.includes('?') ? '&' : '?') + 'directConnection=true'
  })
  const outages = [
    { what: 'NATS', isStoreAway: false, begin: link.cut, end: link.mend },
    { what: 'NATS half open', isStoreAway: false, begin: async () => { link.freeze() }, end: async () => { link.thaw() } },
    { what: 'the store', isStoreAway: true, begin: store.cut, end: store.mend },
    { what: 'both', isStoreAway: true, begin: async () => { await Promise.all([link.cut(), store.cut()]) }, end: async () => { await Promise.all([link.mend(), store.mend()]) } }
  ]
  const known = await until('Gate knows all three', async () => {
    const { body } = await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })
    const nodes = body.nodes as Array<{ id: NodeId, url: string }>
    return nodes.length === 3 ? nodes : undefined
  })
  const ring = createRing(known.map(({ id }) => ({ id, weight: 1 })))
  const cutOffId = known.find(({ url }) => url === cutOff)?.id
  /** A name that the ring gives to the node that is cut off, or to another one. */
  const nameFor = (stem: string, place: (name: string) => string = name => name, isThere = true): string =>
    Array.from({ length: 1000 }, (_, i) => `${stem} ${i}`).find(name => (ring.assign(place(name)) === cutOffId) === isThere) ?? stem
  const shop = producerOf(site)
  /** Tries for as long as it is refused: how long that takes beside an outage is tested elsewhere. */
  const untilDone = async (method: string, path: string, options: { body?: object, headers?: Record<string, string> } = {}): Promise<void> => {
    await until(`${method} ${path}`, async () => (await shop.call(method, path, options)).status < 300, 60_000, 100)
  }
  for (const { what, isStoreAway, begin, end } of outages) {
    const group = nameFor(`group of ${what}`, name => ringName(groupStream(name)))
    const member = (user: string): string => `/gate/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}`
    const [eve, bob, ann] = [nameFor(`eve of ${what}`), nameFor(`bob of ${what}`, undefined, false), nameFor(`ann of ${what}`)]
    for (const user of [eve, bob]) await untilDone('PUT', member(user))
    const [ofEve, ofBob, ofAnn] = [await openSocket(t, await sessionAt(site, eve, cutOff)), await openSocket(t, await sessionAt(site, bob, cutOff)), await openSocket(t, await sessionAt(site, ann, cutOff))]
    const posted: Array<{ title: string, atMs: number }> = []
    const post = async (): Promise<void> => {
      const title = `shop ${posted.length}`
      const atMs = performance.now()
      await untilDone('POST', '/gate/messages', { body: { to: { group }, title }, headers: { 'idempotency-key': `${what} ${title}` } })
      posted.push({ title, atMs })
    }
    await post()
    await until('both have the first', () => ofEve.titles().length === 1 && ofBob.titles().length === 1)

    await begin()
    const begunMs = performance.now()
    await untilDone('DELETE', member(eve))
    const leftMs = performance.now()
    await untilDone('PUT', member(ann))
    const joinedAt = posted.length
    while (performance.now() < Math.max(begunMs, leftMs + leaveHoldsMs) + outageMs) {
      await post()
      // By the node itself, to its own sockets too.
      if (!isStoreAway) {
        const [title, atMs] = [`bob ${posted.length}`, performance.now()]
        const answer = await ofBob.session.call('POST', '/messages', { body: { to: { group }, title } })
        if (answer.status === 201) posted.push({ title, atMs })
      }
      await pause(100)
    }
    await end()
    const backMs = performance.now()
    for (let n = 0; n < 5; n++) { await post(); await pause(100) }
    await until('the member has all of it', () => posted.every(({ title }) => ofBob.titles().includes(title)))
    await until('who joined has all since', () => posted.slice(joinedAt).every(({ title }) => ofAnn.titles().includes(title)))
    await until('who left is told', () => ofEve.entries.some(entry => entry['group'] === group && entry['joined'] === false))
    t.comment(`${what} away: ${posted.length} posts; all is right ${(performance.now() - backMs).toFixed(0)} ms after its return`)
    await post()
    await until('the last one', () => [ofBob, ofAnn].every(device => device.titles().includes(posted.at(-1)?.title ?? '')))
    const late = posted.filter(({ title, atMs }) => atMs > leftMs + leaveHoldsMs && ofEve.titles().includes(title))
    t.same(late, [], `without ${what}: nothing that was posted later than 2 s after the leave's answer`)
    t.same(ofAnn.titles(`g:${group}`).filter(title => !posted.slice(joinedAt).some(one => one.title === title)), [], 'nothing from before the join')
    const after = ofAnn.entries.find(entry => entry['joined'] === true)?.['after'] as number
    t.equal(checkChain(t, ofAnn.entries, `g:${group}`, after, `${what}: who joined`).filter(({ type }) => type === 'message').length, posted.length - joinedAt)
    for (const socket of [ofEve, ofBob, ofAnn]) {
      t.equal(socket.closed(), undefined, 'the socket stayed open')
      socket.close()
    }
  }
})
