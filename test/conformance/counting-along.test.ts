/** Sockets whose clients count unread messages along (docs/protocol.md "Counting along"), beside some that are sent each number. */
import t, { type Test } from 'tap'
import { assign, assignBoth, openSocket, producerOf, type RawSocket, type Session } from '../helpers/raw-client.js'
import { startDeployment } from '../helpers/deployment.js'
import { probeInbox, shortTiming } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

/** On each of the user's nodes: in both forms, counting along, and one that does not. */
async function openAll (t: Test, sessions: readonly Session[], cursors?: Record<string, number>): Promise<RawSocket[]> {
  return await Promise.all(sessions.flatMap(session => [{ form: 1, counts: true }, { form: 2, counts: true }, { form: 1, counts: false }].map(async kind =>
    await openSocket(t, session, { ...kind as { form: 1 | 2, counts: boolean }, cursors }))))
}

async function allShow (what: string, sessions: readonly Session[], devices: readonly RawSocket[], unread: number): Promise<void> {
  const exact = await sessions[0]!.get('/messages/unread')
  t.equal(exact.unread, unread, what)
  await until(`${what}: ${unread}`, () => devices.every(device => JSON.stringify(device.shown()) === JSON.stringify({ ...device.shown(), ...exact })), 3_000)
}

t.test('counting along - the handshake agrees on it', async t => {
  const session = await assign(site, 'hands')
  t.equal((await openSocket(t, session, { counts: true })).ready.counts, true)
  t.equal((await openSocket(t, session, { counts: false })).ready.counts, undefined)
})

t.test('counting along - messages alone bring no number, and the client shows the right one at once', async t => {
  const session = await assign(site, 'quiet')
  await producer.send({ to: { user: 'quiet' }, title: 'before', category: '__proto__' })
  const device = await openSocket(t, session, { form: 2, counts: true })
  const begun = performance.now()
  let sent = 1
  // Longer than what is counted along waits until it is looked at.
  while (performance.now() - begun < 2_500) {
    sent++
    const to = [{ user: 'quiet' }, { all: true }][sent % 2]!
    await producer.send({ to, title: `q${sent}`, category: ['__proto__', 'orders'][sent % 2]! })
    await device.message(`q${sent}`)
    t.equal(device.shown().unread, sent)
  }
  t.same(await session.get('/messages/unread'), JSON.parse(JSON.stringify(device.shown())))
  t.same(device.unreads, [])
})

t.test('counting along - whatever is not a message is corrected, on all devices', async t => {
  const sessions = await assignBoth(site, 'ann')
  const [one, two] = sessions
  const devices = await openAll(t, sessions)
  const own = devices[0]!.ready.unread
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.push((await producer.send({ to: { user: 'ann' }, title: `a${i}`, category: `c${i % 2}` })).id)
  await allShow('five mails', sessions, devices, own + 5)
  await one.patch(ids[0]!, { read: true })
  await allShow('one read', sessions, devices, own + 4)
  await two.patch(ids[0]!, { read: false })
  await two.patch(ids[1]!, { archived: true })
  await allShow('unread again, another archived', sessions, devices, own + 4)
  await producer.call('POST', `/gate/messages/${ids[2]!}/recall`, { body: { to: { user: 'ann' } } })
  await allShow('taken back', sessions, devices, own + 3)
  await producer.send({ to: { user: 'ann' }, title: 'short', ttl: 1 })
  await allShow('a short one', sessions, devices, own + 4)
  await until('it has expired', async () => await one.unread() === own + 3)
  await allShow('expired', sessions, devices, own + 3)
  await one.send({ to: { user: 'ann' }, title: 'to myself' })
  await one.send({ to: { user: 'somebody' }, title: 'a copy' })
  await allShow('own copies', sessions, devices, own + 3)
  await producer.send({ to: { user: 'ann' }, body: 'typing', volatile: true })
  await one.call('POST', '/messages/read', { body: { category: 'c1' } })
  await producer.send({ to: { user: 'ann' }, title: 'after', category: 'c1' })
  await allShow('a category, then one more of it', sessions, devices, own + 3)
})

t.test('counting along - groups: what was there before, one\'s own posts, leaving', async t => {
  const sessions = await assignBoth(site, 'bob')
  const devices = await openAll(t, sessions)
  const before = devices[0]!.ready.unread
  await producer.join('along', 'bob')
  await producer.send({ to: { group: 'along' }, title: 'g1' })
  await sessions[0].send({ to: { group: 'along' }, title: 'mine' })
  await producer.send({ to: { group: 'along' }, title: 'g2', category: 'staff' })
  for (const device of devices) await device.message('g2')
  await allShow('two of the group', sessions, devices, before + 2)
  const late = await openAll(t, sessions, { 'u:bob': 0 })
  await producer.send({ to: { group: 'along' }, title: 'g3' })
  for (const device of [...devices, ...late]) await device.message('g3')
  await allShow('with devices that were away', sessions, [...devices, ...late], before + 3)
  await producer.call('DELETE', '/gate/groups/along/members/bob')
  await allShow('left', sessions, [...devices, ...late], before)
})

t.test('counting along - more categories than are counted by name', async t => {
  const sessions = await assignBoth(site, 'many')
  const devices = await openAll(t, sessions)
  const before = devices[0]!.ready.unread
  const names = Array.from({ length: 105 }, (_, i) => `k${i}`)
  await Promise.all(names.map(async name => { await producer.send({ to: { user: 'many' }, title: name, category: name }) }))
  await allShow('most by name', sessions, devices, before + 105)
})

t.test('counting along - an acknowledgement of read is followed by the number, whatever else is done meanwhile', async t => {
  const session = await assign(site, 'acked')
  const device = await openSocket(t, session, { counts: true })
  const { id } = await producer.send({ to: { user: 'acked' }, title: 'first' })
  await device.message('first')
  await session.patch(id, { read: true })
  await until('the mark is counted', () => device.shown().unread === device.ready.unread)
  const before = device.unreads.length
  const acknowledged = await device.ask('read', { ids: [id] })
  t.ok(device.unreads.length === before, 'not in front of it')
  await until('the number comes', () => device.unreads.length > before)
  t.match(device.unreads.at(-1), acknowledged, 'and is the same where nothing else was done')

  const { inbox } = probeInbox(t, { gate: site.gate, token: site.userToken('acked'), tabs: false, timing: { ...shortTiming, requestTimeoutMs: 10_000 } })
  await inbox.whenLive()
  for (let round = 0; round < 10; round++) {
    await inbox.markRead(id)
    await session.patch(id, { read: false })
    const exact = await session.get('/messages/unread')
    await until(`it shows what was unread again, round ${round}`, () => JSON.stringify(inbox.unread) === JSON.stringify(exact), 3_000)
  }
})
