/** Who is revoked is out soon (docs/protocol.md: 2 s) at every Gate and node, and stays out when all of them, or one, begin again. */
import t from 'tap'
import { startCluster, type Cluster } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assignEach, openSocket, refusedSocket, request, sessionOf, type Session } from '../helpers/raw-client.js'
import { nowSeconds } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false
/** Four times what is promised: this machine may be slow, and have others at work. */
const withinMs = 8_000
const revoked = { status: 401, body: { code: 'GP_TOKEN_REVOKED' } }
t.setTimeout(400_000)

const producerAt = async (gate: string, token: string) => await request(gate, 'POST', '/gate/messages', { token, body: { to: { user: 'bob' }, title: 'x' } })
const adminAt = async (gate: string, token: string) => await request(gate, 'GET', '/gate/nodes', { token })
const userAt = async (gate: string, token: string) => await request(gate, 'GET', '/gate/assign', { token })

interface Tokens { readonly user: string, readonly producer: string, readonly admin: string }
const tokensOf = (site: Cluster, more: { iat?: number } = {}): Tokens =>
  ({ user: site.userToken('ann', more), producer: site.producerToken('shop', more), admin: site.adminToken('eve', more) })

const answersAt = async (gate: string, { user, producer, admin }: Tokens) => await Promise.all([userAt(gate, user), producerAt(gate, producer), adminAt(gate, admin)])
const areOut = async (gates: readonly string[], tokens: Tokens): Promise<boolean> =>
  (await Promise.all(gates.map(async gate => await answersAt(gate, tokens)))).flat().every(({ body }) => body?.code === 'GP_TOKEN_REVOKED')

t.test('revocations - user, producer and admin: out soon at every Gate and node, after restarts too', { skip: missing }, async t => {
  const site = await startCluster(t, { nodes: 2 })
  const tokens = tokensOf(site)
  const sessions = await assignEach(site, 'ann')
  const sockets = await Promise.all(sessions.map(async session => await openSocket(t, session)))
  for (const gate of site.gates) t.same((await answersAt(gate, tokens)).map(({ status }) => status), [200, 201, 200])

  const areTicketsOut = async (of: readonly Session[]): Promise<boolean> =>
    (await Promise.all(of.map(async session => await session.call('GET', '/messages')))).every(({ body }) => body?.code === 'GP_TOKEN_REVOKED')

  const root = site.adminToken('root')
  let latestMs = 0
  for (const [i, [kind, name]] of ([['user', 'ann'], ['producer', 'shop'], ['admin', 'eve']] as const).entries()) {
    // Each by another Gate than the one before.
    const asked = site.gates[i % site.gates.length]!
    t.match(await request(asked, 'PUT', `/gate/revocations/${kind}/${name}`, { token: root }), { status: 200 })
    const answeredMs = performance.now()
    const isOut = async (gate: string): Promise<boolean> => {
      const { body } = kind === 'user' ? await userAt(gate, tokens.user) : kind === 'producer' ? await producerAt(gate, tokens.producer) : await adminAt(gate, tokens.admin)
      return body?.code === 'GP_TOKEN_REVOKED'
    }
    await Promise.all(site.gates.map(async gate => { await until(`${kind} is out at ${gate}`, async () => await isOut(gate)) }))
    if (kind === 'user') {
      await until('its tickets are out', async () => await areTicketsOut(sessions))
      await until('its sockets are closed', () => sockets.every(socket => socket.closed() !== undefined))
      for (const session of sessions) t.equal(await refusedSocket(t, session, {}), 'GP_TOKEN_REVOKED')
    }
    latestMs = Math.max(latestMs, performance.now() - answeredMs)
  }
  t.comment(`out everywhere after at most ${Math.ceil(latestMs)} ms`)
  t.ok(latestMs < withinMs)
  t.ok(await areOut(site.gates, tokens))

  // ---- a node that dies and is back, beside the other one

  await site.nodeAt(site.nodes[0]!).end('SIGKILL')
  const url = await site.addNode({ GATEPOST_NODE_ID: sessions.find(session => session.node.url === site.nodes[0])!.node.id })
  await until('it is ready', async () => (await request(url, 'GET', '/readyz')).status === 200)
  const again = sessions.map(session => session.node.url === site.nodes[0] ? sessionOf('ann', session.token, { id: session.node.id, url }, session.ticket, '') : session)
  t.ok(await areTicketsOut(again), 'a node that begins again lets no ticket of before in')

  // ---- all of them, killed: a Gate that begins again lets nobody in before it knows all of the log, in the long form more than one page of it

  const others = isFull ? 1_050 : 30
  for (let i = 0; i < others; i += 30) {
    await Promise.all(Array.from({ length: 30 }, async (_, k) => { await request(site.gate, 'PUT', `/gate/revocations/user/other-${i + k}`, { token: root }) }))
  }
  for (const [kind, name] of [['user', 'ann'], ['producer', 'shop'], ['admin', 'eve']]) await request(site.gate, 'PUT', `/gate/revocations/${kind}/${name}`, { token: root })
  await site.kill()
  await site.start()
  for (const gate of site.gates) for (const answer of await answersAt(gate, tokens)) t.match(answer, revoked, 'not once let in')
  const later = tokensOf(site, { iat: nowSeconds() + 1 })
  for (const gate of site.gates) t.same((await answersAt(gate, later)).map(({ status }) => status), [200, 201, 200], 'a later token is good')

  // ---- lifted, at every Gate too

  for (const [kind, name] of [['user', 'ann'], ['producer', 'shop'], ['admin', 'eve']]) t.equal((await request(site.gate, 'DELETE', `/gate/revocations/${kind}/${name}`, { token: root })).status, 204)
  await until('lifted everywhere', async () => (await Promise.all(site.gates.map(async gate => await answersAt(gate, tokens)))).flat().every(({ status }) => status < 300), withinMs)
})
