import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, checkChain, openSocket, producerOf, refused } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)

t.test('restart - every inbox, count, group and mark is there again', async t => {
  let producer = producerOf(site)
  const users = ['ada', 'grace', 'linus']
  for (const user of users) await producer.join('staff', user)
  await producer.leave('staff', 'linus')
  const ids: string[] = []
  for (let i = 0; i < 12; i++) {
    const to = [{ user: 'ada' }, { group: 'staff' }, { all: true }, { users }][i % 4]
    ids.push((await producer.send({ to, title: `m${i}`, category: `c${i % 2}`, data: { i }, ...i < 8 ? {} : { url: `/orders/${i}`, actions: [{ id: 'yes', label: 'Yes' }], sender: { name: 'Shop' } } }, `key ${i}`)).id)
  }
  const ada = await assign(site, 'ada')
  const mail = await ada.send({ to: { user: 'grace' }, title: 'mail' }, 'mine')
  await ada.patch(ids[0] ?? '', { read: true })
  for (const id of ids.slice(8, 10)) t.equal((await ada.call('POST', `/messages/${id}/actions/yes`, { body: {} })).body.acted, 'yes')
  await ada.patch(ids[1] ?? '', { archived: true })
  await ada.call('DELETE', `/messages/${ids[2]}`)
  await producer.call('POST', `/gate/messages/${ids[4]}/recall`, { body: { to: { user: 'ada' } } })
  await (await assign(site, 'grace')).call('POST', '/messages/read', { body: { category: 'c1' } })
  const device = await openSocket(t, ada, { cursors: { 'u:ada': 0, all: 0 } })
  await until('the replay', () => Object.entries(device.ready.heads).every(([stream, head]) => device.entries.some(entry => entry.stream === stream && (entry.seq ?? 0) >= head)))
  const cursor = device.entries.find(entry => entry.stream === 'u:ada')?.seq ?? 0
  const shape = (message: any): unknown => message
  const see = async (): Promise<unknown> => await Promise.all(users.map(async user => {
    const session = await assign(site, user)
    return [await session.get('/messages/unread'), (await session.list()).map(shape), (await session.list('box=sent')).map(shape), (await session.list('box=archived')).map(shape), (await producer.call('GET', '/gate/groups/staff/members')).body]
  }))
  const before = await see()
  const nodesBefore = device.ready.heads

  for (const way of ['stop', 'kill'] as const) {
    if (way === 'stop') t.ok((await site.stop()).every(code => code === 0), 'ends with exit code 0')
    else await site.kill()
    await until('the open socket has noticed', () => device.closed() !== undefined)
    await site.start()
    producer = producerOf(site)
    t.same(await see(), before, `the same after ${way}`)
    const [one, two] = await assignBoth(site, 'ada')
    for (const session of [one, two]) {
      const back = await openSocket(t, session, { cursors: { 'u:ada': cursor } })
      t.same(back.ready.heads, nodesBefore)
      await until('the rest', () => back.entries.some(entry => entry.stream === 'u:ada' && entry.seq === back.ready.heads['u:ada']))
      checkChain(t, back.entries, 'u:ada', cursor)
      back.close()
    }
    const again = await producer.call('POST', '/gate/messages', { body: { to: { user: 'ada' }, title: 'm0', category: 'c0', data: { i: 0 } }, headers: { 'idempotency-key': 'key 0' } })
    t.same([again.status, again.body.id, again.body.duplicate], [200, ids[0], true], 'keys are remembered')
    refused(t, await producer.call('POST', '/gate/messages', { body: { to: { user: 'ada' }, title: 'other' }, headers: { 'idempotency-key': 'key 0' } }), 409, 'GP_IDEMPOTENCY_CONFLICT', 'and their bodies')
    const mine = await one.call('POST', '/messages', { body: { to: { user: 'grace' }, title: 'mail' }, headers: { 'idempotency-key': 'mine' } })
    t.same([mine.status, mine.body.id, mine.body.seq], [200, mail.id, mail.seq])
  }

  const late = await openSocket(t, await assign(site, 'ada'))
  const next = await producer.send({ to: { user: 'ada' }, title: 'after' })
  const entry = await late.message('after')
  t.equal(entry.prev, nodesBefore['u:ada'], 'the chain goes on where it was')
  t.ok(next.id > (ids.at(-1) ?? ''), 'ids go on growing')
})
