import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, isTime, openSocket, producerOf, refused, request, type RawSocket } from '../helpers/raw-client.js'
import { nowSeconds, resign } from '../helpers/tokens.js'
import { allowed, until } from '../helpers/until.js'

const site = await startDeployment(t, { settings: { GATEPOST_DRAIN: '3' } })
const producer = producerOf(site)
const admin = async (method: string, path: string, gate = site.gate): Promise<any> => await request(gate, method, path, { token: site.adminToken() })
const nodes = async (gate = site.gate): Promise<any[]> => (await admin('GET', '/gate/nodes', gate)).body.nodes
const stateOf = async (id: string): Promise<string> => (await admin('GET', `/gate/nodes/${encodeURIComponent(id)}`)).body.state

const fields = ['dispatch', 'eventLoopLagMs', 'id', 'lastSeen', 'messagesPerSecond', 'ringShare', 'rssBytes', 'sockets', 'startedAt', 'state', 'store', 'url', 'users', 'version', 'weight']

t.test('nodes - each with its health', async t => {
  const list = await nodes()
  t.equal(list.length, site.nodeCount)
  for (const node of list) {
    t.same(Object.keys(node).sort(), fields)
    t.equal(node.state, 'up')
    t.equal(node.weight, 1)
    t.ok(isTime(node.startedAt) && isTime(node.lastSeen))
    t.ok(Date.now() - Date.parse(node.lastSeen) < allowed(3_000), 'seen lately')
    t.ok(node.rssBytes > 10_000_000)
    for (const field of ['sockets', 'users', 'messagesPerSecond', 'eventLoopLagMs']) t.ok(node[field] >= 0, field)
    t.match(node.url, site.kind === 'embedded' ? new RegExp(`^${site.gate}/nodes/${node.id}$`) : /^http:\/\/127\.0\.0\.1:\d+$/)
    const one = await admin('GET', `/gate/nodes/${encodeURIComponent(node.id)}`)
    t.equal(one.status, 200)
    t.same(Object.keys(one.body).sort(), fields)
    t.equal((await request(node.url, 'GET', '/readyz')).status, 200)
  }
  const shares = list.map(node => node.ringShare as number)
  t.ok(Math.abs(shares.reduce((a, b) => a + b, 0) - 1) < 0.01, 'the shares are one ring', { shares })
  for (const share of shares) t.ok(share < 1.25 / site.nodeCount)
  for (const id of ['nobody', '%F0%9F%A6%89', '*', '..', '__proto__']) {
    refused(t, await admin('GET', `/gate/nodes/${id}`), 404, 'GP_NOT_FOUND', `GET ${id}`)
    refused(t, await admin('POST', `/gate/nodes/${id}/drain`), 404, 'GP_NOT_FOUND', `POST ${id}/drain`)
    refused(t, await admin('DELETE', `/gate/nodes/${id}/drain`), 404, 'GP_NOT_FOUND', `DELETE ${id}/drain`)
  }
})

t.test('nodes - sockets and users are counted', async t => {
  const session = await assign(site, 'counted')
  const before = (await nodes()).find(node => node.id === session.node.id)
  const devices = [await openSocket(t, session), await openSocket(t, session), await openSocket(t, session)]
  await until('three more sockets of one more user', async () => {
    const now = (await nodes()).find(node => node.id === session.node.id)
    return now.sockets === before.sockets + 3 && now.users === before.users + 1
  }, 5000, 100)
  for (const device of devices) device.close()
})

t.test('drain - hands the sockets over within its time, loses nothing, and undrain puts the node back', async t => {
  const users = Array.from({ length: 40 }, (_, i) => `drain-${i}`)
  const sessions = await Promise.all(users.map(async user => await assign(site, user)))
  const target = sessions[0]?.node.id ?? ''
  const there = sessions.filter(session => session.node.id === target)
  t.ok(there.length > 5 && there.length < 40)
  const old = await Promise.all(there.map(async session => await openSocket(t, session)))
  const elsewhere = await openSocket(t, sessions.find(session => session.node.id !== target) ?? sessions[0] as never)
  const followers = new Map<string, RawSocket>()

  const begun = Date.now()
  const answer = await admin('POST', `/gate/nodes/${encodeURIComponent(target)}/drain`)
  t.equal(answer.status, 202, 'accepted', { answer: answer.text })
  await until('draining', async () => await stateOf(target) === 'draining')
  t.not((await assign(site, 'drain-0')).node.id, target, 'nobody new is sent there')
  // What a client does: wait for the delay, ask Gate, open the new socket, then close the old one. The last one does not follow.
  const stubborn = old.at(-1) as RawSocket
  await Promise.all(old.map(async device => {
    const order = await until(`reassign for ${device.session.user}`, () => device.reassigns[0], 6000)
    t.equal(typeof order.reason, 'string')
    t.ok(Number.isFinite(order.delayMs) && order.delayMs >= 0 && order.delayMs <= 3500, 'a delay within the drain time', { order })
    if (device === stubborn) return
    await new Promise(resolve => setTimeout(resolve, order.delayMs))
    const session = await assign(site, device.session.user)
    t.not(session.node.id, target)
    followers.set(session.user, await openSocket(t, session, { cursors: device.ready.heads }))
    device.close()
  }))
  const delays = old.map(device => device.reassigns[0]?.delayMs ?? 0)
  t.ok(Math.max(...delays) - Math.min(...delays) > 300 || old.some(device => device.reassigns.length === 0) || Date.now() - begun > 1000, 'spread over the drain time', { delays })
  await until('the one that did not go is closed', () => stubborn.closed(), 8000)
  t.ok(Date.now() - begun < 3_000 + allowed(3_000), 'within the drain time')
  t.equal(elsewhere.reassigns.length, 0, 'sockets of the other node are left alone')
  for (const [user, device] of followers) {
    await producer.send({ to: { user }, title: `to ${user}` })
    await device.message(`to ${user}`)
    t.equal(device.reassigns.length, 0)
  }

  const back = await admin('DELETE', `/gate/nodes/${encodeURIComponent(target)}/drain`)
  t.equal(back.status, 202)
  await until('up again', async () => await stateOf(target) === 'up')
  await until('its users are its users again', async () => (await assign(site, 'drain-0')).node.id === target, 5000)
  const again = await openSocket(t, await assign(site, 'drain-0'))
  await producer.send({ to: { user: 'drain-0' }, title: 'home' })
  await again.message('home')
})

t.test('reassign - a joining node takes its users; those with a young ticket stay a while', async t => {
  const first = await assign(site, 'mover')
  const target = first.node.id
  await admin('POST', `/gate/nodes/${encodeURIComponent(target)}/drain`)
  await until('somewhere else', async () => (await assign(site, 'mover')).node.id !== target)
  const aged = await assign(site, 'mover', { ticket: ticket => resign(ticket, { iat: nowSeconds() - 120 }, site.secret) })
  const young = await openSocket(t, await assign(site, 'mover'))
  const old = await openSocket(t, aged)
  await until('drained', async () => (await nodes()).find(node => node.id === target)?.sockets === 0, 8000, 100)
  await admin('DELETE', `/gate/nodes/${encodeURIComponent(target)}/drain`)
  await until('assigned home', async () => (await assign(site, 'mover')).node.id === target, 5000)
  const order = await until('reassign of the old one', () => old.reassigns[0], 8000)
  t.ok(order.delayMs >= 0)
  t.equal(young.reassigns.length, 0, 'not the one whose ticket is young')
  t.equal(old.closed(), undefined, 'it may stay until the client has gone')
})

t.test('drain - of every node leaves no node', async t => {
  const all = await nodes()
  for (const node of all) await admin('POST', `/gate/nodes/${encodeURIComponent(node.id)}/drain`)
  const answer = await until('no node', async () => {
    const answer = await request(site.gate, 'GET', '/gate/assign', { token: site.userToken('nowhere') })
    return answer.status === 503 ? answer : undefined
  }, 5000)
  refused(t, answer, 503, 'GP_NO_NODE', 'no node is healthy')
  for (const node of all) await admin('DELETE', `/gate/nodes/${encodeURIComponent(node.id)}/drain`)
  await until('all up again', async () => (await nodes()).every(node => node.state === 'up'), 8000)
  await producer.send({ to: { user: 'nowhere' }, title: 'back' })
  t.equal(await (await assign(site, 'nowhere')).unread(), 1)
})
