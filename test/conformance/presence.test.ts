import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)
const presence = async (user: string): Promise<any> => (await producer.call('GET', `/gate/users/${encodeURIComponent(user)}/presence`)).body

t.test('presence - counts sockets over all nodes, now', async t => {
  t.same(await presence('ada'), { user: 'ada', online: false, sockets: 0, nodes: [] })
  const [one, two] = await assignBoth(site, 'ada')
  const first = await openSocket(t, one)
  t.same(await presence('ada'), { user: 'ada', online: true, sockets: 1, nodes: [one.node.id] })
  const second = await openSocket(t, two, { transports: ['polling'] })
  const third = await openSocket(t, two)
  const all = await presence('ada')
  t.same({ ...all, nodes: all.nodes.sort() }, { user: 'ada', online: true, sockets: 3, nodes: [one.node.id, two.node.id].sort() })
  third.close()
  second.close()
  await until('two have gone', async () => (await presence('ada')).sockets === 1)
  t.same((await presence('ada')).nodes, [one.node.id])
  first.close()
  await until('all have gone', async () => (await presence('ada')).online === false)
  t.equal((await request(site.gate, 'GET', '/gate/users/ada/presence', { token: site.adminToken() })).status, 200, 'an admin may')
})

t.test('disconnect - closes all sockets of one user everywhere, and of no other', async t => {
  const [one, two] = await assignBoth(site, 'grace')
  const devices = [await openSocket(t, one), await openSocket(t, two), await openSocket(t, two, { transports: ['polling'] })]
  const other = await openSocket(t, await assign(site, 'gracey'))
  const answer = await producer.call('POST', '/gate/users/grace/disconnect')
  t.equal(answer.status, 200)
  t.same(answer.body, { sockets: 3 })
  for (const device of devices) await until('closed', () => device.closed() !== undefined)
  await until('offline', async () => (await presence('grace')).sockets === 0)
  t.equal(other.closed(), undefined)
  t.same((await producer.call('POST', '/gate/users/grace/disconnect')).body, { sockets: 0 })
  const back = await openSocket(t, await assign(site, 'grace'))
  await producer.send({ to: { user: 'grace' }, title: 'welcome' })
  await back.message('welcome')
})

t.test('disconnect - with a body of JSON or none', async t => {
  t.equal((await producer.call('POST', '/gate/users/nobody/disconnect', { body: {} })).status, 200)
  t.equal((await producer.call('POST', '/gate/users/nobody/disconnect')).status, 200)
})
