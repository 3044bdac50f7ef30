import t from 'tap'
import { startCluster } from '../helpers/deployment.js'
import { findMongodb, mongodbMissing } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, checkChain, openSocket, producerOf, request, type RawSocket, type Session } from '../helpers/raw-client.js'
import { allowed, until } from '../helpers/until.js'

const missing = await findNatsServer() === undefined ? natsMissing : await findMongodb() === undefined ? mongodbMissing : false

t.test('members - nodes die, join and leave; Gates agree and nothing is lost', { skip: missing }, async t => {
  const site = await startCluster(t, { settings: { GATEPOST_DRAIN: '2' } })
  const producer = producerOf(site)
  const users = Array.from({ length: 120 }, (_, i) => `member ${i}`)
  const nodes = async (gate = site.gate): Promise<any[]> => (await request(gate, 'GET', '/gate/nodes', { token: site.adminToken() })).body.nodes
  const states = async (gate = site.gate): Promise<string> => (await nodes(gate)).map(node => node.state).sort().join()
  const where = async (gate = site.gate): Promise<Map<string, string>> => new Map(await Promise.all(users.map(async user => [user, (await assign({ gate, userToken: site.userToken }, user)).node.id] as const)))
  const agreed = async (): Promise<Map<string, string>> => {
    const [one, two] = [await where(site.gates[0]), await where(site.gates[1])]
    t.same([...two], [...one], 'both Gates give each user the same node')
    return one
  }
  const first = await agreed()
  t.equal(new Set(first.values()).size, 3)

  await t.test('one that dies is down within 5 s, its users move, nobody else does', async t => {
    const device = await openSocket(t, await assign(site, 'member 0'))
    const dead = device.session.node
    const witness = await openSocket(t, await assign(site, 'member 0', { avoid: [dead.id] }))
    const sent: string[] = []
    for (let i = 0; i < 20; i++) sent.push((await producer.send({ to: { user: 'member 0' }, title: `before ${i}` })).id)
    const { id: last } = await device.session.send({ to: { user: 'member 0' }, title: 'the last of it' })
    const killed = Date.now()
    await site.nodeAt(dead.url).end('SIGKILL')
    for (const gate of site.gates) await until('down', async () => (await nodes(gate)).find(node => node.id === dead.id)?.state === 'down', 8000)
    t.ok(Date.now() - killed < allowed(6_000), 'within 5 s', { ms: Date.now() - killed })
    await until('both Gates have moved its users', async () => ![...(await where(site.gates[0])).values(), ...(await where(site.gates[1])).values()].includes(dead.id), 5000)
    const second = await agreed()
    for (const user of users) if (first.get(user) !== dead.id && second.get(user) !== first.get(user)) t.fail(`${user} moved without need`)
    await producer.send({ to: { user: 'member 0' }, title: 'after' })
    await witness.message('after')
    await witness.message('the last of it')
    const chain = checkChain(t, witness.entries, 'u:member 0', 0)
    t.same(chain.filter(entry => entry.type === 'message').map(entry => entry['id']).slice(0, 21), [...sent, last], 'what the dead one stored arrives')
    t.equal(await states(), 'down,up,up', 'it stays listed')
  })

  await t.test('one that joins takes users within 2 s, only to itself', async t => {
    const before = await agreed()
    const url = await site.addNode()
    const joined = Date.now()
    const id = await until('listed', async () => (await nodes()).find(node => node.url === url && node.state === 'up')?.id as string | undefined)
    await until('it has users', async () => [...(await where()).values()].includes(id), 5000)
    t.ok(Date.now() - joined < allowed(4_000), 'soon', { ms: Date.now() - joined })
    await until('the Gates agree', async () => JSON.stringify([...await where(site.gates[0])]) === JSON.stringify([...await where(site.gates[1])]), 5000)
    const after = await agreed()
    const moved = users.filter(user => after.get(user) !== before.get(user))
    t.ok(moved.length > 120 / 3 * 0.5 && moved.length < 120 / 3 * 1.6, 'about a third', { moved: moved.length })
    for (const user of moved) if (after.get(user) !== id) t.fail(`${user} moved to an old node`)
  })

  await t.test('a weight counts', async t => {
    const url = await site.addNode({ GATEPOST_NODE_WEIGHT: '3', GATEPOST_NODE_ID: 'heavy.one 🦉' })
    const heavy = await until('listed', async () => (await nodes()).find(node => node.url === url && node.state === 'up'))
    t.equal(heavy.id, 'heavy.one 🦉')
    t.equal(heavy.weight, 3)
    await until('half of the ring is its', async () => Math.abs((await nodes()).find(node => node.url === url).ringShare - 0.5) < 0.1, 5000)
    await site.nodeAt(url).end('SIGTERM')
  })

  await t.test('one that gets SIGTERM hands its sockets over and ends with exit code 0', async t => {
    await until('all others up', async () => (await nodes()).filter(node => node.state === 'up').length === 3, 8000)
    await until('the Gates agree', async () => JSON.stringify([...await where(site.gates[0])]) === JSON.stringify([...await where(site.gates[1])]), 8000)
    const sessions: Session[] = await Promise.all(users.map(async user => await assign(site, user)))
    const { node } = sessions[0] as Session
    const devices = await Promise.all(sessions.filter(session => session.node.id === node.id).map(async session => await openSocket(t, session)))
    const followers: RawSocket[] = []
    const ended = site.nodeAt(node.url).end('SIGTERM')
    await Promise.all(devices.map(async device => {
      const order = await until(`reassign of ${device.session.user}`, () => device.reassigns[0], 6000)
      await new Promise(resolve => setTimeout(resolve, order.delayMs))
      const session = await assign(site, device.session.user)
      t.not(session.node.id, node.id)
      followers.push(await openSocket(t, session, { cursors: device.ready.heads }))
      device.close()
    }))
    t.equal(await ended, 0)
    for (const device of followers) await producer.send({ to: { user: device.session.user }, title: 'moved' })
    await Promise.all(followers.map(async device => await device.message('moved')))
    await agreed()
  })
})
