/** A node of the version before beside one of this build: what a message carries passes through both, and an action is chosen once. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { bin, runGatepost, tempDir, tokensOf } from '../helpers/deployment.js'
import { findFormerBuild, formerMissing } from '../helpers/former-build.js'
import { findMongodb, mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing, startNatsServer } from '../helpers/nats-server.js'
import { assign, openSocket, producerOf, refused, request, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const former = await findFormerBuild()
const missing = former === undefined ? formerMissing : await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false
const carried = { url: '/orders/7', actions: [{ id: 'yes', label: 'Yes' }, { id: 'no', label: 'No', url: 'https://shop.example/no' }] }

t.test('mixed versions - links and actions pass through the version before, and an action is chosen once', { skip: missing }, async t => {
  const cwd = await tempDir(t)
  const nats = await startNatsServer(t)
  const mongodb = await startMongodbServer(t)
  const secret = randomBytes(24).toString('hex')
  const tokens = tokensOf(secret)
  const start = async (kind: 'gate' | 'node', program: string, more: Record<string, string | undefined> = {}): Promise<string> => {
    const running = runGatepost([kind], { cwd, program, settings: { GATEPOST_SECRET: secret, GATEPOST_NATS_URL: nats.url, GATEPOST_NATS_PREFIX: 'mixed', GATEPOST_DRAIN: '0', GATEPOST_PORT: '0', ...more } })
    t.teardown(async () => { if (running.isAlive()) await running.end('SIGKILL') })
    return await running.ready
  }
  const node = async (name: string, program: string): Promise<string> => await start('node', program, { GATEPOST_MONGODB_URL: mongodb?.url, GATEPOST_NODE_ID: name })
  const [gate] = await Promise.all([start('gate', bin), node('old', former as string), node('new', bin)])
  await until('both nodes are up', async () => ((await request(gate, 'GET', '/gate/nodes', { token: tokens.adminToken() })).body.nodes as Array<{ state: string }>).filter(({ state }) => state === 'up').length === 2)
  const site = { gate, ...tokens }
  const on = async (name: 'old' | 'new', user: string): Promise<Session> => await assign(site, user, { avoid: [name === 'old' ? 'new' : 'old'], token: tokens.userToken(user, { name: `${user}'s name` }) })
  const act = async (session: Session, id: string, action: string) => await session.call('POST', `/messages/${id}/actions/${action}`, { body: {} })

  const [ann, annOld, bob, bobOld] = [await on('new', 'ann'), await on('old', 'ann'), await on('new', 'bob'), await on('old', 'bob')]
  t.equal(bobOld.node.id, 'old')
  const [device, oldDevice] = [await openSocket(t, bob), await openSocket(t, bobOld)]
  const { id } = await ann.send({ to: { user: 'bob' }, title: 'by the new one', ...carried })
  const from = { user: 'ann', name: "ann's name", picture: null }
  t.match(await device.message('by the new one'), { from, ...carried, acted: null })
  t.match(await oldDevice.message('by the new one'), { from, ...carried })
  t.match(await bobOld.get(`/messages/${id}`), { from, ...carried })
  await annOld.send({ to: { user: 'bob' }, title: 'by the old one' })
  t.match(await device.message('by the old one'), { from: { user: 'ann', name: null, picture: null }, url: null, actions: null, acted: null })
  // The node that stores it may be the old one, which has no place for a link: the message is stored all the same.
  for (const to of ['ann', 'bob', 'cleo', 'dora']) await producerOf(site).send({ to: { user: to }, title: 'from the shop', ...carried, sender: { name: 'Shop' } })

  t.match(await act(bob, id, 'yes'), { status: 200, body: { acted: 'yes' } })
  t.match(await device.change(entry => entry['acted'] !== undefined), { ids: [id], acted: 'yes' })
  await oldDevice.change(entry => entry['ids']?.[0] === id)
  // The old node folds and stores bob's state.
  for (const read of [true, false]) await bobOld.patch(id, { read })
  refused(t, await act(bob, id, 'no'), 409, 'GP_CONFLICT', 'another one')
  t.match(await act(bob, id, 'yes'), { status: 200, body: { acted: 'yes' } })
  t.equal((await bob.get(`/messages/${id}`)).acted, 'yes')

  t.equal((await annOld.call('POST', `/messages/${id}/recall`)).status, 200)
  for (const session of [ann, bob]) t.match(await session.get(`/messages/${id}`), { recalled: true, title: null, url: null, actions: null, from: { user: 'ann', name: null } })
})
