import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, producerOf, refused, type Session } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)
const titles = async (session: Session, query?: string): Promise<string[]> => (await session.list(query)).map(message => message.title as string)

t.test('list - newest first over own, group and all streams, page by page, nothing twice', async t => {
  await producer.join('l-staff', 'l-ada')
  const expected: string[] = []
  for (let i = 0; i < 60; i++) {
    const to = [{ user: 'l-ada' }, { group: 'l-staff' }, { all: true }][i % 3]
    const title = `m${String(i).padStart(2, '0')}`
    await producer.send({ to, title })
    expected.unshift(title)
  }
  const [one, two] = await assignBoth(site, 'l-ada')
  t.same(await titles(one), expected)
  for (const limit of [1, 7, 60, 200]) t.same(await titles(two, `limit=${limit}`), expected, `pages of ${limit}`)
  const page = await one.get('/messages')
  t.same(Object.keys(page).sort(), ['messages', 'next'])
  t.equal(page.messages.length, 50, '50 where no limit is given')
  t.equal(typeof page.next, 'string')
  t.equal((await one.get('/messages?limit=60')).messages.length, 60)
  const last = (await one.get(`/messages?before=${encodeURIComponent(page.next)}`))
  t.equal(last.messages.length, 10)
  t.ok(last.next === null || last.next === undefined, 'no further page')
  const times = (await one.list()).map(message => Date.parse(message.createdAt))
  t.same(times, [...times].sort((a, b) => b - a))
})

t.test('list - what arrives meanwhile does not shift the pages', async t => {
  for (let i = 0; i < 10; i++) await producer.send({ to: { user: 'shift' }, title: `s${i}` })
  const session = await assign(site, 'shift')
  const mine = async (path: string): Promise<any> => {
    const page = await session.get(path)
    return { ...page, messages: page.messages.filter((message: any) => message.title.startsWith('s')) }
  }
  const first = await mine('/messages?limit=4')
  for (let i = 10; i < 15; i++) await producer.send({ to: { user: 'shift' }, title: `s${i}` })
  const second = await mine(`/messages?limit=4&before=${encodeURIComponent(first.next)}`)
  t.same([...first.messages, ...second.messages].map(message => message.title), ['s9', 's8', 's7', 's6', 's5', 's4', 's3', 's2'])
})

t.test('list - filters: box, unread, category, with', async t => {
  const ada = await assign(site, 'f-ada')
  const grace = await assign(site, 'f-grace')
  const linus = await assign(site, 'f-linus')
  const announced = 20 // of the first test
  const g1 = await grace.send({ to: { user: 'f-ada' }, title: 'g1', category: 'chat' })
  const g2 = await grace.send({ to: { user: 'f-ada' }, title: 'g2' })
  const l1 = await linus.send({ to: { user: 'f-ada' }, title: 'l1', category: 'chat' })
  await ada.send({ to: { user: 'f-grace' }, title: 'a1', category: 'chat' })
  await ada.send({ to: { user: 'f-linus' }, title: 'a2' })
  await producer.send({ to: { user: 'f-ada' }, title: 'p1', category: 'chat' })
  const own = async (query: string): Promise<string[]> => (await titles(ada, query)).filter(title => !title.startsWith('m'))
  t.same(await own('box=inbox'), ['p1', 'l1', 'g2', 'g1'])
  t.same(await own(''), ['p1', 'l1', 'g2', 'g1'])
  t.equal((await titles(ada)).length, 4 + announced)
  t.same(await titles(ada, 'box=sent'), ['a2', 'a1'])
  t.same(await titles(ada, 'box=archived'), [])
  t.same(await titles(ada, 'category=chat'), ['p1', 'l1', 'g1'])
  t.same(await titles(ada, 'category=chat&box=sent'), ['a1'])
  t.same(await titles(ada, 'category=no%20such'), [])
  t.same(await titles(ada, 'with=f-grace'), ['g2', 'g1'])
  t.same(await titles(ada, 'with=f-grace&category=chat'), ['g1'])
  t.same(await titles(ada, 'with=f-grace&box=sent'), ['a1'])
  t.same(await titles(ada, 'with=shop'), [], 'a producer is no user')
  await ada.patch(g1.id, { read: true })
  t.same(await own('unread=true'), ['p1', 'l1', 'g2'])
  t.same(await titles(ada, 'unread=true&category=chat'), ['p1', 'l1'])
  await ada.patch(l1.id, { archived: true })
  t.same(await own(''), ['p1', 'g2', 'g1'])
  t.same(await titles(ada, 'box=archived'), ['l1'])
  t.same(await titles(ada, 'box=archived&with=f-linus'), ['l1'])
  t.same(await own('unread=true'), ['p1', 'g2'])
  t.same(await titles(ada, 'with=f-grace&limit=1'), ['g2', 'g1'], 'short pages, but all of it')
  await ada.patch(l1.id, { archived: false })
  t.same(await own(''), ['p1', 'l1', 'g2', 'g1'])
  t.ok(g2.id)
})

t.test('list - malformed queries', async t => {
  const session = await assign(site, 'q-ada')
  for (const query of ['limit=0', 'limit=201', 'limit=-1', 'limit=1.5', 'limit=abc', 'limit=', 'limit=1e2', 'limit=0x10', 'limit=1&limit=2', 'before=abc', 'before=', 'before=%00', 'before=..%2F', 'box=trash', 'box=', 'box=inbox&box=sent',
    'unread=maybe', 'unread=1', 'category=', `category=${'x'.repeat(129)}`, 'category=a%0Ab', 'with=', `with=${'x'.repeat(256)}`, 'with=a&with=b', `before=${'9'.repeat(400)}`]) {
    refused(t, await session.call('GET', `/messages?${query}`), 400, 'GP_VALIDATION', query)
  }
})

t.test("list - a cursor of another user's list shows nothing of it", async t => {
  for (let i = 0; i < 5; i++) await producer.send({ to: { user: 'c-ada' }, title: `private ${i}` })
  const next = (await (await assign(site, 'c-ada')).get('/messages?limit=2')).next as string
  const mallory = await assign(site, 'c-mallory')
  const answer = await mallory.call('GET', `/messages?before=${encodeURIComponent(next)}`)
  if (answer.status === 200) t.notMatch(answer.text, 'private')
  else refused(t, answer, 400, 'GP_VALIDATION', 'refused')
})

t.test('one message - for those who may see it', async t => {
  const ada = await assign(site, 'o-ada')
  const [grace, graceElsewhere] = await assignBoth(site, 'o-grace')
  const { id } = await ada.send({ to: { user: 'o-grace' }, title: 'letter' })
  t.match(await grace.get(`/messages/${id}`), { id, title: 'letter', boxes: ['inbox'], stream: 'u:o-grace' })
  t.match(await graceElsewhere.get(`/messages/${id}`), { id, title: 'letter' })
  t.match(await ada.get(`/messages/${id}`), { id, title: 'letter', boxes: ['sent'], stream: 'u:o-ada' })
  const mallory = await assign(site, 'o-mallory')
  const attempts: Array<[string, string, unknown?]> = [['GET', ''], ['PATCH', '', { read: true }], ['PATCH', '', { archived: true }], ['DELETE', ''], ['POST', '/recall']]
  for (const [method, tail, body] of attempts) refused(t, await mallory.call(method, `/messages/${id}${tail}`, { body }), 404, 'GP_NOT_FOUND', `${method} ${tail} by a stranger`)
  for (const other of ['0'.repeat(id.length), id.slice(0, -1), id + 'x', 'x', '%20', '__proto__', '*', 'z'.repeat(1000), encodeURIComponent('🦉'), id.toUpperCase()]) {
    refused(t, await grace.call('GET', `/messages/${other}`), 404, 'GP_NOT_FOUND', `GET ${other.slice(0, 40)}`)
    refused(t, await grace.call('PATCH', `/messages/${other}`, { body: { read: true } }), 404, 'GP_NOT_FOUND', `PATCH ${other.slice(0, 40)}`)
    refused(t, await grace.call('DELETE', `/messages/${other}`), 404, 'GP_NOT_FOUND', `DELETE ${other.slice(0, 40)}`)
  }
  t.match(await grace.get(`/messages/${id}`), { read: false, archived: false })
})
