import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'
import { nowSeconds } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)
const members = async (group: string, query = ''): Promise<any> => (await producer.call('GET', `/gate/groups/${encodeURIComponent(group)}/members${query}`)).body

t.test('groups - put, list, delete', async t => {
  t.same((await members('crew')).members, [])
  for (const user of ['ada', 'grace', 'linus']) {
    const answer = await producer.call('PUT', `/gate/groups/crew/members/${user}`)
    t.equal(answer.status, 200)
  }
  t.equal((await producer.call('PUT', '/gate/groups/crew/members/ada')).status, 200, 'again is the same')
  t.same((await members('crew')).members.sort(), ['ada', 'grace', 'linus'])
  const answer = await producer.call('DELETE', '/gate/groups/crew/members/grace')
  t.equal(answer.status, 204)
  t.equal(answer.text, '')
  t.same((await members('crew')).members.sort(), ['ada', 'linus'])
  const again = await producer.call('DELETE', '/gate/groups/crew/members/grace')
  t.ok(again.status === 204 || again.status === 404, 'taking out who is not in does no harm', { status: again.status })
  t.equal((await request(site.gate, 'PUT', '/gate/groups/crew/members/root', { token: site.adminToken() })).status, 200, 'an admin may')
  t.equal((await request(site.gate, 'GET', '/gate/groups/crew/members', { token: site.adminToken() })).status, 200)
})

t.test('groups - members come page by page', async t => {
  const names = Array.from({ length: 25 }, (_, i) => `p${String(i).padStart(2, '0')} 🦉/%`)
  await Promise.all(names.map(async name => { await producer.join('paged', name) }))
  for (const limit of [1, 10, 25]) {
    const seen: string[] = []
    let after: string | null = null
    do {
      const page: any = await members('paged', `?limit=${limit}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`)
      t.ok(page.members.length <= limit)
      seen.push(...page.members)
      after = page.next
    } while (after !== null && after !== undefined)
    t.same(seen.sort(), names, `pages of ${limit}`)
  }
  for (const query of ['?limit=0', '?limit=-1', '?limit=x', '?limit=1.5', '?limit=', '?limit=1&limit=2']) {
    refused(t, await producer.call('GET', `/gate/groups/paged/members${query}`), 400, 'GP_VALIDATION', query.slice(0, 30))
  }
})

t.test('groups - open sockets join and leave at once, on both nodes', async t => {
  const [one, two] = await assignBoth(site, 'live')
  await producer.join('live', 'other')
  await producer.send({ to: { group: 'live' }, title: 'before' })
  const devices = [await openSocket(t, one), await openSocket(t, two), await openSocket(t, two, { transports: ['polling'] })]
  for (const device of devices) t.notOk('g:live' in device.ready.heads)
  await producer.join('live', 'live')
  const { id } = await producer.send({ to: { group: 'live' }, title: 'inside' })
  for (const device of devices) {
    const change = await device.change(entry => entry['group'] === 'live' && entry['joined'] === true)
    t.equal(change.stream, 'u:live', 'joining lies in the own stream')
    const entry = await device.message('inside')
    t.equal(entry.stream, 'g:live')
    t.equal(entry.prev, change['after'], 'the group begins after the cursor that the joining gave')
    t.same(device.titles('g:live'), ['inside'], 'what came before joining is not seen')
  }
  t.same((await one.list()).map(message => message.id), [id])
  t.equal(await one.unread(), 1)
  await producer.leave('live', 'live')
  for (const device of devices) await device.change(entry => entry['group'] === 'live' && entry['joined'] === false)
  await producer.send({ to: { group: 'live' }, title: 'outside' })
  await producer.send({ to: { user: 'live' }, title: 'fence' })
  for (const device of devices) {
    await device.message('fence')
    t.same(device.titles('g:live'), ['inside'])
  }
  for (const session of [one, two]) {
    t.same((await session.list()).map(message => message.title), ['fence'], 'nothing of the group any more')
    refused(t, await session.call('GET', `/messages/${id}`), 404, 'GP_NOT_FOUND', 'not by its id either')
    t.equal(await session.unread(), 1)
    refused(t, await session.call('POST', '/messages', { body: { to: { group: 'live' }, title: 'x' } }), 403, 'GP_NOT_MEMBER', 'may not post any more')
  }
  const replay = await openSocket(t, one, { cursors: { 'u:live': 0, 'g:live': 0 } })
  await replay.message('fence')
  t.same(replay.titles('g:live'), [])
})

t.test('groups - who joins again sees what comes after that', async t => {
  const session = await assign(site, 'again')
  const device = await openSocket(t, session)
  await producer.join('round', 'other')
  await producer.join('round', 'again')
  await producer.send({ to: { group: 'round' }, title: 'first' })
  await device.message('first')
  await producer.leave('round', 'again')
  await producer.send({ to: { group: 'round' }, title: 'missed' })
  await producer.join('round', 'again')
  await producer.send({ to: { group: 'round' }, title: 'second' })
  await device.message('second')
  t.notOk(device.titles().includes('missed'))
  t.notOk((await session.list()).map(message => message.title).includes('missed'))
  t.ok((await session.list()).map(message => message.title).includes('second'))
  const joined = device.entries.filter(entry => entry['group'] === 'round').map(entry => entry['joined'])
  t.same(joined, [true, false, true])
  const fresh = await openSocket(t, session)
  t.ok('g:round' in fresh.ready.heads)
})

t.test('groups - joining and leaving survive in the replay of a device that was away', async t => {
  const session = await assign(site, 'away')
  const before = await openSocket(t, session)
  const cursors = before.ready.heads
  before.close()
  await producer.join('away-1', 'away')
  await producer.send({ to: { group: 'away-1' }, title: 'a1' })
  await producer.join('away-2', 'away')
  await producer.leave('away-2', 'away')
  const device = await openSocket(t, session, { cursors: { 'u:away': 0, ...cursors } })
  await device.message('a1')
  await device.change(entry => entry['group'] === 'away-2' && entry['joined'] === false)
  t.same(device.entries.filter(entry => entry.type === 'change').map(entry => [entry['group'], entry['joined']]), [['away-1', true], ['away-2', true], ['away-2', false]])
})

t.test('groups - a token makes its user a member, durably', async t => {
  const session = await assign(site, 'claim', { token: site.userToken('claim', { groups: ['claimed', 'of all'] }) })
  const device = await openSocket(t, session)
  await until('a member', async () => (await members('claimed')).members.includes('claim'))
  t.same((await members('of all')).members, ['claim'])
  await producer.send({ to: { group: 'claimed' }, title: 'hello' })
  t.equal((await device.message('hello')).stream, 'g:claimed')
  const plain = await assign(site, 'claim')
  t.same((await plain.list()).map(message => message.title), ['hello'], 'a token without groups takes nothing away')
  t.equal((await plain.call('POST', '/messages', { body: { to: { group: 'claimed' }, title: 'mine' } })).status, 201)
})

t.test('groups - an old token does not bring back who was taken out; a new one does', async t => {
  const old = site.userToken('expelled', { groups: ['closed'], iat: nowSeconds() - 30 })
  await openSocket(t, await assign(site, 'expelled', { token: old }))
  await until('a member', async () => (await members('closed')).members.includes('expelled'))
  await producer.leave('closed', 'expelled')
  const session = await assign(site, 'expelled', { token: old })
  const device = await openSocket(t, session)
  t.notOk('g:closed' in device.ready.heads)
  await producer.send({ to: { group: 'closed' }, title: 'secret' })
  await producer.send({ to: { user: 'expelled' }, title: 'fence' })
  await device.message('fence')
  t.same(device.titles(), ['fence'])
  t.same((await members('closed')).members, [])
  refused(t, await session.call('POST', '/messages', { body: { to: { group: 'closed' }, title: 'x' } }), 403, 'GP_NOT_MEMBER', 'no post')
  const left = nowSeconds()
  await until('the next second', () => nowSeconds() > left)
  const renewed = await openSocket(t, await assign(site, 'expelled', { token: site.userToken('expelled', { groups: ['closed'] }) }))
  await until('a member again', async () => (await members('closed')).members.includes('expelled'))
  await producer.send({ to: { group: 'closed' }, title: 'welcome back' })
  await renewed.message('welcome back')
  t.notOk(renewed.titles().includes('secret'))
})

t.test('groups - by a refreshed token', async t => {
  const device = await openSocket(t, await assign(site, 'fresh'))
  const answer = await device.ask('refresh', { token: site.userToken('fresh', { groups: ['refreshed'], exp: nowSeconds() + 900 }) })
  t.notOk(answer.error, 'accepted', { answer })
  await device.change(entry => entry['group'] === 'refreshed' && entry['joined'] === true)
  await producer.send({ to: { group: 'refreshed' }, title: 'now' })
  await device.message('now')
})

t.test('groups - of two at once in and out, the last one counts for everyone', async t => {
  const session = await assign(site, 'flip')
  const device = await openSocket(t, session)
  for (let i = 0; i < 10; i++) {
    await Promise.all([producer.join('flip', 'flip'), producer.leave('flip', 'flip')])
  }
  await producer.join('flip', 'flip')
  t.same((await members('flip')).members, ['flip'])
  await producer.send({ to: { group: 'flip' }, title: 'in' })
  await device.message('in')
  await producer.leave('flip', 'flip')
  t.same((await members('flip')).members, [])
  t.same(await session.list(), [])
  t.ok(site.isAlive())
})
