import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assignBoth, checkChain, openSocket, producerOf, type RawSocket, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '0' } })
const producer = producerOf(site)
const users = Array.from({ length: 50 }, (_, i) => `user ${i}`)
const groups = ['red', 'green', 'blue', 'big.group', '>']

/** The same run each time: a small linear congruential generator. */
let state = 7
const random = (below: number): number => { state = (state * 1_103_515_245 + 12_345) % 2_147_483_648; return Math.floor(state / 65_536) % below }

t.test('traffic - fifty users: every entry once, in order, at every device', async t => {
  const sessions = new Map<string, [Session, Session]>()
  await Promise.all(users.map(async user => { sessions.set(user, await assignBoth(site, user)) }))
  const memberOf = new Map<string, string[]>(groups.map(group => [group, []]))
  for (const [i, user] of users.entries()) {
    for (const [k, group] of groups.entries()) {
      if ((i + k) % 3 !== 0) continue
      await producer.join(group, user)
      memberOf.get(group)?.push(user)
    }
  }
  // Each user has one device where the ring says; every fifth has three, over both nodes and both transports.
  const devices: RawSocket[] = []
  for (const [i, user] of users.entries()) {
    const [one, two] = sessions.get(user) as [Session, Session]
    devices.push(await openSocket(t, one, { transports: [i % 7 === 0 ? 'polling' : 'websocket'] }))
    if (i % 5 === 0) devices.push(await openSocket(t, two), await openSocket(t, two, { transports: ['polling'] }))
  }
  const starts = new Map(devices.map(device => [device, device.ready.heads]))

  const expected = new Map<string, Set<string>>()
  const note = (stream: string, id: string): void => { expected.set(stream, (expected.get(stream) ?? new Set()).add(id)) }
  const byMail: Array<() => Promise<void>> = []
  for (let i = 0; i < 600; i++) {
    const from = users[random(50)] ?? ''
    const to = users[random(50)] ?? ''
    byMail.push(async () => {
      const message = { to: { user: to }, title: `mail ${i}`, category: `c${i % 3}` }
      const device = devices.find(one => one.session.user === from)
      const answer = i % 2 === 0 ? await (sessions.get(from) as [Session, Session])[i % 4 === 0 ? 0 : 1].send(message) : await device?.ask('send', message)
      if (answer?.id === undefined) throw new Error(`mail ${i}: ${JSON.stringify(answer)}`)
      note(`u:${to}`, answer.id)
      note(`u:${from}`, answer.id)
    })
  }
  for (let i = 0; i < 60; i++) {
    const group = groups[i % groups.length] ?? ''
    byMail.push(async () => {
      if (i % 2 === 0) { note(`g:${group}`, (await producer.send({ to: { group }, title: `post ${i}` })).id); return }
      const members = memberOf.get(group) ?? []
      const from = members[i % members.length] ?? ''
      const { id } = await (sessions.get(from) as [Session, Session])[i % 4 === 1 ? 0 : 1].send({ to: { group }, title: `post ${i}` })
      note(`g:${group}`, id)
      note(`u:${from}`, id)
    })
  }
  for (let i = 0; i < 15; i++) byMail.push(async () => { note('all', (await producer.send({ to: { all: true }, title: `all ${i}` })).id) })
  // Forty writers at once, all kinds mixed.
  byMail.sort(() => random(3) - 1)
  await Promise.all(Array.from({ length: 40 }, async () => { for (let next = byMail.pop(); next !== undefined; next = byMail.pop()) await next() }))

  const complete = (device: RawSocket, entries: RawSocket['entries']): boolean => {
    const got = new Set(entries.filter(entry => entry.type === 'message').map(entry => `${entry.stream} ${entry['id']}`))
    return Object.keys(starts.get(device) ?? {}).every(stream => [...expected.get(stream) ?? []].every(id => got.has(`${stream} ${id}`)))
  }
  const check = (device: RawSocket, entries: RawSocket['entries'], where: string): void => {
    for (const [stream, from] of Object.entries(starts.get(device) ?? {})) {
      const ids = checkChain(t, entries, stream, from, `${where} of ${device.session.user}: ${stream}`).filter(entry => entry.type === 'message').map(entry => entry['id'] as string)
      if (new Set(ids).size !== ids.length) t.fail(`${where} of ${device.session.user}: ${stream} has a message twice`)
      const want = expected.get(stream) ?? new Set()
      if (ids.length !== want.size || !ids.every(id => want.has(id))) t.fail(`${where} of ${device.session.user}: ${stream} has ${ids.length} of ${want.size}`)
    }
    const foreign = entries.find(entry => entry.stream !== undefined && !(entry.stream in (starts.get(device) ?? {})))
    if (foreign !== undefined) t.fail(`${where} of ${device.session.user}: an entry of ${foreign.stream}`)
  }
  for (const device of devices) {
    await until(`all entries at ${device.session.user}`, () => complete(device, device.entries), 20_000)
    check(device, device.entries, 'live')
  }
  t.pass(`${devices.length} devices live`)

  // Replays from where each began, at the other node, by cursors and by sync.
  for (const [i, user] of users.entries()) {
    if (i % 5 !== 0) continue
    const device = devices.find(one => one.session.user === user) as RawSocket
    const again = await openSocket(t, (sessions.get(user) as [Session, Session])[1], { cursors: starts.get(device) })
    await until(`the replay of ${user}`, () => complete(device, again.entries))
    check(device, again.entries, 'replay')
    const synced = await again.ask('sync', { cursors: starts.get(device), limit: 1000 })
    check(device, synced.entries, 'sync')
  }

  // Lists and exact counts, at both nodes.
  for (const user of users) {
    const [one, two] = sessions.get(user) as [Session, Session]
    const inbox = await one.list('limit=200')
    t.equal(new Set(inbox.map(message => message.id)).size, inbox.length)
    const byCategory: Record<string, number> = {}
    const received = inbox.filter(message => message.from.user !== user)
    for (const message of received) byCategory[message.category] = (byCategory[message.category] ?? 0) + 1
    t.same(await two.get('/messages/unread'), { unread: received.length, byCategory }, `unread of ${user}`)
    const device = devices.find(one => one.session.user === user) as RawSocket
    await until(`the last unread of ${user}`, () => device.shown().unread === received.length)
  }
  t.ok(site.isAlive())
  t.same(site.log().split('\n').filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line)), [], 'nothing went wrong')
})
